"""What an agent refuses, how it goes back, what it tells of itself; nothing half-written in any case."""

import asyncio
import contextlib
import logging
import zipfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.packages import build, digest_of, new_key, sign
from devices.sections import DeviceSection, configuration_hash
from edge_agents.configuration import ConfigurationFile, RefusedError, Wanted, check, difference
from edge_agents.diagnosing import LogRing, redacted, try_driver
from edge_agents.main import command
from edge_agents.probation import STARTS_MOST, Trial, TrialFile, spent, verdict
from edge_agents.settings import AgentSettings
from edge_agents.simulated import driver_of
from edge_agents.updating import FailedError, Package, Updater
from edge_agents.updating import check as check_update
from edge_agents.versions import Versions
from tests.faults.disk import SmallDisk

RELAY = {"id": "r1", "kind": "relay", "room": "P101", "driver": "simulated"}
KEY, PUBLIC = new_key()


def settings(folder: Path, **update: Any) -> AgentSettings:
    return AgentSettings.model_validate(
        {
            "agent": {"group": "D703-THPT-02", "node": "a1"},
            "outbox": {"path": folder / "outbox.db"},
            "update": {"public_keys": [PUBLIC], **update},
        }
    )


def request(version: int = 5, **content: Any) -> dict[str, Any]:
    return {"id": "1", "version": version, "hash": configuration_hash(content), **content}


@given(
    st.builds(
        Trial,
        st.just("configuration"),
        st.just("id"),
        st.just("1"),
        st.floats(0, 1000),
        starts=st.integers(0, 9),
        over=st.booleans(),
    ),
    st.booleans(),
    st.lists(st.floats(-10, 500), max_size=9),
)
def test_a_trial_always_ends_and_contact_alone_lets_it_stay(
    trial: Trial, contact: bool, times_s: list[float]
) -> None:
    said = verdict(trial, contact)
    assert (said == "keep") is (contact and not trial.over)
    if trial.starts > STARTS_MOST and not contact:
        assert said == "roll_back", "a version that falls over does not get for ever"
    left_s = trial.left_s
    for seconds in times_s:
        trial = spent(trial, seconds)
        assert 0 <= trial.left_s <= left_s
        left_s = trial.left_s
    assert verdict(spent(trial, 1001), False) == "roll_back"


def test_a_trial_survives_and_a_broken_file_of_one_is_dropped(tmp_path: Path) -> None:
    file = TrialFile(tmp_path)
    trial = Trial("update", "id", "1.2.3", 12.5, "1.2.2", 2)
    file.write(trial)
    assert file.read() == trial
    file.path.write_text('{"what": "upd')
    assert file.read() is None
    assert not file.path.exists()


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        (request(devices=[{**RELAY, "kind": "teapot"}]), "known kinds are"),
        (request(devices=[{"id": "p", "kind": "projector", "room": "P1", "options": {"hots": 1}}]), "hots"),
        (request(devices=[RELAY, RELAY]), "more than once"),
        (request(devices=[{**RELAY, "name": "x" * 2_000_000}]), "too large"),
        (request(options={"mqtt_url": "http://x"}), "mqtt://host:port"),
        (request(what="else") | {"options": {"rm": "-rf"}}, "remove it"),
        ({**request(devices=[RELAY]), "hash": "0" * 64}, "hash"),
        (request(version=2), "older_version"),
        (request(version=True), "no version"),
        ({"id": "1"}, "no version"),
    ],
)
def test_a_wrong_configuration_is_refused_in_words(wanted: dict[str, Any], word: str) -> None:
    with pytest.raises(RefusedError, match=word):
        check(wanted, Wanted(3))


