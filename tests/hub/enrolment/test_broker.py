"""What an enrolled node may do at a real Mosquitto, and how that ends."""

import asyncio
import base64
import contextlib

import aiomqtt
import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hub.certificates.rules import DAY_MS
from hub.certificates.serving import FOLDER
from hub.clock import now_ms
from hub.doctor import examine
from hub.enrolment import broker_files
from hub.enrolment.proof import CRL_FILE, list_end_ms, revoked_serial
from hub.enrolment.signing import authority_of, sign_crl
from tests.hub.enrolment.conftest import API, Box, Rig, known

pytestmark = pytest.mark.mosquitto


async def test_m04_a_node_reaches_its_own_topics_alone(rig: Rig) -> None:
    own, other = rig.schools[:2]
    a, b = f"{own}-a1", f"{own}-a2"
    box, beside = await rig.enrol(own, a), await rig.enrol(own, b)
    await known(rig)
    heard: list[str] = []
    async with rig.hub() as hub, box.connection() as node, beside.connection():
        await hub.subscribe("#", qos=1)
        await node.subscribe([("#", 1), ("spBv1.0/+/+/+/#", 1), (f"spBv1.0/{own}/NCMD/{b}", 1)])
        await node.subscribe([(f"spBv1.0/{own}/NCMD/{a}", 1), ("spBv1.0/STATE/hub", 1)])
        refused = [
            f"spBv1.0/{own}/NDATA/{b}",
            f"spBv1.0/{other}/NDATA/{a}",
            f"spBv1.0/{own}/NCMD/{b}",
            f"spBv1.0/{own}/NCMD/{a}",
            f"spBv1.0/{own}/DDATA/{b}/x",
            "spBv1.0/STATE/hub",
            "hub/live/x/y/z",
        ]
        allowed = [f"spBv1.0/{own}/NBIRTH/{a}", f"spBv1.0/{own}/DDATA/{a}/x", f"spBv1.0/{own}/NDEATH/{a}"]
        for topic in (*refused, *allowed):
            await node.publish(topic, b"1", qos=1)
        await hub.publish(f"spBv1.0/{own}/NCMD/{b}", b"not for a", qos=1)
        await hub.publish("spBv1.0/STATE/hub", b"on", qos=1)
        await hub.publish(f"spBv1.0/{own}/NCMD/{a}", b"last", qos=1)
        commands = []
        async with asyncio.timeout(20):
            async for message in node.messages:
                commands.append(str(message.topic))
                if message.payload == b"last":
                    break
            async for message in hub.messages:
                heard.append(str(message.topic))
                if message.payload == b"last":
                    break
        assert commands == ["spBv1.0/STATE/hub", f"spBv1.0/{own}/NCMD/{a}"]
        by_node = [each for each in heard if "CMD" not in each and "STATE" not in each]
        assert by_node == allowed


async def test_m04_a_revoked_node_is_out_within_a_minute_and_stays_out(rig: Rig) -> None:
    school = rig.schools[0]
    box, beside = await rig.enrol(school, f"{school}-a1"), await rig.enrol(school, f"{school}-a2")
    await known(rig)
    async with rig.hub() as hub, beside.connection() as neighbour:
        await hub.subscribe("spBv1.0/+/NDEATH/#")
        async with contextlib.AsyncExitStack() as stack:
            will = aiomqtt.Will(f"spBv1.0/{school}/NDEATH/{box.node}", b"gone")
            node = await stack.enter_async_context(box.connection(will=will))
            answer = await rig.ask("POST", f"/certificates/{box.serial}/revoke", {"reason": "stolen"})
            assert answer.json()["serials"] == [box.serial]
            await rig.files.look()
            with pytest.raises(aiomqtt.MqttError):
                async with asyncio.timeout(20):
                    await anext(aiter(node.messages))
            with contextlib.suppress(aiomqtt.MqttError):
                await stack.aclose()
        async with asyncio.timeout(20):
            assert (await anext(aiter(hub.messages))).payload == b"gone"  # everybody hears that it went
        for _ in range(2):
            assert await box.refused()
        await rig.files.look()
        assert box.node not in (rig.folder / "acl").read_text()
        await neighbour.publish(f"spBv1.0/{school}/NDATA/{school}-a2", b"1", qos=1)
    rows = (await rig.ask("GET", f"/certificates?node={box.node}&state=revoked")).json()["items"]
    assert [(each["reason"], each["ended_ms"] is not None) for each in rows] == [("stolen", True)]
    renewed = await renewal(rig, box)
    assert renewed.status_code == 403


