"""The configuration file: the example works, and what is wrong is named with its value and the fix."""

from pathlib import Path

import pytest

import edge_agents
from edge_agents.main import command
from edge_agents.settings import SettingsError, load

EXAMPLE = Path(edge_agents.__file__).parent / "agent.example.toml"


def test_the_example_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    settings = load(EXAMPLE)
    assert settings.agent.node == "D703-THPT-02-a1"
    assert len(settings.devices) == 4
    assert settings.outbox.path == EXAMPLE.parent / "agent-data/outbox.db"
    assert command(["--config", str(EXAMPLE), "--check"]) == 0
    assert capsys.readouterr().out.endswith("nothing is wrong; D703-THPT-02/D703-THPT-02-a1 has 4 devices\n")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('group = "D703-THPT-02"', 'group = "a/b"', ["agent.group = 'a/b'", "Fix: the school"]),
        ('node = "D703-THPT-02-a1"', "", ["agent.node = missing", "Fix: this agent's id"]),
        ("mqtt://127.0.0.1:1883", "http://x", ["mqtt.url = 'http://x'", "mqtt:// or mqtts://"]),
        ('# username = "D703-THPT-02-a1"', "pasword = 1", ["mqtt.pasword = 1", "remove it, or correct"]),
        ("# keepalive_s = 30", 'password = ["secret"]', ["mqtt.password = (not shown)"]),
        ('# ca_file = "ca.pem"', 'ca_file = "/nowhere.pem"', ["mqtt.ca_file = '/nowhere.pem'", "no such"]),
        ("# max_mib = 256", "max_mib = 0", ["outbox.max_mib = 0", "Fix: mebibytes, at least 1"]),
        ("poll_s = 5", "poll_s = -1", ["devices[0].poll_s = -1", "Fix: seconds between"]),
        ('kind = "relay"', 'kind = "toaster"', ["devices[2].kind = 'toaster'", "room_air"]),
        ('id = "p101-relay"', 'id = "p101-air"', ["more than once: p101-air"]),
        ('kind = "uplink"\nroom = "-"                    # the whole school\ndriver = "simulated"',
         'kind = "uplink"\nroom = "-"', ["devices[3].options.host = missing"]),
        ("[agent]", "[agent", ["is not TOML"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, says: list[str]
) -> None:
    text = EXAMPLE.read_text()
    assert old in text
    config = tmp_path / "agent.toml"
    config.write_text(text.replace(old, new))
    assert command(["--config", str(config)]) == 2
    said = capsys.readouterr().err
    for part in says:
        assert part in said
    assert "secret" not in said
    assert "Value error" not in said


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "none.toml")
    assert command([]) == 2
    assert command(["--help"]) == 0


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("uplink", 'host = "10.0.0.1"', "devices[0].options.interface = missing"),
        ("uplink", 'host = "http://x"\ninterface = "1"', "a name or address such as 10.12.3.4"),
        ("uplink", 'protocol = "fax"', "protocol = 'fax': known protocols are snmp, ping"),
        ("network_switch", 'host = "x"\nport = 0', "devices[0].options.port = 0"),
        ("network_switch", 'host = "x"\nversion = "3"', "version 3 needs a user; set user"),
        ("network_switch", 'host = "x"\ncolour = 1', "remove it, or correct its name"),
        ("network_switch", 'host = "x"\nauth_key = "secret"', "(not shown)"),
    ],
)
def test_options_of_drivers_are_checked_and_explained(
    tmp_path: Path, kind: str, options: str, said: str
) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(
        f'[agent]\ngroup = "G"\nnode = "N"\n[[devices]]\nid = "d"\nkind = "{kind}"\nroom = "R"\n'
        f"[devices.options]\n{options}\n"
    )
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    with_host = options if "host" in options else 'host = "x"'
    path.write_text(
        path.read_text().replace(options, with_host).replace('kind = "', 'driver = "simulated"\nkind = "')
    )
    assert load(path).devices[0].options, "a simulated device is told nothing, so nothing is wrong"
