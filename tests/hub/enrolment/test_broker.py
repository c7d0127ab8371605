"""Enrolment, its limits and its end against a real Mosquitto with TLS, configured by what the hub writes."""

import asyncio
import base64
import contextlib
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hub import web_role as composition
from hub.broker import unused_port as find_unused_port
from hub.certificates.authority import private_pem
from hub.certificates.rules import DAY_MS
from hub.clock import now_ms, today
from hub.database import Database
from hub.enrolment.broker_files import BrokerFiles
from hub.enrolment.signing import crl_of
from hub.events import Events
from hub.organisation.service import seed_province
from hub.settings import EnrolmentSettings, Settings
from hub.web_role import build

pytestmark = pytest.mark.mosquitto
API = "/api/v1/enrolment"
DEMO_TOKEN = "demo-token-of-the-tests"


@dataclass
class Rig:
    """The hub's API, its loop for the broker's files, and the broker."""

    client: httpx.AsyncClient
    files: BrokerFiles
    folder: Path
    port: int
    inner_port: int
    schools: list[str]

    async def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {DEMO_TOKEN}"}
        return await self.client.request(method, f"{API}{path}", json=body, headers=headers)

    async def code(self, school: str, node: str) -> str:
        made = await self.ask("POST", "/codes", {"school": school, "node": node})
        assert made.status_code == 201, made.text
        assert made.json()["qr_svg"].startswith("<svg")
        return str(made.json()["code"])

    async def enrol(self, school: str, node: str) -> "Box":
        box = Box(self, node)
        answer = await self.client.post(API, json={"code": await self.code(school, node), "csr": box.csr()})
        assert answer.status_code == 201, answer.text
        box.take(answer.json())
        return box

    def hub(self) -> aiomqtt.Client:
        return aiomqtt.Client("127.0.0.1", self.inner_port, username="hub", password="secret")


class Box:
    """An edge agent's key and certificate."""

    def __init__(self, rig: Rig, node: str) -> None:
        self.rig, self.node = rig, node
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.serial = self.certificate = ""
        self._request: x509.CertificateSigningRequest | None = None

    def request(self) -> x509.CertificateSigningRequest:
        # made anew it would have another signature
        if self._request is not None:
            return self._request
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])  # not what it gets
        self._request = (
            x509.CertificateSigningRequestBuilder().subject_name(name).sign(self.key, hashes.SHA256())
        )
        return self._request

    def csr(self) -> str:
        return self.request().public_bytes(serialization.Encoding.PEM).decode()

    def take(self, enrolled: dict[str, str]) -> None:
        self.serial, self.certificate = enrolled["serial"], enrolled["certificate"]
        file = self.rig.folder / f"{self.serial}.pem"
        file.write_bytes(private_pem(self.key) + self.certificate.encode())
        self.context = ssl.create_default_context(cadata=enrolled["chain"])
        self.context.load_cert_chain(file)

    def connection(self, identifier: str = "any") -> aiomqtt.Client:
        return aiomqtt.Client(
            "127.0.0.1", self.rig.port, identifier=identifier, tls_context=self.context, timeout=3
        )