async def renewal(rig: Rig, box: Box) -> httpx.Response:
    next_box = Box(rig, box.node)
    asked = next_box.request().public_bytes(serialization.Encoding.DER)
    proof = base64.b64encode(box.key.sign(asked, ec.ECDSA(hashes.SHA256()))).decode()
    body = {"certificate": box.certificate, "csr": next_box.csr(), "signature": proof}
    answer = await rig.client.post(f"{API}/renew", json=body)
    if answer.status_code == 201:
        next_box.take(answer.json())
        async with next_box.connection():
            pass
    return answer


async def test_renewal_needs_the_present_key_and_a_code_works_once(rig: Rig) -> None:
    school = rig.schools[0]
    code = await rig.code(school, f"{school}-a1")
    box = Box(rig, f"{school}-a1")
    first = await rig.client.post(API, json={"code": code.lower(), "csr": box.csr()})
    box.take(first.json())
    await known(rig)
    assert (await renewal(rig, box)).status_code == 201
    statuses = [(await renewal(rig, box)).status_code for _ in range(9)]
    assert (statuses[0], statuses[-1]) == (201, 429)
    forged = {"certificate": box.certificate, "csr": box.csr(), "signature": base64.b64encode(b"x").decode()}
    assert (await rig.client.post(f"{API}/renew", json=forged)).status_code == 422
    elsewhere = await rig.ask("POST", "/codes", {"school": rig.schools[1], "node": f"{school}-a1"})
    assert elsewhere.status_code == 409
    statuses = [
        (await rig.client.post(API, json={"code": code, "csr": box.csr()})).status_code for _ in range(8)
    ]
    assert statuses[:5] == [403] * 5
    assert statuses[-1] == 429


def growing_old(rig: Rig) -> None:
    """Make the broker's list one of 19 days ago."""
    private = rig.app.state.settings.data_dir / FOLDER
    serial = revoked_serial(private)
    times_ms = now_ms() - 19 * DAY_MS, now_ms() + 11 * DAY_MS
    crl = sign_crl(authority_of(private, now_ms()), {f"{serial:x}": times_ms[0]}, times_ms)
    (rig.folder / CRL_FILE).write_bytes(crl)


async def test_m04_a_revocation_list_is_renewed_before_it_ends_and_trouble_is_said(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing_old(rig)
    old_ms = list_end_ms(rig.folder)
    assert old_ms is not None
    await rig.files.look()
    assert (list_end_ms(rig.folder) or 0) - old_ms >= 19 * DAY_MS - 2000
    assert rig.files.problem == ""
    status = (await rig.ask("GET", "/broker")).json()
    assert (status["kept"], status["problem"]) == (True, "")
    assert abs(status["proven_ms"] - now_ms()) < 60_000
    # a broker that does not hear goes on with the old list: that is found out, and said everywhere
    growing_old(rig)
    monkeypatch.setattr(broker_files, "READ_WITHIN_S", 0.5)
    monkeypatch.setattr(broker_files, "LOOK_EVERY_S", 0.3)
    pid_file = rig.folder / "mosquitto.pid"
    pid_file.rename(rig.folder / "elsewhere.pid")
    pid_file.write_text(str(rig.idle.pid))
    stop = asyncio.Event()
    looking = asyncio.create_task(rig.files.run(stop))
    async with asyncio.timeout(40):
        while "old revocation list" not in rig.files.problem:
            await asyncio.sleep(0.1)
    assert "old revocation list" in (await rig.ask("GET", "/broker")).json()["problem"]
    ready = (await rig.client.get("/readyz")).json()["checks"]
    assert ["old revocation list" in each["detail"] for each in ready if each["name"] == "enrolment"] == [
        True
    ]
    assert "hub_broker_files_problem 1.0" in (await rig.client.get("/metrics")).text
    settings = rig.app.state.settings
    told = [each for each in await examine(settings) if each.text.startswith("enrolment")]
    assert [(each.wrong, "old revocation list" in each.text) for each in told] == [(True, True)]
    (rig.folder / "elsewhere.pid").rename(pid_file)
    async with asyncio.timeout(40):
        while rig.files.problem:
            await asyncio.sleep(0.1)
    stop.set()
    await looking
    told = [each for each in await examine(settings) if each.text.startswith("enrolment")]
    assert [each.wrong for each in told] == [False]
