"""A real Mosquitto with TLS, configured by what the hub writes, and boxes that enrol with the hub."""

import asyncio
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
from fastapi import FastAPI

from hub import web_role as composition
from hub.broker import unused_port as find_unused_port
from hub.certificates.authority import private_pem
from hub.certificates.serving import FOLDER
from hub.clock import now_ms, today
from hub.database import Database
from hub.enrolment.broker_files import BrokerFiles
from hub.enrolment.proof import BrokerVisit
from hub.enrolment.signing import authority_of
from hub.events import Events
from hub.organisation.service import seed_province
from hub.settings import EnrolmentSettings, Settings
from hub.web_role import build

API = "/api/v1/enrolment"
DEMO_TOKEN = "demo-token-of-the-tests"


@dataclass
class Rig:
    """The hub's API, its loop for the broker's files, and the broker."""

    client: httpx.AsyncClient
    app: FastAPI
    files: BrokerFiles
    folder: Path
    port: int
    inner_port: int
    idle: subprocess.Popen[bytes]
    """A process that hears signals and does nothing."""
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

    async def refused(self) -> str:
        """Why the broker does not let it in; "" if it does."""
        settings = self.rig.app.state.settings
        file = self.rig.folder / f"{self.serial}.pem"
        visit = BrokerVisit(settings, authority_of(settings.data_dir / FOLDER, now_ms()))
        return await visit.come(self.node, file.read_bytes())

    def connection(self, identifier: str = "any", will: aiomqtt.Will | None = None) -> aiomqtt.Client:
        return aiomqtt.Client(
            "127.0.0.1", self.rig.port, identifier=identifier, tls_context=self.context, timeout=3, will=will
        )


async def not_answering(files: BrokerFiles) -> str:
    try:
        await files.look()
    except OSError as error:
        return str(error)
    return ""


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
        enrolment=EnrolmentSettings(
            mqtt_url=f"mqtts://127.0.0.1:{port}", broker_dir=str(folder), reload_pid_file=str(pid_file)
        ),
        tls="own",
        http_port=find_unused_port(),
    )
    database = Database(settings.database_url)
    async with database.write() as session:
        schools = await seed_province(session, today(), 3)
    app = build(settings, database, Events("mqtt://127.0.0.1:1", "test"))
    files: BrokerFiles = app.state.broker_files
    assert "does not run" in await not_answering(files)
    words = folder / "passwords"
    subprocess.run([program("mosquitto_passwd"), "-b", "-c", words, "hub", "secret"], check=True)
    words.chmod(0o644)
    (folder / "broker-key.pem").chmod(0o644)  # the broker of a test has no group of its own
    for each in (folder, *list(folder.parents)[:3]):
        with contextlib.suppress(PermissionError):
            each.chmod(0o755)
    configuration = folder / "mosquitto.conf"
    configuration.write_text(
        f"per_listener_settings true\npid_file {pid_file}\n"
        f"user root\nlog_dest stderr\nlog_type all\nlistener {inner_port} 127.0.0.1\n"
        f"password_file {words}\nallow_anonymous false\n" + (folder / "listener.conf").read_text()
    )
    log = (folder / "log").open("wb")
    process = subprocess.Popen([program("mosquitto"), "-c", configuration], stdout=log, stderr=log)
    idle = subprocess.Popen(["/bin/sh", "-c", "trap : HUP; while :; do sleep 60 & wait; done"])
    try:
        deadline_s = time.monotonic() + 20
        while await not_answering(files):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline_s
            await asyncio.sleep(0.02)
        transport = httpx.ASGITransport(app, client=("10.0.0.9", 40_000))
        async with httpx.AsyncClient(transport=transport, base_url="https://hub.test") as client:
            yield Rig(client, app, files, folder, port, inner_port, idle, sorted(schools))
    finally:
        idle.kill()
        idle.wait(5)
        process.terminate()
        process.wait(5)
        log.close()
        app.state.telemetry.close()
        app.state.history.close()
        await database.close()


async def known(rig: Rig) -> None:
    await rig.files.look()
    await asyncio.sleep(0.1)  # what is looked at is the list of revoked; the ACL is read a moment before it
