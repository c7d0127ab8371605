"""`hub user` and `hub token` as somebody types them."""

import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli import app

PASSWORD = "ba con trâu ăn cỏ\n"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> CliRunner:
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    # what a command sets up for its process must not last in this one
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    for name in ("alembic", "httpx"):
        caplog.set_level(logging.WARNING, name)
    runner = CliRunner()
    assert runner.invoke(app, ["import", "--schools", "3"]).exit_code == 0
    return runner


def test_accounts_and_tokens_by_command(hub: CliRunner) -> None:
    def run(command: str, given: str = "") -> str:
        done = hub.invoke(app, command.split(), input=given)
        assert done.exit_code == 0, done.output
        return done.output

    def refused(command: str, *words: str, given: str = "") -> None:
        done = hub.invoke(app, command.split(), input=given)
        assert done.exit_code in {1, 2}
        for word in words:
            assert word in " ".join(done.output.split()), done.output

    refused("token api x --role nosuch --unit SGDDT", "--role", "nosuch", "technician", "school_admin")
    refused("token api x --role technician --unit SGDT", "--unit", "did you mean SGDDT?")
    refused("user add lan --role technician --unit SGDDT", "10 to 256", given="short\n")
    run("user add lan --role administrator --unit SGDDT", PASSWORD)
    refused("user add lan --role administrator --unit SGDDT", "taken", given=PASSWORD)
    refused("user disable lan", "last administrator")
    refused("user disable nobody", "nobody", "hub user list")
    refused("user grant lan --role inspector --unit SGDDT --take", "--role", "administrator@SGDDT")
    run("user add an --role technician --unit SGDDT", PASSWORD)
    run("user grant an --role inspector --unit SGDDT")
    assert "technician@SGDDT, inspector@SGDDT" in run("user list --role inspector")
    run("user disable an")
    assert "(disabled)" in run("user list --disabled")
    run("user enable an")
    assert len(run("user reset-password an").strip()) == 19
    assert "no second factor" in run("user reset-second-factor an")
    assert run("token wall hall --unit SGDDT").startswith("hub_wall_")
    assert "wall_screen@SGDDT" in run("token list")
    refused("token revoke 99", "hub token list")
    run("token revoke 1")
    assert run("token list") == ""
