"""Settings: precedence, errors a person can act on, and a configuration file that documents every one."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from hub.login_providers import ProviderSettings
from hub.settings import SECTIONS, Settings, SettingsError, load_settings, unknown_variables

SHIPPED = Path(__file__).parents[2] / "config" / "hub.toml"


@pytest.fixture(autouse=True)
def _no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_urls_follow_the_data_directory(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/hub.db"
    assert settings.telemetry_url == f"sqlite:///{tmp_path}/telemetry.db"


def test_environment_wins_over_file_and_arguments_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "other.toml"
    file.write_text(
        'http_port = 1000\nhost_id = "file"\nshard = "file"\n[ingest]\nreorder_ms = 5\nrebirth_burst = 6\n'
    )
    monkeypatch.setenv("HUB_CONFIG", str(file))
    monkeypatch.setenv("HUB_HTTP_PORT", "2000")
    monkeypatch.setenv("HUB_INGEST__REORDER_MS", "7")
    monkeypatch.setenv("HUB_SCHOOLS", "D703-THPT-01, D703-THPT-02")
    settings = load_settings(shard="argument")
    assert (settings.http_port, settings.host_id, settings.shard) == (2000, "file", "argument")
    assert (settings.ingest.reorder_ms, settings.ingest.rebirth_burst) == (7, 6)
    assert settings.schools == ["D703-THPT-01", "D703-THPT-02"]


@pytest.mark.parametrize(
    ("variable", "value", "fix"),
    [
        ("HUB_HTTP_PORT", "80000", "write a number from 1 to 65535"),
        ("HUB_HTTP_PORT", "eighty", "write a whole number from 1 to 65535"),
        ("HUB_MQTT_URL", "http://broker", "must start with mqtt:// or mqtts://"),
        ("HUB_MQTT_URL", "mqtt://broker:99999", "no usable host and port"),
        ("HUB_TELEMETRY_URL", "influx://x", "must start with influxdb:// or influxdbs:// or sqlite://"),
        ("HUB_TELEMETRY_URL", "influxdb://host", "names no bucket"),
        ("HUB_TELEMETRY_URL", "influxdb://host/b?token=x", "unknown option token"),
        ("HUB_TELEMETRY_URL", "influxdb://:8086/b", "no usable host"),
        ("HUB_DATABASE_URL", "mysql://x/y", "postgresql+psycopg://"),
        ("HUB_INGEST__REORDER_MS", "soon", "write a whole number from 0 to 60000"),
        ("HUB_LANGUAGE", "fr", "write 'vi' or 'en'"),
    ],
)
def test_a_wrong_value_is_named_with_its_fix(
    variable: str, value: str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    [problem] = caught.value.problems
    assert problem.setting == variable
    assert problem.value == repr(value)
    assert fix in problem.fix


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_HTTP_PORT", "0")
    monkeypatch.setenv("HUB_LOG_LEVEL", "loud")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert {problem.setting for problem in caught.value.problems} == {"HUB_HTTP_PORT", "HUB_LOG_LEVEL"}


def test_a_misspelt_setting_in_the_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "hub.toml"
    file.write_text("htp_port = 1\n")
    monkeypatch.setenv("HUB_CONFIG", str(file))
    with pytest.raises(SettingsError, match="did you mean http_port"):
        load_settings()


@pytest.mark.parametrize("content", [None, "http_port = "])
def test_an_unreadable_file_is_named(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "hub.toml"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("HUB_CONFIG", str(file))
    with pytest.raises(SettingsError, match=re.escape(str(file))):
        load_settings()


def test_secrets_stay_out_of_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", "mysql://hub:geheim@host/hub")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "geheim" not in str(caught.value)
    assert "geheim" not in repr(Settings(database_url="", demo_token="geheim"))


def test_a_misspelt_variable_is_pointed_out() -> None:
    assert unknown_variables({"HUB_HTP_PORT": "1", "HUB_CONFIG": "x", "PATH": ""}) == [
        "HUB_HTP_PORT is not a setting: did you mean HUB_HTTP_PORT?"
    ]


def test_a_url_is_shown_without_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TELEMETRY_URL", "influxdb://geh@eim@host:8086")
    monkeypatch.setenv("HUB_TELEMETRY_TOKEN", "geheim")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith("HUB_TELEMETRY_URL = 'influxdb://***@host:8086': names no bucket")


def test_the_engines_token_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    monkeypatch.setenv("HUB_TELEMETRY_TOKEN_FILE", str(file))
    with pytest.raises(SettingsError, match="name a file that holds the engine's token"):
        load_settings()
    file.write_text("")
    with pytest.raises(SettingsError, match="is empty"):
        load_settings()
    file.write_text("an:geheim\n")
    assert load_settings().telemetry_secret == "an:geheim"
    monkeypatch.setenv("HUB_TELEMETRY_TOKEN", "wins")
    assert load_settings().telemetry_secret == "wins"
    assert "geheim" not in repr(load_settings())


def test_the_shipped_file_documents_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    sections: list[type[BaseModel]] = [*SECTIONS.values(), ProviderSettings]
    of_sections = {name for section in sections for name in section.model_fields}
    for name in (set(Settings.model_fields) | of_sections) - {*SECTIONS, "oidc"}:
        assert re.search(rf"^(# )?{name} = ", text, re.MULTILINE), f"{name} is not in config/hub.toml"
    without_file = load_settings()
    monkeypatch.setenv("HUB_CONFIG", str(SHIPPED))
    assert load_settings() == without_file
    for name, section in SECTIONS.items():
        assert tomllib.loads(text)[name] == section().model_dump()


def test_a_coarse_tier_outlives_the_finer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TELEMETRY__KEEP_RAW_DAYS", "400")
    with pytest.raises(SettingsError, match="keep_5m_days = 180 is less than keep_raw_days = 400"):
        load_settings()


def test_a_login_provider_comes_from_file_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "hub.toml"
    secret = tmp_path / "secret"
    secret.write_text("of-the-file\n")
    file.write_text('[oidc.so]\nname = "Sở"\nissuer = "https://sso.example/so"\nclient_id = "hub"\n')
    monkeypatch.setenv("HUB_CONFIG", str(file))
    monkeypatch.setenv("HUB_OIDC__SO__CLIENT_SECRET_FILE", str(secret))
    monkeypatch.setenv("HUB_OIDC__SO__SCOPES", "openid,groups")
    monkeypatch.setenv("HUB_OIDC__SO__ROLES", '{"a": "operations@SGDDT"}')
    provider = load_settings().oidc["so"]
    assert (provider.name, provider.secret) == ("Sở", secret.read_text().strip())
    assert provider.scopes == ["openid", "groups"]
    assert provider.roles == {"a": "operations@SGDDT"}
    assert unknown_variables({"HUB_OIDC__SO__ISUER": ""}) == [
        "HUB_OIDC__SO__ISUER is not a setting: did you mean HUB_OIDC__SO__ISSUER?"
    ]


@pytest.mark.parametrize(
    ("changed", "fix"),
    [
        ('issuer = "http://sso.example"', "https://"),
        ('scopes = ["profile"]', "lacks openid"),
        ('roles = { a = "operations" }', "role@unit"),
        ('roles = { "a:*" = "operations@SGDDT" }', "on both sides"),
        ('provision = "create"', "needs role_claim and roles"),
        ('client_secret_file = "/nowhere"', "cannot be read"),
        ("isuer = 1", "did you mean issuer"),
    ],
)
def test_a_wrong_login_provider_is_named_without_its_secret(
    changed: str, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = {
        "name": '"Sở"',
        "issuer": '"https://sso.example"',
        "client_id": '"hub"',
        "client_secret": '"geheim"',
    }
    name, _, value = changed.partition(" = ")
    lines[name] = value
    if name == "client_secret_file":
        del lines["client_secret"]
    file = tmp_path / "hub.toml"
    file.write_text("[oidc.so]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items()))
    monkeypatch.setenv("HUB_CONFIG", str(file))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "HUB_OIDC__SO" in str(caught.value)
    assert fix in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_files_for_tls_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TLS", "files")
    with pytest.raises(SettingsError, match=r"HUB_TLS = 'files': .*needs tls_certificate"):
        load_settings()


def test_what_is_missing_is_called_so_and_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_OIDC__SO__NAME", "Sở")
    monkeypatch.setenv("HUB_OIDC__SO__CLIENT_ID", "hub")
    with pytest.raises(SettingsError, match=r"HUB_OIDC__SO__ISSUER = \(not set\): it is needed"):
        load_settings()