@pytest.fixture
async def rig(
    tmp_path: Path,
    migrated_sqlite: Path,
    program: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Rig]:
    monkeypatch.setattr(composition, "entry_points", lambda group: ())
    (tmp_path / "hub.db").write_bytes(migrated_sqlite.read_bytes())
    port, inner_port = find_unused_port(), find_unused_port()
    folder = tmp_path / "broker"
    pid_file = folder / "mosquitto.pid"
    settings = Settings(
        data_dir=tmp_path,
        demo=True,
        demo_token=DEMO_TOKEN,
        enrolment=EnrolmentSettings(mqtt_url=f"mqtts://127.0.0.1:{port}", broker_dir=str(folder)),
    )
    database = Database(settings.database_url)
    async with database.write() as session:
        schools = await seed_province(session, today(), 3)
    app = build(settings, database, Events("mqtt://127.0.0.1:1", "test"))
    files = BrokerFiles(settings, database, lambda: app.state.now_ms())
    await files.look()
    words = folder / "passwords"
    subprocess.run([program("mosquitto_passwd"), "-b", "-c", words, "hub", "secret"], check=True)
    words.chmod(0o644)
    (folder / "broker-key.pem").chmod(0o644)  # the broker of a test has no group of its own
    for each in (folder, *list(folder.parents)[:3]):
        with contextlib.suppress(PermissionError):
            each.chmod(0o755)
    configuration = folder / "mosquitto.conf"
    configuration.write_text(
        f"per_listener_settings false\npid_file {pid_file}\npassword_file {words}\n"
        f"user root\nlog_dest stderr\nlog_type all\nlistener {inner_port} 127.0.0.1\n"
        + (folder / "listener.conf").read_text().replace(f"listener {port}", f"listener {port} 127.0.0.1")
    )
    log = (folder / "log").open("wb")
    process = subprocess.Popen([program("mosquitto"), "-c", configuration], stdout=log, stderr=log)
    try:
        deadline_s = time.monotonic() + 10
        while not pid_file.exists():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline_s
            await asyncio.sleep(0.02)
        reloading = settings.enrolment.model_copy(update={"reload_pid_file": str(pid_file)})
        files = BrokerFiles(
            settings.model_copy(update={"enrolment": reloading}), database, lambda: app.state.now_ms()
        )
        transport = httpx.ASGITransport(app, client=("10.0.0.9", 40_000))
        async with httpx.AsyncClient(transport=transport, base_url="https://hub.test") as client:
            yield Rig(client, files, folder, port, inner_port, sorted(schools))
    finally:
        process.terminate()
        process.wait(5)
        log.close()
        app.state.telemetry.close()
        app.state.history.close()
        await database.close()


async def known(rig: Rig) -> None:
    await rig.files.look()
    await asyncio.sleep(0.3)


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
        async with asyncio.timeout(5):
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


async def test_a_revoked_node_is_out_within_a_minute_and_stays_out(rig: Rig) -> None:
    school = rig.schools[0]
    box, beside = await rig.enrol(school, f"{school}-a1"), await rig.enrol(school, f"{school}-a2")
    await known(rig)
    async with beside.connection() as neighbour:
        async with contextlib.AsyncExitStack() as stack:
            node = await stack.enter_async_context(box.connection())
            answer = await rig.ask("POST", f"/certificates/{box.serial}/revoke", {"reason": "stolen"})
            assert answer.json()["serials"] == [box.serial]
            await rig.files.look()
            with pytest.raises(aiomqtt.MqttError):
                async with asyncio.timeout(5):
                    await anext(aiter(node.messages))
            with contextlib.suppress(aiomqtt.MqttError):
                await stack.aclose()
        for _ in range(2):
            with pytest.raises(aiomqtt.MqttError):
                async with box.connection():
                    pass
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
    forged = {"certificate": box.certificate, "csr": box.csr(), "signature": base64.b64encode(b"x").decode()}
    assert (await rig.client.post(f"{API}/renew", json=forged)).status_code == 422
    elsewhere = await rig.ask("POST", "/codes", {"school": rig.schools[1], "node": f"{school}-a1"})
    assert elsewhere.status_code == 409
    statuses = [
        (await rig.client.post(API, json={"code": code, "csr": box.csr()})).status_code for _ in range(8)
    ]
    assert statuses[:5] == [403] * 5
    assert statuses[-1] == 429


async def test_the_revocation_list_is_renewed_before_it_ends(rig: Rig) -> None:
    present = crl_of((rig.folder / "revoked.crl").read_bytes())
    assert present is not None
    rig.files._now_ms = lambda: now_ms() + 6 * DAY_MS
    await rig.files.look()
    renewed = crl_of((rig.folder / "revoked.crl").read_bytes())
    assert renewed is not None
    assert renewed.next_update_ms - present.next_update_ms >= 6 * DAY_MS - 2000
