"""Writes down changes: in the transaction of the change, as its last act before the commit.

    @router.post("/assets/{asset_id}/move")
    async def move(…, session: Transaction, trail: Trailing) -> …:
        …
        await trail.note("asset.move", f"asset:{asset.id}", unit=school, before=…, after=…)

Noted entries wait in the session and are chained when it commits: only then a transaction asks for the lock
of the chain, after all its other locks, so that no two transactions can wait for each other because of it.
"""

import os
import pwd
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends
from sqlalchemy import Table, event, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction
from starlette.requests import Request

from hub.audit.rules import (
    MAX_TEXT_CHARACTERS,
    START,
    ActorKind,
    Facts,
    Head,
    Sealed,
    canonical,
    hash_of,
    storable,
)
from hub.audit.tables import AuditEntry
from hub.clock import now_ms
from hub.database import Database
from hub.folding import folded
from hub.web.principal import Principal
from hub.web.requests import Transaction

_PENDING = "hub_audit_pending"
_CHAIN_LOCK = 0x61756469  # any number of 64 bits, the same in every process of one database
_TABLE = cast(Table, AuditEntry.__table__)
_INSERT = insert(_TABLE)
_NEWEST = select(_TABLE.c.id, _TABLE.c.hash).order_by(_TABLE.c.id.desc()).limit(1)
_LOCK = text(f"SELECT pg_advisory_xact_lock({_CHAIN_LOCK})")


@dataclass(frozen=True, slots=True)
class Entry:
    """A change: who made it, from where, what, on which object (`asset:17`) of which unit.

    `at_ms` is now if left out. Secrets do not belong into `before`, `after` or `text`.
    """

    actor: str
    actor_kind: ActorKind
    action: str
    object: str
    unit: str | None = None
    before: Facts | None = None
    after: Facts | None = None
    text: str = ""
    address: str = ""
    at_ms: int | None = None


async def record(session: AsyncSession, entry: Entry) -> None:
    """Notes an entry to be chained when the session commits; a rollback forgets it with its change."""
    sync = session.sync_session
    at = (sync.get_nested_transaction() or sync.get_transaction(), _unsealed(entry))
    sync.info.setdefault(_PENDING, []).append(at)


def by_command(
    action: str,
    object: str,  # noqa: A002 - the word of the log
    *,
    unit: str | None = None,
    before: Facts | None = None,
    after: Facts | None = None,
    text: str = "",
) -> Entry:
    """Makes the entry of a change by a command of the machine's shell, for its user: `cli:root`."""
    uid = os.getuid()
    try:
        user = os.environ.get("SUDO_USER") or pwd.getpwuid(uid).pw_name
    except KeyError:  # containers run as users that no list names
        user = str(uid)
    return Entry(f"cli:{user}", "command", action, object, unit, before, after, text)


class Trail:
    """Notes what one request changes, for whoever asks."""

    def __init__(self, request: Request, session: AsyncSession) -> None:
        self._request = request
        self._session = session

    async def note(
        self,
        action: str,
        object: str,  # noqa: A002 - the word of the log
        *,
        unit: str | None,
        before: Facts | None = None,
        after: Facts | None = None,
        text: str = "",
    ) -> None:
        """Notes a change in the request's own transaction: both are kept, or neither."""
        actor, kind = _actor(self._request)
        await record(
            self._session,
            Entry(actor, kind, action, object, unit, before, after, text, self._address()),
        )

    async def note_apart(
        self,
        action: str,
        object: str,  # noqa: A002 - the word of the log
        *,
        actor: str | None = None,
        unit: str | None = None,
        after: Facts | None = None,
        text: str = "",
    ) -> None:
        """Notes at once, in a transaction of its own, what stays noted although the request is refused.

        Only before the request has written anything: a database of one file has one writer at a time.
        """
        found, kind = _actor(self._request)
        database: Database = self._request.app.state.database
        if actor is not None:
            found, kind = actor, "account"
        async with database.write() as session:
            entry = Entry(found, kind, action, object, unit, None, after, text, self._address())
            await record(session, entry)

    def _address(self) -> str:
        return self._request.client.host if self._request.client else ""


def _actor(request: Request) -> tuple[str, ActorKind]:
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        return "", "nobody"
    kinds: dict[str, ActorKind] = {"session": "account", "api": "token", "wall": "wall"}
    return principal.name, kinds[principal.kind]


async def trail(request: Request, session: Transaction) -> Trail:
    """Gives a route what it notes its changes with."""
    return Trail(request, session)


Trailing = Annotated[Trail, Depends(trail)]


class unaudited:  # noqa: N801 - reads as the declaration it is
    """Declares that a route which is no GET changes nothing that belongs into the log, and why."""

    def __init__(self, why: str) -> None:
        if not why.strip():
            raise ValueError("say why this route needs no audit")
        self.why = why

    async def __call__(self) -> None:
        """Does nothing: the declaration is all."""


def _unsealed(entry: Entry) -> Sealed:
    return Sealed(
        previous="",
        id=0,
        at_ms=now_ms() if entry.at_ms is None else entry.at_ms,
        actor=storable(entry.actor),
        actor_kind=entry.actor_kind,
        address=storable(entry.address),
        action=entry.action,
        object=storable(entry.object),
        unit=entry.unit,
        before=canonical(entry.before),
        after=canonical(entry.after),
        text=storable(entry.text[:MAX_TEXT_CHARACTERS]),
        hash="",
    )


@event.listens_for(Session, "before_commit")
def _chain(session: Session) -> None:
    """Appends what waits to the chain; savepoints leave it to the transaction that they are part of."""
    if not session.info.get(_PENDING) or session.in_nested_transaction():
        return
    session.flush()  # every other lock comes before that of the chain
    waiting = session.info.pop(_PENDING)
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)  # on SQLite a writing transaction is the only one
    newest = connection.execute(_NEWEST).first()
    head = Head(*newest) if newest else START
    rows: list[dict[str, Any]] = []
    for _, unsealed in waiting:
        sealed = unsealed._replace(previous=head.hash, id=head.id + 1)
        sealed = sealed._replace(hash=hash_of(sealed))
        rows.append({**sealed._asdict(), "search": _searched(sealed)})
        head = Head(sealed.id, sealed.hash)
    connection.execute(_INSERT, rows if len(rows) > 1 else rows[0])


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, ended: SessionTransaction) -> None:
    """Forgets what was noted inside the transaction or savepoint that was rolled back."""
    waiting = session.info.pop(_PENDING, None)
    if waiting and (kept := [each for each in waiting if not _inside(each[0], ended)]):
        session.info[_PENDING] = kept


def _inside(at: SessionTransaction | None, ended: SessionTransaction) -> bool:
    while at is not None:
        if at is ended:
            return True
        at = at.parent
    return ended.parent is None


def _searched(entry: Sealed) -> str:
    words = (entry.actor, entry.action, entry.object, entry.unit, entry.text, entry.before, entry.after)
    return folded(" ".join(filter(None, words)))
