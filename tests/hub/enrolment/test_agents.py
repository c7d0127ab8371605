"""A real agent enrols at a real hub and broker, renews its certificate, and comes back after a dead disk."""

import asyncio
import contextlib
import random
import stat
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from devices.cancelling import cancelled
from devices.enrolment_code import new_code
from devices.wire.payloads import MetricValue, decode_payload
from edge_agents import main as agent_main
from edge_agents.enrolment_line import EnrolmentError, HubLine
from edge_agents.identity import About, Identity
from edge_agents.identity_renewal import HOUR_MS, Renewal, first_try_ms, retry_ms
from edge_agents.settings import load
from hub.certificates.door import listen
from hub.certificates.rules import DAY_MS
from hub.clock import now_ms
from hub.ingest.acknowledge import stored_payload
from tests.edge_agents.conftest import until
from tests.hub.enrolment.conftest import API, Rig, known
from tests.hub.ingest.parts import Parts

pytestmark = pytest.mark.mosquitto


@pytest.fixture
async def address(rig: Rig) -> AsyncIterator[str]:
    """The hub over HTTPS, with a certificate of its own authority."""
    door, stop = listen(rig.app.state.settings), asyncio.Event()
    serving = asyncio.ensure_future(door.loops(rig.app, stop)["web"]())
    yield f"https://127.0.0.1:{rig.app.state.settings.http_port}"
    stop.set()
    await serving
    door.close()


async def enrol(*arguments: object) -> int:
    return await asyncio.to_thread(agent_main.command, ["enrol", *map(str, arguments)])


async def test_m04_an_agent_enrols_by_the_text_of_a_qr_code(rig: Rig, address: str, tmp_path: Path) -> None:
    school = rig.schools[0]
    config = tmp_path / "box" / "agent.toml"
    config.parent.mkdir()
    devices = '[[devices]]\nid = "a"  # stays\nkind = "uplink"\nroom = "-"\ndriver = "simulated"\n'
    config.write_text(
        '[agent]\ngroup = "X"\nnode = "old"\nlog_level = "DEBUG"\n[mqtt]\npassword = "p"\n'
        "[update]\npublic_keys = []\nmax_mib = 7\n" + devices
    )
    code = await rig.code(school, f"{school}-a1")
    assert await enrol(f"{address}/enrol#{code}", "--config", config) == 0
    text = config.read_text()
    assert text.endswith(devices)
    assert "password" not in text
    assert "public_keys = []\nmax_mib = 7" in text
    settings = load(config)
    assert (settings.agent.group, settings.agent.node) == (school, f"{school}-a1")
    assert settings.agent.log_level == "DEBUG"
    private = config.parent / "identity" / "identity.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700
    await known(rig)
    async with settings.mqtt_settings().client("x", aiomqtt.Will("w")) as client:
        await client.publish(f"spBv1.0/{school}/NDATA/{school}-a1", b"1", qos=1)
    # enrolled again with a file that is its own already: nothing else changes
    again = await rig.code(school, f"{school}-a1")
    assert await enrol(*again.split("-"), "--hub", address, "--config", config) == 0
    assert config.read_text() == text


