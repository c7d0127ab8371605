"""HTTPS on real sockets: the own authority, given files, redirects, certificates that change meanwhile."""

import asyncio
import contextlib
import ssl
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hub.broker import unused_port as find_unused_port
from hub.certificates import serving
from hub.certificates.authority import fingerprint, open_authority, private_pem
from hub.certificates.door import Door
from hub.certificates.rules import DAY_MS
from hub.clock import now_ms
from hub.database import Database, migrate
from hub.events import Events
from hub.settings import Settings, SettingsError
from hub.web_role import build


@contextlib.asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[Door]:
    """The hub's whole web application behind its door."""
    await migrate(settings.database_url)
    database = Database(settings.database_url)
    door, stop = Door(settings), asyncio.Event()
    app = build(settings, database, Events("mqtt://127.0.0.1:1", "test"))
    loops = [asyncio.ensure_future(run()) for run in door.loops(app, stop).values()]
    try:
        yield door
    finally:
        stop.set()
        await asyncio.gather(*loops)
        door.close()
        app.state.telemetry.close()
        app.state.history.close()
        await database.close()


@pytest.fixture
def settings(tmp_path: Path, unused_port: int) -> dict[str, Any]:
    return {"http_port": unused_port, "data_dir": tmp_path / "data", "tls": "own"}


def asking(authority: Path | None = None, host: str = "127.0.0.1") -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=authority)
    return httpx.AsyncClient(verify=context, trust_env=False, base_url=f"https://{host}")


def served_leaf(port: int) -> x509.Certificate:
    return x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode())


