"""What `hub doctor` looks at: each finding says what it saw and, where something is wrong, what to do."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from sqlalchemy import URL, Connection, NullPool, create_engine, func, inspect, make_url, select

from hub.accounts.oidc_provider import Provider
from hub.assets.tables import Asset
from hub.audit.service import LAST_PROOF, LastProof, proof_problem
from hub.audit.tables import AuditEntry
from hub.broker import find_mosquitto, port_is_free
from hub.certificates.authority import CA_FILE
from hub.certificates.rules import WARN_DAYS, covers, days_left
from hub.certificates.serving import FOLDER, address, files_of, leaf_of, read_pair, trusted
from hub.clock import now_ms
from hub.database.migrate import found_revision, newest
from hub.database.trouble import database_problem, without_password
from hub.enrolment.proof import BrokerVisit, list_end_ms
from hub.enrolment.rules import crl_problem
from hub.enrolment.signing import authority_of
from hub.login_providers import ProviderSettings
from hub.organisation.tables import Room, Unit
from hub.probes import mqtt_problem, readiness
from hub.settings import Settings, SettingsError

DISK_FREE_BYTES = 2_000_000_000
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    text: str
    wrong: bool = False


async def examine(settings: Settings) -> list[Finding]:
    """Looks at everything the configured hub depends on; leaves nothing changed."""
    return [finding async for finding in _findings(settings)]


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    yield await asyncio.to_thread(_data_dir, settings.data_dir)
    yield await asyncio.to_thread(_disk, settings.data_dir)
    broker = await mqtt_problem(settings.mqtt_url)
    place = without_password(settings.mqtt_url)
    if broker is None:
        yield Finding(f"broker: {place} takes connections")
    else:
        hint = "start it or set HUB_MQTT_URL"
        if find_mosquitto() is None:
            hint += "; no Mosquitto is installed here (sudo apt-get install mosquitto)"
        yield Finding(f"broker: {place} takes no connection ({broker}); {hint}", wrong=True)
    for finding in await asyncio.to_thread(_database, settings.database_url):
        yield finding
    if settings.tls != "off":
        yield await asyncio.to_thread(_certificate, settings, now_ms())
    if settings.enrolment.broker_dir:
        yield await _enrolment(settings, now_ms())
    for finding in await asyncio.gather(*(_provider(*each) for each in settings.oidc.items())):
        yield finding
    yield await _web(settings)


def _data_dir(folder: Path) -> Finding:
    try:
        with tempfile.NamedTemporaryFile(dir=_existing(folder)) as probe:
            os.fsync(probe.fileno())
    except OSError as error:
        return Finding(
            f"data directory: {folder} cannot be written ({error.strerror}); set HUB_DATA_DIR", wrong=True
        )
    if folder.exists() and folder.stat().st_mode & 0o077:
        return Finding(f"data directory: others can read {folder}; do: chmod 700 {folder}", wrong=True)
    return Finding(f"data directory: {folder.resolve()} can be {'written' if folder.exists() else 'made'}")


def _existing(folder: Path) -> Path:
    return next((each for each in (folder, *folder.resolve().parents) if each.exists()), Path("/"))


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free
    text = f"disk: {free / 1e9:.1f} GB free"
    wrong = free < DISK_FREE_BYTES
    return Finding(f"{text}; make room or move HUB_DATA_DIR" if wrong else text, wrong)


def _database(url: str) -> list[Finding]:
    place, parsed = without_password(url), make_url(url)

    def of_database(text: str, *, wrong: bool = True) -> Finding:
        return Finding(f"database: {place} {text}", wrong)

    if parsed.get_backend_name() == "sqlite":
        file = Path(parsed.database or "")
        if not file.is_file() or not file.stat().st_size:
            return [of_database("is not there yet; `hub import` makes and fills it")]
        # a connection that may write would leave the file changed
        read_only = {"mode": "ro", "uri": "true"}
        parsed = URL.create("sqlite+pysqlite", database=f"file:{quote(str(file.resolve()))}", query=read_only)
    engine = create_engine(parsed, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            found = found_revision(connection)
            if found is None or not inspect(connection).has_table(Unit.__tablename__):
                return [of_database("answers and has no tables; `hub import` makes and fills them")]
            schools = connection.scalar(select(func.count()).select_from(Unit).where(Unit.kind == "school"))
            twins = _twins(connection)
            audit = _audit(connection)
    except Exception as error:  # noqa: BLE001  each driver has its own exceptions, and any of them is the finding
        return [of_database(f"cannot be used: {database_problem(error, url)}")]
    finally:
        engine.dispose()
    if not schools:
        return [of_database("has no schools; `hub import` fills them in"), audit]
    if twins:
        alike = (
            f"has tags or room codes that differ by case alone: {twins}; give those assets and rooms others"
        )
        return [of_database(alike), audit]
    older = "" if found == newest() else f"; its schema {found} becomes {newest()} when `hub serve` begins"
    return [of_database(f"answers and has {schools} schools{older}", wrong=False), audit]


def _audit(connection: Connection) -> Finding:
    """Tells what the hub found when it last proved its log; a database of an old hub has none."""
    if not inspect(connection).has_table(AuditEntry.__tablename__):
        return Finding("audit: there is no log of changes yet")
    row = connection.execute(LAST_PROOF).first()
    last = LastProof(*row) if row else None
    if problem := proof_problem(last, now_ms()):
        return Finding(f"audit: {problem}", wrong=True)
    if last is None:
        return Finding("audit: the log of changes was not proven yet; `hub serve` does it every day")
    hours = (now_ms() - last.at_ms) // 3_600_000
    return Finding(f"audit: the log of changes was proven whole {hours} hours ago")


def _twins(connection: Connection) -> str:
    """Names what differs from another by case alone; a database of an older hub has not been asked yet."""
    if not any(column["name"] == "twin" for column in inspect(connection).get_columns(Asset.__tablename__)):
        return ""
    tags = connection.scalars(select(Asset.tag).where(Asset.twin).order_by(Asset.id).limit(_NAMED + 1))
    rooms = connection.execute(select(Room.school_code, Room.code).where(Room.twin).limit(_NAMED + 1))
    named = [*tags, *(f"{school}/{code}" for school, code in rooms)]
    return ", ".join(named[:_NAMED]) + (" …" if len(named) > _NAMED else "")


def _certificate(settings: Settings, at_ms: int) -> Finding:
    files = files_of(settings)
    if settings.tls == "own" and not files.certificate.exists():
        return Finding("certificate: the hub's own authority is made when `hub serve` begins")
    try:
        leaf = leaf_of(read_pair(files))
    except SettingsError as error:
        return Finding(f"certificate: {error}", wrong=True)
    days = days_left(leaf.not_after_ms, at_ms)
    place = f"certificate: {files.certificate}"
    if days < WARN_DAYS:
        fix = (
            "is `hub serve` running?" if settings.tls == "own" else "renew it and write it to the same files"
        )
        when = f"ends in {days} days" if days >= 0 else "has ended"
        return Finding(f"{place} {when}; {fix}", wrong=True)
    wanted = urlsplit(settings.public_url).hostname
    if wanted and not covers(leaf.names, wanted):
        names = ", ".join(sorted(leaf.names))
        return Finding(f"{place} is of {names}, not of {wanted}; set HUB_PUBLIC_URL or renew it", wrong=True)
    return Finding(f"{place} ends in {days} days and fits its key")


async def _enrolment(settings: Settings, at_ms: int) -> Finding:
    folder, private = Path(settings.enrolment.broker_dir), settings.data_dir / FOLDER
    end_ms = list_end_ms(folder)
    if not (private / CA_FILE).exists() or end_ms is None:
        return Finding(
            f"enrolment: {folder} has no files for the broker yet; `hub serve` makes them", wrong=True
        )
    if problem := crl_problem(end_ms, at_ms):
        return Finding(f"enrolment: {problem}; is `hub serve --role web` running?", wrong=True)
    try:
        authority = await asyncio.to_thread(authority_of, private, at_ms)
        problem = await BrokerVisit(settings, authority).problem(at_ms)
    except PermissionError as error:
        problem = f"{error.filename} cannot be read; run this as the hub's account"
    except (OSError, ValueError) as error:
        problem = str(error)
    if problem:
        return Finding(f"enrolment: {problem}", wrong=True)
    days = days_left(end_ms, at_ms)
    return Finding(f"enrolment: the broker refuses what is revoked; its revocation list ends in {days} days")


async def _web(settings: Settings) -> Finding:
    place = f"{settings.http_host}:{settings.http_port}"
    if await asyncio.to_thread(port_is_free, settings.http_host, settings.http_port):
        return Finding(f"web: nobody listens on {place}; `hub serve` will")
    found = await readiness(f"{address(settings)}/readyz", trusted(settings))
    if found is None:
        other = "another program, or a hub with other settings of TLS, listens there"
        return Finding(f"web: {place} is taken: {other}; stop it or set HUB_HTTP_PORT", wrong=True)
    ready, complaints = found
    if not ready:
        return Finding(f"web: the hub on {place} is not ready: {'; '.join(complaints)}", wrong=True)
    return Finding(
        f"web: a hub on {place} is ready" + (f", but {'; '.join(complaints)}" if complaints else "")
    )


async def _provider(name: str, settings: ProviderSettings) -> Finding:
    place = f"login: {name} ({settings.issuer})"
    if problem := await Provider(settings, now_ms).problem():
        fix = f"people cannot log in with it; look at the way to it and at [oidc.{name}]"
        return Finding(f"{place}: {problem}; {fix}", wrong=True)
    return Finding(f"{place} answers as a provider does; whether it takes the secret, the first login tells")
