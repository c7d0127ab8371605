"""`hub agent doctor --config FILE`: what is wrong with an agent, in words, and what to do about it."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sqlite3
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import aiomqtt

from edge_agents.configuration import ConfigurationFile
from edge_agents.connection import MqttSettings
from edge_agents.diagnosing import reach, redacted, secrets_of, try_driver
from edge_agents.settings import AgentSettings, SettingsError, load

_WAIT_S = 8.0
_DISK_FREE_BYTES = 200 * 2**20
_END_SOON_MS = 14 * 86_400_000
_BUILT_MS = 1_700_000_000_000
ADVICE = {
    "timeout": "is it switched on, and in this network?",
    "refused": "it is there, but its control is off or on another port: enable it in its menu",
    "no_route": "no way leads there: check the address, the cable, and the network of this machine",
    "auth_failed": "the password or community in its options is wrong",
    "powered_off": "it is switched off at the mains or by plan",
    "protocol_error": "it answers something else: check its kind and its port",
    "unplugged": "its gateway or server answers, the device behind does not: check its cable there",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `fix` says what to do where something is wrong."""

    what: str
    text: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{'✗' if self.fix else '✓'} {self.what}: {self.text}" + (f"; {self.fix}" if self.fix else "")


def command(argv: list[str]) -> int:
    """Print what is wrong. Exit codes: 0 nothing is, 1 something is, 2 the settings cannot be used."""
    parser = argparse.ArgumentParser(
        prog="hub agent doctor", description="Say what is wrong with this agent."
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the agent's TOML file")
    try:
        config: Path = parser.parse_args(argv).config
    except SystemExit as error:
        return int(error.code or 0)
    try:
        settings = load(config)
    except SettingsError as error:
        for line in str(error).splitlines():
            sys.stdout.write(f"✗ settings: {line}\n")
        return 2
    return asyncio.run(_print(config, settings))


async def _print(config: Path, settings: AgentSettings) -> int:
    wrong, secrets = 0, secrets_of(settings)
    async for finding in examine(config, settings):
        wrong += bool(finding.fix)
        sys.stdout.write(redacted(str(finding), secrets) + "\n")
        sys.stdout.flush()
    return 1 if wrong else 0


async def examine(config: Path, own: AgentSettings) -> AsyncIterator[Finding]:
    """Look at all that an agent depends on; leaves nothing changed."""
    data = own.outbox.path.parent
    wanted = ConfigurationFile(data).read()
    settings = wanted.on_top_of(own)
    version = f", with version {wanted.version} of the hub" if wanted.version else ""
    yield Finding("settings", f"{config} can be used{version}; {len(settings.devices)} devices")
    for finding in (_folder(data), _disk(data), _outbox(own), *_keys(own), _clock()):
        yield finding
    mqtt = settings.mqtt_settings()
    line = await reach(mqtt.host, mqtt.port)
    place = f"{mqtt.host}:{mqtt.port}"
    if not line["dns"]["ok"]:
        fix = "check the name in mqtt.url and the resolver of this machine (/etc/resolv.conf)"
        yield Finding("name", f"{mqtt.host} is not found ({line['dns']['text']})", fix)
    else:
        yield Finding("name", f"{mqtt.host} is {', '.join(line['dns']['addresses'])}")
        if not line["tcp"]["ok"]:
            fix = "check the port in mqtt.url, the firewall, and whether the broker runs"
            yield Finding("connection", f"{place} takes none ({line['tcp']['text']})", fix)
        else:
            yield Finding("connection", f"{place} takes one, in {line['tcp']['ms']} ms")
            yield await _broker(mqtt, f"{settings.agent.node}", settings.agent.host_id)
    for finding in await asyncio.gather(
        *(_device(settings, place) for place in range(len(settings.devices)))
    ):
        yield finding


def _folder(folder: Path) -> Finding:
    if not folder.is_dir():
        parent = next(each for each in folder.resolve().parents if each.exists())
        if os.access(parent, os.W_OK):
            return Finding("data folder", f"{folder} will be made")
        return Finding("data folder", f"{folder} cannot be made", f"let this user write in {parent}")
    probe = folder / ".doctor"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        fix = "chown it to the user that runs the agent, or remount it for writing"
        return Finding("data folder", f"{folder} cannot be written ({error.strerror})", fix)
    return Finding("data folder", f"{folder} can be written")


def _disk(folder: Path) -> Finding:
    there = next(each for each in (folder, *folder.resolve().parents) if each.exists())
    free = shutil.disk_usage(there).free
    text = f"{free / 1e6:.0f} MB free"
    return Finding("disk", text, "make room: payloads wait there" if free < _DISK_FREE_BYTES else "")


def _outbox(settings: AgentSettings) -> Finding:
    path = settings.outbox.path
    aside = sorted(path.parent.glob(f"{path.name}.damaged-*"))
    if not path.exists():
        return Finding("outbox", "is not there yet; the agent makes it")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as db:
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            (held,) = db.execute("SELECT count(*) FROM entry").fetchone()
    except sqlite3.OperationalError as error:  # its disk or its rights, not what is in it
        return Finding(
            "outbox", f"{path} cannot be opened ({error})", "mend what is said of its folder first"
        )
    except sqlite3.Error as error:
        return Finding("outbox", f"{path} cannot be read ({error})", "restart the agent: it sets it aside")
    if verdict != "ok":
        return Finding("outbox", f"{path} is damaged ({verdict})", "restart the agent: it sets it aside")
    if aside:
        fix = "see whether the disk fails (dmesg), then remove it"
        return Finding("outbox", f"{len(aside)} damaged ones were set aside, {aside[-1].name} last", fix)
    return Finding("outbox", f"is whole and holds {held} payloads that the hub has not stored")


def _keys(settings: AgentSettings) -> list[Finding]:
    section, found = settings.mqtt, []
    for path in {section.key_file, section.cert_file, section.ca_file, section.password_file} - {None}:
        assert path is not None
        if not os.access(path, os.R_OK):
            found.append(Finding("files", f"{path} cannot be read", "let the agent's user read it"))
    for path in {section.key_file, section.password_file} - {None}:
        assert path is not None
        if path.exists() and path.stat().st_mode & 0o077:
            found.append(Finding("files", f"{path} can be read by others", f"chmod 600 {path}"))
    if section.cert_file is not None:
        found.append(_certificate(section.cert_file))
    return found


def _certificate(path: Path) -> Finding:
    from cryptography import x509

    try:
        end_ms = int(
            x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc.timestamp() * 1000
        )
    except (OSError, ValueError, IndexError) as error:
        return Finding(
            "certificate", f"{path} cannot be read ({error})", "run `hub agent enrol` with a new code"
        )
    left_ms = end_ms - int(time.time() * 1000)
    if left_ms <= 0:
        return Finding("certificate", "has ended", "run `hub agent enrol` with a new code")
    days = left_ms // 86_400_000
    fix = "does the agent run, and does it reach the hub to renew it?" if left_ms < _END_SOON_MS else ""
    return Finding("certificate", f"holds {days} more days", fix)


def _clock() -> Finding:
    now_ms = time.time() * 1000
    text = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    fix = "set it (timedatectl set-ntp true): certificates are not valid yet by it"
    return Finding("clock", f"shows {text}", fix if now_ms < _BUILT_MS else "")


async def _broker(mqtt: MqttSettings, node: str, host_id: str) -> Finding:
    """Come to the broker under another name beside the agent's own where it may, so that no session ends."""
    own_name = mqtt.cert_file is not None  # a certificate fixes the name: this ends the agent's session once
    name = node if own_name else f"{node}-doctor"
    client: aiomqtt.Client | None = None
    try:
        async with asyncio.timeout(_WAIT_S):
            client = mqtt.client(name, aiomqtt.Will(f"spBv1.0/STATE/{node}-doctor", b"", retain=False))
            async with client:
                await client.subscribe(f"spBv1.0/STATE/{host_id}", qos=1)
                return await _state(client, host_id)
    except ssl.SSLCertVerificationError as error:
        fix = "mqtt.ca_file must be the hub's authority, and mqtt.url the name in the broker's certificate"
        return Finding("TLS", f"the broker's certificate is not trusted ({error.verify_message})", fix)
    except (ssl.SSLError, OSError) as error:
        fix = "is this the TLS port, and is the certificate still valid? else enrol anew"
        return Finding("TLS", f"fails ({error})", fix)
    except aiomqtt.MqttError as error:
        text = str(error)
        fix = "the user name, password or certificate is not accepted (revoked?): enrol anew"
        if "timed out" in text.lower():
            fix = "something else than a broker listens there, or a firewall swallows what it says"
        return Finding("broker", f"refuses this agent ({text})", fix)
    except TimeoutError:
        return Finding("broker", "does not answer", "something else than a broker listens there")


async def _state(client: aiomqtt.Client, host_id: str) -> Finding:
    from devices.wire.payloads import PayloadError, parse_state

    try:
        async with asyncio.timeout(2):
            async for message in client.messages:
                state = parse_state(bytes(message.payload))
                if not state.online:
                    return Finding("hub", "is not online by its STATE", "nothing to do here: the agent waits")
                return Finding("broker", "takes this agent, and the hub is online")
    except (TimeoutError, PayloadError):
        pass
    fix = f"is host_id = {host_id!r} the hub's, and may this agent read its STATE?"
    return Finding("hub", "says nothing of itself on the broker", fix)


async def _device(settings: AgentSettings, place: int) -> Finding:
    from edge_agents.simulated import driver_of

    section = settings.devices[place]
    found = await try_driver(lambda: driver_of(section), section)
    name = f"device {section.id}"
    if found["ok"]:
        return Finding(name, f"answers in {sum(step['ms'] for step in found['steps'])} ms")
    failed = next(step for step in found["steps"] if not step["ok"])
    reason = failed["reason"]
    text = f"{reason} at {failed['step']} ({failed['text']})"
    return Finding(name, text, ADVICE.get(reason, "look at the device itself"))