def test_what_the_hub_wants_is_on_top_of_the_file_and_goes_back_to_the_last_good_one(tmp_path: Path) -> None:
    file, own = ConfigurationFile(tmp_path), settings(tmp_path)
    for version in (1, 2):
        file.keep_good()
        devices = [{**RELAY, "id": f"r{number}"} for number in range(version)]
        file.write(check(request(version, devices=devices, options={"heartbeat_s": 7}), Wanted()))
    now = file.read()
    assert (now.version, len(now.on_top_of(own).devices), now.on_top_of(own).agent.heartbeat_s) == (2, 2, 7)
    change = difference(Wanted().on_top_of(own), now.on_top_of(own))
    assert (change.halt, [each.id for each in change.start], change.reconnect) == ((), ["r0", "r1"], False)
    assert file.go_back().version == 1
    file.path.write_bytes(file.path.read_bytes()[:-20])
    assert file.read() == Wanted(), "a torn file is no configuration: the agent's own counts"


@pytest.mark.faults
def test_a_full_disk_leaves_the_configuration_as_it_was(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "small", 1)
    try:
        file = ConfigurationFile(disk.path)
        file.write(check(request(1, devices=[RELAY]), Wanted()))
        disk.fill()
        with pytest.raises(OSError, match="space"):
            file.write(check(request(2, devices=[{**RELAY, "name": "x" * 190}] * 1), Wanted()))
        assert file.read().version == 1
        assert [path.name for path in disk.path.glob(".*new")] == []
    finally:
        disk.unmount()


# ---------------------------------------------------------------- updates


def update(version: str = "2.0.0", sha256: str = "0" * 64, **others: str) -> dict[str, str]:
    asked = {"id": "1", "version": version, "sha256": sha256, "url": "https://hub/x"}
    return {**asked, "signature": sign(KEY, sha256), **others}


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (update(signature=sign(new_key()[0], "0" * 64)), "wrong_signature"),
        (update(signature="nonsense"), "wrong_signature"),
        (update() | {"sha256": "1" * 64}, "wrong_signature"),
        (update("1.0.0"), "older_version"),
        (update("../../etc"), "no version"),
        (update(url="http://hub/x"), "not https"),
        ({"id": "1"}, "names no version"),
    ],
)
def test_an_update_that_may_not_be_is_refused_in_words(
    asked: Mapping[str, str], word: str, tmp_path: Path
) -> None:
    with pytest.raises(RefusedError, match=word):
        check_update(asked, settings(tmp_path), "1.5.0")
    with pytest.raises(RefusedError, match="knows nobody"):
        check_update(update(), settings(tmp_path, public_keys=[]), "1.5.0")


@dataclass
class Shelf:
    """An HTTP server with one file; the first answer breaks off after `breaks_at` bytes."""

    content: bytes
    breaks_at: int = 0
    asked: int = 0
    port: int = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        begin = int(head.partition("range: bytes=")[2].partition("-")[0] or 0)
        self.asked += 1
        body = self.content[begin:]
        sent = body[: self.breaks_at] if self.asked == 1 and self.breaks_at else body
        status = "206 Partial Content" if begin else "200 OK"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + sent)
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Shelf"]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self


def packed(folder: Path, version: str = "2.0.0", name: str = "x/__init__.py") -> Path:
    wheel = folder / "x-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(name, "")
    build(folder / "p.tar.gz", version, [wheel])
    return folder / "p.tar.gz"


async def fetched(folder: Path, shelf: Shelf, sha256: str, **limits: Any) -> str:
    """What becomes of an update; "" if it is installed."""
    restarted: list[bool] = []
    versions = Versions(folder)
    updater = Updater(settings(folder, **limits), folder / "a.toml", versions, lambda: restarted.append(True))
    async with shelf.open():
        package = Package("1", "2.0.0", f"http://127.0.0.1:{shelf.port}/p", sha256, "")
        updater.begin(package)
        assert updater.wanted() == package, "a restart goes on with it"
        try:
            await updater.run(package)
        except (RefusedError, FailedError) as error:
            assert not restarted
            assert versions.current == ""
            left = [path.name for path in versions.folder.iterdir()]
            assert left == [], "nothing half-written stays"
            return str(error)
    assert restarted
    return ""