async def test_the_own_authority_is_trusted_once_it_is_installed(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    port = settings["http_port"]
    folder = tmp_path / "data" / "certificates"
    async with served(Settings(**settings)):
        async with asking() as stranger:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get(f"https://127.0.0.1:{port}/healthz")
        async with asking(folder / "ca.pem") as device:
            answer = await device.get(f"https://127.0.0.1:{port}/healthz")
            assert answer.status_code == 200
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
            assert answer.headers["x-content-type-options"] == "nosniff"
            by_name = await device.get(f"https://localhost:{port}/healthz")
            assert "strict-transport-security" not in by_name.headers
            said = (await device.get(f"https://127.0.0.1:{port}/api/v1/trust")).json()
            given = await device.get(f"https://127.0.0.1:{port}/api/v1/trust/ca.pem")
            assert given.headers["content-type"] == "application/x-x509-ca-cert"
            page = await device.get(f"https://127.0.0.1:{port}/trust", headers={"Accept-Language": "vi"})
            assert "Windows" in page.text
            assert "Dấu vân tay" in page.text
            begun = await device.get(f"https://127.0.0.1:{port}/wall/main?token=x")
            assert begun.headers["content-security-policy"]
    authority = x509.load_pem_x509_certificate(given.content)
    assert said["fingerprint_sha256"] == fingerprint(authority)
    limits = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (limits.ca, limits.path_length) == (True, 0)
    for name in ("ca-key.pem", "hub.pem"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


async def test_plain_http_is_led_to_https(settings: dict[str, Any], tmp_path: Path) -> None:
    plain, port = find_unused_port(), settings["http_port"]
    visitor = httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{plain}")
    async with served(Settings(**settings, http_redirect_port=plain)), visitor as client:
        answer = await client.post("/ops/a%2Fb?x=1")
        assert answer.status_code == 308
        assert answer.headers["location"] == f"https://127.0.0.1:{port}/ops/a%2Fb?x=1"
        assert "strict-transport-security" not in answer.headers
        strange = await client.get("/", headers={"Host": "evil.test/x?"})
        assert strange.status_code == 400


async def test_plain_http_is_led_to_the_public_address_whatever_the_host_says(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    plain = find_unused_port()
    visitor = httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{plain}")
    named = Settings(**settings, http_redirect_port=plain, public_url="https://hub.school.example")
    async with served(named), visitor as client:
        answer = await client.get("/ops?x=1", headers={"Host": "evil.test"})
        assert answer.headers["location"] == "https://hub.school.example/ops?x=1"


async def test_an_ending_certificate_is_renewed_while_connections_go_on(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "CHECK_S", 0.05)
    later_ms = 0
    port = settings["http_port"]
    async with served(Settings(**settings)) as door:
        assert door.serving is not None
        monkeypatch.setattr(door.serving, "_now_ms", lambda: now_ms() + later_ms)
        async with asking(tmp_path / "data" / "certificates" / "ca.pem") as open_one:
            await open_one.get(f"https://127.0.0.1:{port}/healthz")
            before = await asyncio.to_thread(served_leaf, port)
            await asyncio.sleep(0.2)
            assert await asyncio.to_thread(served_leaf, port) == before
            later_ms = 61 * DAY_MS
            async with asyncio.timeout(5):
                while (after := await asyncio.to_thread(served_leaf, port)) == before:
                    await asyncio.sleep(0.05)
            assert after.not_valid_after_utc > before.not_valid_after_utc
            assert (await open_one.get(f"https://127.0.0.1:{port}/healthz")).status_code == 200


def written(folder: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, name: str) -> Path:
    authority = open_authority(folder, now_ms())
    leaf = authority.issue_server(key.public_key(), ["127.0.0.1", name], now_ms())
    (folder / "given.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "given.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return folder / "given.pem"


async def test_given_files_are_taken_anew_and_bad_ones_change_nothing(
    settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(serving, "CHECK_S", 0.05)
    port = settings["http_port"]
    certificate = written(tmp_path, ec.generate_private_key(ec.SECP256R1()), "one")
    files = {"tls": "files", "tls_certificate": certificate, "tls_key": tmp_path / "given.key"}
    async with served(Settings(**settings | files)):
        before = await asyncio.to_thread(served_leaf, port)
        (tmp_path / "given.key").write_bytes(private_pem(ec.generate_private_key(ec.SECP256R1())))
        async with asyncio.timeout(5):
            while "stays" not in caplog.text:
                await asyncio.sleep(0.02)
        assert await asyncio.to_thread(served_leaf, port) == before
        assert "HUB_TLS_KEY" in caplog.text
        # another kind of key: the old one must not live on beside it
        written(tmp_path, rsa.generate_private_key(65537, 2048), "two")
        async with asyncio.timeout(5):
            while (after := await asyncio.to_thread(served_leaf, port)) == before:
                await asyncio.sleep(0.05)
        assert isinstance(after.public_key(), rsa.RSAPublicKey)


@pytest.mark.parametrize(
    ("broken", "setting", "fix"),
    [
        ("other key", "HUB_TLS_KEY", "is not the key of the first certificate"),
        ("password", "HUB_TLS_KEY", "has a password"),
        ("no key", "HUB_TLS_KEY", "convert it: openssl pkey"),
        ("no certificate", "HUB_TLS_CERTIFICATE", "convert it: openssl x509"),
        ("missing", "HUB_TLS_CERTIFICATE", "name the file, or put it there"),
    ],
)
def test_a_pair_that_does_not_fit_names_the_setting(
    broken: str, setting: str, fix: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate, key_file = written(tmp_path, key, "one"), tmp_path / "given.key"
    if broken == "other key":
        key_file.write_bytes(private_pem(ec.generate_private_key(ec.SECP256R1())))
    if broken == "password":
        locked = serialization.BestAvailableEncryption(b"x")
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key_file.write_bytes(key.private_bytes(*form, locked))
    if broken == "no key":
        key_file.write_bytes(b"x")
    if broken == "no certificate":
        certificate.write_bytes(b"x")
    if broken == "missing":
        certificate.unlink()
    files = {"tls": "files", "tls_certificate": certificate, "tls_key": key_file}
    with pytest.raises(SettingsError) as caught:
        Door(Settings(**settings | files))
    [problem] = caught.value.problems
    assert problem.setting == setting
    assert fix in problem.fix
