"""`/api/v1/sync`: sources that are looked at by the clock, and how fresh every school's data are."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import select

from hub.audit.trail import Trailing
from hub.clock import today
from hub.errors import Forbidden, Invalid, NotFound
from hub.imports.carrying import PERMISSIONS
from hub.imports.rules import DOMAINS, coverage, is_fresh
from hub.imports.schemas import (
    CoverageOut,
    DomainCoverage,
    DomainOut,
    SchoolSyncOut,
    SourceIn,
    SourceOut,
    SourcePatch,
    StaleOut,
)
from hub.imports.sync import schools_of
from hub.imports.tables import SyncSource, SyncState
from hub.web.access import permission
from hub.web.principal import PermissionName, Principal, Schools
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1/sync", tags=["sync"])

Reader = Annotated[Principal, Depends(permission("sync.read"))]
Writer = Annotated[Principal, Depends(permission("sync.write"))]
UnitCode = Annotated[str | None, Query(max_length=64)]


@router.get("/sources")
async def list_sources(who: Reader, session: Reading, paging: PageQuery) -> Page[SourceOut]:
    """Lists sources of one's units."""
    last = paging.after(int)
    query = select(SyncSource).order_by(SyncSource.id).limit(paging.limit + 1)
    where = who.schools("sync.read")
    if where is not None:
        query = query.where(SyncSource.unit_code.in_(where))
    if last:
        query = query.where(SyncSource.id > last[0])
    found = (await session.execute(query)).scalars().all()
    return paging.page(found, lambda source: (source.id,), _source)