async def test_a_tampered_package_is_refused_even_if_the_line_broke_on_the_way(tmp_path: Path) -> None:
    package = packed(tmp_path)
    content = package.read_bytes()
    shelf = Shelf(content[:-1] + b"!", breaks_at=len(content) // 2)
    assert "tampered" in await fetched(tmp_path, shelf, digest_of(package))
    assert shelf.asked == 2, "it went on where the line broke"
    assert "too_large" in await fetched(tmp_path, Shelf(bytes(2 * 2**20)), "0" * 64, max_mib=1)


async def test_a_package_that_does_not_fit_or_does_not_run_changes_nothing(tmp_path: Path) -> None:
    other = packed(tmp_path, name="../../escaped.py")
    assert "leads out of it" in await fetched(tmp_path, Shelf(other.read_bytes()), digest_of(other))
    assert not (tmp_path / "escaped.py").exists()
    cannot = packed(tmp_path)  # there is no settings file: whatever it is, it does not start here
    assert "cannot be started here" in await fetched(tmp_path, Shelf(cannot.read_bytes()), digest_of(cannot))


@pytest.mark.faults
async def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "small", 4)
    try:
        package = packed(tmp_path)
        said = await fetched(disk.path, Shelf(package.read_bytes()), digest_of(package))
        assert "no_room" in said
    finally:
        disk.unmount()


# ---------------------------------------------------------------- diagnosis


@pytest.mark.parametrize(
    "line",
    [
        "connect with password='geheim99'",
        "mqtt://agent:geheim99@10.0.0.1 refused",
        "options: community: geheim99, port: 161",
        '{"auth_key": "geheim99"}',
        "sent geheim99 as it is",
    ],
)
def test_logs_leave_without_secrets(line: str) -> None:
    ring = LogRing(3)
    logger = logging.getLogger("tests.ring")
    logger.addHandler(ring)
    for number in range(5):
        logger.warning("%d %s", number, line)
    logger.removeHandler(ring)
    told = ring.tail(10, ["geheim99"])
    assert len(told) == 3, "bounded"
    assert "geheim99" not in "".join(told)
    if "sent" not in line:
        assert "geheim99" not in redacted(line), "known by its look alone"


async def test_a_driver_is_tried_once_with_times_and_a_reason(unused_port: int) -> None:
    options = {"host": "127.0.0.1", "port": unused_port}
    section = DeviceSection.model_validate(
        {"id": "p1", "kind": "projector", "room": "P1", "timeout_s": 3, "options": options}
    )
    found = await try_driver(lambda: driver_of(section), section)
    assert not found["ok"]
    assert (found["steps"][-1]["step"], found["steps"][-1]["reason"]) in {
        ("connect", "refused"),
        ("poll", "refused"),
    }


def test_the_doctor_says_what_is_wrong_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], unused_port: int
) -> None:
    file = tmp_path / "agent.toml"
    secret = tmp_path / "password"
    secret.write_text("geheim99")
    secret.chmod(0o644)
    device = f'id="p1"\nkind="projector"\nroom="P1"\noptions={{host="127.0.0.1", port={unused_port}}}'
    file.write_text(
        f'[agent]\ngroup="g"\nnode="n"\n[mqtt]\nurl="mqtt://127.0.0.1:{unused_port}"\nusername="n"\n'
        f'password_file="{secret}"\n[outbox]\npath="data/outbox.db"\n[[devices]]\n{device}\n'
    )
    assert command(["doctor", "--config", str(file)]) == 1
    told = capsys.readouterr().out
    assert f"✗ files: {secret} can be read by others; chmod 600 {secret}" in told
    assert f"✗ connection: 127.0.0.1:{unused_port} takes none" in told
    assert "✗ device p1: refused at" in told
    assert "✓ name: 127.0.0.1" in told
    assert not (tmp_path / "data").exists(), "it leaves nothing changed"
    file.write_text("[agent]\n")
    assert command(["doctor", "--config", str(file)]) == 2
    assert "agent.group = missing" in capsys.readouterr().out


@pytest.mark.mosquitto
def test_the_doctor_meets_a_broker_without_a_hub(
    broker: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(f'[agent]\ngroup="g"\nnode="n"\n[mqtt]\nurl="{broker.url}"\n')
    assert command(["doctor", "--config", str(file)]) == 1
    told = capsys.readouterr().out
    assert "✗ hub: says nothing of itself on the broker" in told
    assert told.count("✗") == 1