async def test_what_is_wrong_is_said_before_the_secret_leaves(
    rig: Rig,
    address: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = await rig.code(rig.schools[0], "n1")
    posted: list[str] = []
    post = HubLine.post

    def counted(line: HubLine, path: str, *rest: Any, **others: Any) -> dict[str, Any]:
        posted.append(path)
        return post(line, path, *rest, **others)

    monkeypatch.setattr(HubLine, "post", counted)

    async def said(*arguments: object) -> str:
        assert await enrol(*arguments, "--config", tmp_path / "agent.toml") == 1
        return capsys.readouterr().err

    mistyped = code[:-1] + ("0" if code[-1] != "0" else "1")
    assert "mistyped" in await said(mistyped, "--hub", address)
    assert "where the hub is" in await said(code)
    assert "plain http" in await said(code, "--hub", "http://192.0.2.1")
    assert "does not answer" in await said(code, "--hub", "https://127.0.0.1:9")
    assert "does not" in await said(code, "--hub", f"https://127.0.0.1:{rig.inner_port}")
    stranger = str(new_code(random.Random(1).choice, b"another authority"))
    assert "somebody stands between" in await said(stranger, "--hub", address)
    with monkeypatch.context() as clock:
        clock.setattr("edge_agents.enrolment_line.time.time", lambda: 86_400.0)
        assert "set the clock" in await said(code, "--hub", address)
    (tmp_path / "agent.toml").write_text("[agent\n")
    assert "no agent's file" in await said(code, "--hub", address)
    (tmp_path / "agent.toml").unlink()
    assert not posted
    await rig.code(rig.schools[0], "n1")  # ends the one before
    assert "unknown, was used, or has ended" in await said(code, "--hub", address)
    assert not (tmp_path / "agent.toml").exists()


async def test_a_hub_that_cannot_prove_itself_gets_no_code(rig: Rig, address: str, tmp_path: Path) -> None:
    """Who stands between may show the true authority; a certificate of it he has not."""
    true = (await rig.client.get(f"{API}/ca.pem")).text
    strange = HubLine(address.replace("127.0.0.1", "127.1"))
    with pytest.raises(EnrolmentError, match="of other names"):
        await asyncio.to_thread(strange.post, "", {"code": "x"}, true, ignore_times=False)
    foreign = rig.folder / "broker.pem"  # no authority of what answers
    with pytest.raises(EnrolmentError, match="cannot prove to be the hub"):
        await asyncio.to_thread(
            HubLine(address).post, "", {"code": "x"}, foreign.read_text(), ignore_times=False
        )


async def test_m04_a_certificate_is_renewed_in_time(rig: Rig, address: str, tmp_path: Path) -> None:
    school = rig.schools[0]
    config = tmp_path / "agent.toml"
    assert await enrol(await rig.code(school, "n1"), "--hub", address, "--config", config) == 0
    identity, told = Identity(tmp_path / "identity"), []
    clock = [now_ms()]
    renewal = Renewal(identity, address, lambda: clock[0], lambda *said: told.append(said), random.Random(1))
    await renewal.look()
    first = identity.about()
    assert first is not None
    assert told == [(first.not_after_ms, "")]
    assert first.renew_after_ms <= first.next_try_ms < first.not_after_ms - 100 * DAY_MS
    # it is due, and the hub is away: said, and tried again by itself
    clock[0] = first.next_try_ms
    away = Renewal(identity, "https://127.0.0.1:9", lambda: clock[0], lambda *said: told.append(said))
    await away.look()
    assert "does not answer" in told[-1][1]
    later = identity.about()
    assert later is not None
    assert clock[0] < later.next_try_ms <= clock[0] + 5 * 60_000
    before = identity.file.read_bytes()
    await renewal.look()  # not yet
    assert identity.file.read_bytes() == before
    clock[0] = later.next_try_ms
    await renewal.look()
    second = identity.about()
    assert second is not None
    assert second.serial != first.serial
    assert told[-1] == (second.not_after_ms, "")
    await known(rig)
    mqtt = load(config).mqtt_settings()
    async with mqtt.client("n1", aiomqtt.Will("w")):
        pass
    listed = (await rig.ask("GET", "/certificates?node=n1")).json()["items"]
    assert [each["renewal_of"] for each in listed] == [first.serial, None]
    # a box whose clock stopped in 1970 knows that it is wrong, and comes all the same
    early = replace(mqtt, earliest_ms=2**53)
    async with early.client("n1", aiomqtt.Will("w")):
        pass
    # a revoked one is told so and does not hammer
    await rig.ask("POST", f"/certificates/{second.serial}/revoke", {"reason": "lost"})
    clock[0] = second.renew_after_ms + 200 * DAY_MS
    identity.note(replace(second, next_try_ms=1))
    await renewal.look()
    assert "revoked" in told[-1][1]
    third = identity.about()
    assert third is not None
    assert third.next_try_ms - clock[0] >= 12 * HOUR_MS


def test_renewals_are_spread_and_never_too_late() -> None:
    rng = random.Random(3)
    held = About("g", "n", "1", 0, not_after_ms=365 * DAY_MS, renew_after_ms=243 * DAY_MS)
    times = [first_try_ms(held, 0, rng) for _ in range(200)]
    assert min(times) >= held.renew_after_ms
    assert max(times) - min(times) > 10 * DAY_MS
    late = [first_try_ms(held, held.not_after_ms - DAY_MS, rng) for _ in range(50)]
    assert max(late) < held.not_after_ms - DAY_MS + 4 * HOUR_MS
    waits = [retry_ms(failures, rng, refused=False) for failures in range(40)]
    assert max(waits) <= 24 * HOUR_MS


@pytest.mark.faults
async def test_m04_after_a_dead_disk_a_new_code_and_a_new_epoch_lose_and_mix_nothing(
    rig: Rig, address: str, tmp_path: Path
) -> None:
    school = rig.schools[0]
    node = f"{school}-a1"
    parts = Parts(tmp_path / "ingest", schools=(school,))
    acknowledged: dict[int, int] = {}
    sent: dict[tuple[int, int], float] = {}
    told: list[MetricValue] = []

    async def ingest(hub: aiomqtt.Client) -> None:
        async for message in hub.messages:
            metrics = decode_payload(bytes(message.payload)).metrics
            by_name = {metric.name: metric.value for metric in metrics}
            told.extend(metrics)
            if "DDATA" in str(message.topic) and isinstance(value := by_name.get("Temperature"), float):
                sent[by_name["Outbox/Epoch"], by_name["Outbox/Position"]] = value
            parts.now_ms = now_ms()
            parts.send(str(message.topic), bytes(message.payload))
            parts.tick()
            for epoch, known_of in parts.directory.nodes[f"{school}/{node}"].positions.items():
                acknowledged[epoch] = known_of.through
                answer = stored_payload(epoch, known_of.through, now_ms())
                await hub.publish(f"spBv1.0/{school}/NCMD/{node}", answer)

    async def box(name: str) -> tuple[asyncio.subprocess.Process, Path]:
        config = tmp_path / name / "agent.toml"
        config.parent.mkdir()
        config.write_text(
            '[outbox]\npath = "outbox.db"\ncommit_interval_ms = 0\nresend_after_s = 1\n'
            '[agent]\ngroup = "x"\nnode = "x"\nheartbeat_s = 5\n'
            '[[devices]]\nid = "p101-air"\nkind = "room_air"\nroom = "P101"\n'
            'driver = "simulated"\npoll_s = 0.1\n'
            "[devices.options]\nrestless = true\n"
        )
        assert await enrol(await rig.code(school, node), "--hub", address, "--config", config) == 0
        await known(rig)
        argv = ["-m", "edge_agents.main", "--config", str(config)]
        log = (config.parent / "log").open("wb")
        with log:
            return await asyncio.create_subprocess_exec(sys.executable, *argv, stderr=log), config

    async with rig.hub() as hub:
        await hub.subscribe(
            [(f"spBv1.0/{school}/{kind}/#", 1) for kind in ("NBIRTH", "DBIRTH", "NDATA", "DDATA")]
        )
        task = asyncio.create_task(ingest(hub))
        running = []
        try:
            first, config = await box("first")
            running.append(first)
            await until(lambda: sum(acknowledged.values()) > 8, 40)
            first.kill()  # and with it the disk: what was acknowledged is all there ever was
            await first.wait()
            old = dict(acknowledged)
            second, _ = await box("second")
            running.append(second)
            await until(lambda: len(acknowledged) == 2 and min(acknowledged.values()) > 8, 40)
            # the first box with its old certificate is out
            mqtt = load(config).mqtt_settings()
            with pytest.raises(aiomqtt.MqttError):
                async with replace(mqtt, timeout_s=1).client(node, aiomqtt.Will("w")):
                    pass
        finally:
            for process in running:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            await cancelled(task)
    assert all(acknowledged[epoch] == through for epoch, through in old.items())
    assert parts.reasons == {}
    stored = Counter(
        (row.ordinal % 2**40, float(str(value)))  # above them the life of the outbox
        for row in parts.rows
        if row.series.key[2] == "p101-air"
        for place, value in zip(row.indices, row.values, strict=True)
        if row.series.fields[place][0] == "Temperature"
    )
    assert len(sent) > 8
    assert len({row.ordinal >> 40 for row in parts.rows if row.series.key[2] == "p101-air"}) == 2
    assert stored == Counter((position, value) for (_, position), value in sent.items())
    ends = {metric.value for metric in told if metric.name == "Agent/Certificate End"}
    assert len(ends) == 2
    assert min(ends) > now_ms() + 364 * DAY_MS
    parts.telemetry.close()