@router.post("/sources", status_code=201)
async def add_source(
    wanted: SourceIn, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> SourceOut:
    """Adds a source of what the asker may import by hand; it is looked at at once, with their rights."""
    _check_location(wanted.location)
    below = await request.app.state.subtree(session, wanted.unit)
    _check_importer(who, wanted.kind, wanted.unit, known=below is None or bool(below))
    if wanted.kind == "users":
        raise Invalid("accounts are not brought by the clock", field="kind", value="users",
                      fix="import them by hand")  # fmt: skip
    now_ms: int = request.app.state.now_ms()
    source = SyncSource(
        name=wanted.name, kind=wanted.kind, unit_code=wanted.unit, location=wanted.location,
        every_s=wanted.every_s, enabled=True, version="", next_ms=now_ms, failures=0, error="",
        created_ms=now_ms,
    )  # fmt: skip
    _answer_for(source, who)
    session.add(source)
    await session.flush()
    await trail.note("source.add", f"source:{source.id}", unit=wanted.unit, after=wanted.model_dump())
    return _source(source)


@router.patch("/sources/{source_id:int}")
async def change_source(
    source_id: int, wanted: SourcePatch, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> SourceOut:
    """Changes a source, which then imports for whoever changed it; another location is looked at at once."""
    source = await _mine(session, source_id, who)
    given = wanted.model_dump(exclude_none=True)
    if given and given != {"enabled": False}:
        _check_importer(who, source.kind, source.unit_code)
        _answer_for(source, who)
        if wanted.enabled:
            source.next_ms = request.app.state.now_ms()
    before = {name: getattr(source, name) for name in given}
    if wanted.location is not None and wanted.location != source.location:
        _check_location(wanted.location)
        source.version, source.next_ms = "", request.app.state.now_ms()
    for name, value in given.items():
        setattr(source, name, value)
    await session.flush()
    await trail.note(
        "source.change", f"source:{source_id}", unit=source.unit_code, before=before, after=given
    )
    return _source(source)


@router.delete("/sources/{source_id:int}", status_code=204)
async def delete_source(source_id: int, who: Writer, session: Transaction, trail: Trailing) -> None:
    """Forgets a source; what it brought stays."""
    source = await _mine(session, source_id, who)
    await trail.note(
        "source.delete", f"source:{source_id}", unit=source.unit_code, before={"name": source.name}
    )
    await session.delete(source)


@router.post("/sources/{source_id:int}/run", status_code=202)
async def run_source(
    source_id: int, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> SourceOut:
    """Has a source looked at within seconds."""
    source = await _mine(session, source_id, who)
    source.next_ms = request.app.state.now_ms()
    await session.flush()
    await trail.note("source.run", f"source:{source_id}", unit=source.unit_code)
    return _source(source)


@router.get("/status")
async def sync_status(
    who: Reader,
    session: Reading,
    paging: PageQuery,
    request: Request,
    unit: UnitCode = None,
    domain: Annotated[str | None, Query(max_length=16)] = None,
) -> Page[SchoolSyncOut]:
    """Lists schools with the state of each domain: last success, lag, error."""
    last = paging.after(str)
    names = await schools_of(session, await _within(who, unit, session, request), today())
    codes = [code for code in names if not last or code > str(last[0])][: paging.limit + 1]
    states = await _states(session, frozenset(codes))
    now_ms: int = request.app.state.now_ms()
    shown = (domain,) if domain else DOMAINS

    def out(code: str) -> SchoolSyncOut:
        domains = [_domain(name, states.get((code, name)), now_ms) for name in shown]
        return SchoolSyncOut(
            school=code, name=names[code], domains=domains, fresh=any(d.fresh for d in domains)
        )

    return paging.page(codes, lambda code: (code,), out)


@router.get("/coverage")
async def sync_coverage(
    who: Reader, session: Reading, request: Request, unit: UnitCode = None
) -> CoverageOut:
    """Tells how many schools' data are fresh, in all and by domain, and names the others."""
    where = await _within(who, unit, session, request)
    names = await schools_of(session, where, today())
    now_ms: int = request.app.state.now_ms()
    latest: dict[str, int] = {}
    domains = {
        name: DomainCoverage(domain=name, last_success_ms=None, fresh=0, total=len(names)) for name in DOMAINS
    }
    for (code, name), state in (await _states(session, where)).items():
        if code in names and state.last_success_ms is not None and name in domains:
            latest[code] = max(latest.get(code, 0), state.last_success_ms)
            one = domains[name]
            one.fresh += is_fresh(state.last_success_ms, now_ms)
            one.last_success_ms = max(one.last_success_ms or 0, state.last_success_ms)
    found = coverage(names, latest, now_ms)
    return CoverageOut(
        fresh=found.fresh, total=found.total, percent=found.percent, met=found.met,
        stale=[StaleOut(code=code, name=names[code]) for code in found.stale], domains=list(domains.values()),
    )  # fmt: skip


def _domain(name: str, state: SyncState | None, now_ms: int) -> DomainOut:
    last_ms = state.last_success_ms if state else None
    return DomainOut(
        domain=name, last_success_ms=last_ms, lag_s=None if last_ms is None else (now_ms - last_ms) // 1000,
        fresh=is_fresh(last_ms, now_ms),
        # a school may be reached by several sources: say whose error it is
        error=f"{state.origin}: {state.error}" if state and state.error else "",
    )  # fmt: skip


async def _states(session: Reading, where: Schools) -> dict[tuple[str, str], SyncState]:
    query = select(SyncState)
    if where is not None:
        query = query.where(SyncState.school_code.in_(where))
    return {(each.school_code, each.domain): each for each in (await session.execute(query)).scalars()}


async def _within(who: Principal, unit: str | None, session: Reading, request: Request) -> Schools:
    mine = who.schools("sync.read")
    if unit is None:
        return mine
    below: Schools = await request.app.state.subtree(session, unit)
    if (below is not None and not below) or (mine is not None and unit not in mine):
        raise NotFound(said('there is no unit {unit}', unit=unit), field="unit", value=unit,
                       fix="use a code of GET /api/v1/organisation/units")  # fmt: skip
    return mine if below is None else below if mine is None else below & mine


async def _mine(session: Transaction, source_id: int, who: Principal) -> SyncSource:
    source = await session.get(SyncSource, source_id)
    where = who.schools("sync.write")
    if source is None or (where is not None and source.unit_code not in where):
        raise NotFound(
            said("there is no source {source_id}", source_id=source_id),
            field="id",
            value=source_id,
            fix="use an id of GET /api/v1/sync/sources",
        )
    return source


def _check_importer(who: Principal, kind: str, unit: str, *, known: bool = True) -> None:
    """Raises `Forbidden` for what the asker may import nowhere, `Invalid` for a unit where they may not."""
    needed: tuple[PermissionName, ...] = ("sync.write", "imports.run", PERMISSIONS[kind])
    for name in needed:
        if not who.may(name):
            raise Forbidden(
                said(
                    "{name} lacks the permission {permission}, which importing {kind} needs",
                    name=who.name,
                    permission=name,
                    kind=kind,
                ),
                fix="ask an administrator for it",
            )
    if not known or not all(who.may(name, unit) for name in needed):
        raise Invalid("there is no such unit, or it is not yours to import into", field="unit", value=unit,
                      fix="use a code of GET /api/v1/organisation/units")  # fmt: skip


def _answer_for(source: SyncSource, who: Principal) -> None:
    source.by, source.account_id = who.name, who.account_id
    # a login ends, and what its account may stays
    source.token_id = who.token_id if who.kind == "api" else None


def _check_location(location: str) -> None:
    parts = urlsplit(location)
    if parts.scheme in ("http", "https") and parts.hostname and not parts.username:
        return
    path = PurePosixPath(location)
    if "://" in location or path.is_absolute() or ".." in path.parts or "\0" in location:
        raise Invalid("this is neither a folder below the incoming folder nor an http(s) address",
                      field="location", value=location,
                      fix="write such as thpt or https://sis.example/export.zip")  # fmt: skip


def _source(source: SyncSource) -> SourceOut:
    names = [name for name in SourceOut.model_fields if name != "unit"]
    return SourceOut(unit=source.unit_code, **{name: getattr(source, name) for name in names})
