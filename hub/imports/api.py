"""`/api/v1/imports` and `/api/v1/exports`: files brought in, looked at, applied; and given out."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from hub.audit.trail import Trailing
from hub.database import Database
from hub.errors import Conflict, Forbidden, Invalid, NotFound
from hub.imports import oneroster, service
from hub.imports.carrying import PERMISSIONS, SHEETS
from hub.imports.oneroster import ClassSheet, SessionSheet
from hub.imports.runner import Runner
from hub.imports.schemas import ColumnOut, ImportOut, ImportRowOut, KindName, KindOut, State
from hub.imports.tables import ImportRow, ImportRun
from hub.imports.writing import csv_parts, rows_of, xlsx_parts
from hub.sheets import Column, Sheet, Values
from hub.web.access import permission
from hub.web.principal import PermissionName, Principal, Schools
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1", tags=["imports"])

MAX_FILE_BYTES = 200 * 1_048_576
_MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_READS: dict[str, PermissionName] = {
    "units": "organisation.read", "rooms": "organisation.read", "equipment": "assets.read",
    "users": "accounts.read", "counts": "organisation.read", "oneroster": "organisation.read",
}  # fmt: skip
_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
Importer = Annotated[Principal, Depends(permission("imports.run"))]
Exporter = Annotated[Principal, Depends(permission("organisation.read"))]
UnitCode = Annotated[str | None, Query(max_length=64)]
Format = Annotated[Literal["csv", "xlsx"], Query()]


@router.get("/imports/kinds")
async def list_kinds(who: Importer) -> list[KindOut]:
    """Lists the kinds of files with their columns, and which of them the asker may bring in."""
    kinds = [
        KindOut(
            id=s.id,
            label=s.en,
            labels={"vi": s.vi, "en": s.en},
            columns=_columns(s),
            allowed=who.may(PERMISSIONS[s.id]),
        )
        for s in SHEETS.values()
    ]
    columns = [each for sheet in (SessionSheet, ClassSheet) for each in _columns(sheet)]
    labels = {"vi": "Gói OneRoster 1.2", "en": "OneRoster 1.2 bundle"}
    return [
        *kinds,
        KindOut(
            id="oneroster",
            label=labels["en"],
            labels=labels,
            columns=columns,
            allowed=who.may(PERMISSIONS["oneroster"]),
        ),
    ]


def _columns(sheet: Sheet | type[Sheet]) -> list[ColumnOut]:
    return [
        ColumnOut(name=c.name, labels={"vi": c.vi, "en": c.en}, required=c.required, type=c.type,
                  example=c.example, choices=list(c.choices),
                  words={value: words[0] for value, words in c.choices.items() if words})
        for c in sheet.columns
    ]  # fmt: skip


@router.get("/imports/kinds/{kind}/template.{ending}", response_class=StreamingResponse)
async def get_template(
    _who: Importer, kind: str, ending: Literal["csv", "xlsx"], language: Literal["vi", "en"] = "vi"
) -> StreamingResponse:
    """Gives an empty sheet with headings and one example."""
    sheet = _sheet(kind)
    example: Values = {column.name: column.example or None for column in sheet.columns}
    return _file(_parts(sheet, rows_of([example]), ending, language), f"{kind}-template", ending)


@router.post("/imports", status_code=202, openapi_extra=_UPLOAD)
async def start_import(
    who: Importer,
    request: Request,
    trail: Trailing,
    session: Transaction,
    kind: Annotated[KindName, Query()],
    unit: UnitCode = None,
) -> ImportOut:
    """Takes a file (multipart field `file`, at most 200 MB) and begins to tell what it would do."""
    scope = await _scope(who, PERMISSIONS[kind], unit, request)
    runner: Runner = request.app.state.imports
    stored = secrets.token_hex(16)
    name, size = await _upload(request, runner.path(stored))
    try:
        now_ms: int = request.app.state.now_ms()
        run = await service.add(session, new_run(kind, unit, scope, name, stored, size, who, now_ms))
        await trail.note(
            "import.check", f"import:{run.id}", unit=unit, after={"kind": kind, "file": name, "size": size}
        )
    except BaseException:
        runner.path(stored).unlink(missing_ok=True)
        raise
    runner.wake.set()
    return await _shown(session, run, runner)


def new_run(
    kind: str,
    unit: str | None,
    scope: Schools,
    name: str,
    stored: str,
    size: int,
    who: Principal,
    now_ms: int,
) -> ImportRun:
    """Makes the record of a file that is to be read, with what its bringer may."""
    roles = [[name, None if where is None else sorted(where)] for name, where in who.permissions.items()]
    return ImportRun(
        kind=kind, unit_code=unit, scope=None if scope is None else sorted(scope), file=name, stored=stored,
        size=size, encoding="", state="reading", done=0, total=0, summary={}, digest="", problem=None,
        account_id=who.account_id, by=who.name, roles=roles if kind == "users" else [], holder="",
        beat_ms=now_ms, created_ms=now_ms, finished_ms=None,
    )  # fmt: skip


@router.get("/imports")
async def list_imports(
    who: Importer, session: Reading, paging: PageQuery, request: Request
) -> Page[ImportOut]:
    """Lists imports, the newest first: one's own, or all for who may import everywhere."""
    last = paging.after(int)
    runs = await service.list_runs(
        session, who.account_id, who.schools("imports.run"), before=int(last[0]) if last else None,
        limit=paging.limit + 1,
    )  # fmt: skip
    shown = {run.id: await _shown(session, run, request.app.state.imports) for run in runs}
    return paging.page(runs, lambda run: (run.id,), lambda run: shown[run.id])


@router.get("/imports/{run_id:int}")
async def get_import(run_id: int, who: Importer, session: Reading, request: Request) -> ImportOut:
    """Tells how far an import is and what it would do or did."""
    return await _shown(session, await _mine(session, run_id, who), request.app.state.imports)


@router.get("/imports/{run_id:int}/rows")
async def list_rows(
    run_id: int,
    who: Importer,
    session: Reading,
    paging: PageQuery,
    only: Annotated[Literal["errors", "warnings", "new", "changed", ""] | None, Query()] = None,
) -> Page[ImportRowOut]:
    """Lists what rows would do and what is wrong with them; of each sort the first 2,000 are kept."""
    await _mine(session, run_id, who)
    last = paging.after(int)
    found = await service.rows(session, run_id, only, int(last[0]) if last else None, paging.limit + 1)
    return paging.page(found, lambda row: (row.position,), _row)


@router.post("/imports/{run_id:int}/apply", status_code=202)
async def apply_import(
    run_id: int, who: Importer, session: Transaction, trail: Trailing, request: Request
) -> ImportOut:
    """Begins to do what was checked: all of it, or nothing."""
    run = await _mine(session, run_id, who)
    runner: Runner = request.app.state.imports
    if run.state != "checked":
        raise Conflict(
            said("this import is {state}", state=run.state),
            field="state",
            value=run.state,
            fix="send the file again",
        )
    if run.summary.get("errors"):
        errors = run.summary["errors"]
        raise Conflict(
            said("{errors} rows have errors: a file is applied as a whole or not at all", errors=errors),
            field="errors",
            value=errors,
            fix="mend them in the file and send it again",
        )
    scope = await _scope(who, PERMISSIONS[run.kind], run.unit_code, request)
    now = new_run(run.kind, run.unit_code, scope, run.file, run.stored, run.size, who, run.created_ms)
    # what the file may do is what its applier may, as of now
    run.scope, run.roles, run.account_id, run.by = now.scope, now.roles, run.account_id, who.name
    run.state, run.holder, run.done, run.problem = "applying", "", 0, None
    await session.flush()
    await trail.note(
        "import.start", f"import:{run.id}", unit=run.unit_code, after={"kind": run.kind, **run.summary}
    )
    runner.wake.set()
    return await _shown(session, run, runner)


@router.delete("/imports/{run_id:int}", status_code=204)
async def discard_import(
    run_id: int, who: Importer, session: Transaction, trail: Trailing, request: Request
) -> None:
    """Discards an import that was not applied, with its file."""
    run = await _mine(session, run_id, who)
    if run.state in ("applying", "applied") or (run.state == "reading" and run.holder):
        raise Conflict(
            said("this import is {state}", state=run.state),
            field="state",
            value=run.state,
            fix="wait until it is checked",
        )
    run.state, run.finished_ms = "discarded", request.app.state.now_ms()
    await trail.note("import.discard", f"import:{run.id}", unit=run.unit_code, after={"file": run.file})
    request.app.state.imports.path(run.stored).unlink(missing_ok=True)


@router.get("/exports/oneroster.zip", response_class=Response)
async def export_oneroster(
    who: Exporter, session: Reading, request: Request, unit: UnitCode = None
) -> Response:
    """Gives units, sessions, courses and classes as a OneRoster 1.2 bundle; nobody's name is in it."""
    scope = await _scope(who, _READS["oneroster"], unit, request)
    now = datetime.fromtimestamp(request.app.state.now_ms() / 1000, UTC).isoformat()
    headers = {"Content-Disposition": 'attachment; filename="oneroster.zip"', "Cache-Control": "no-store"}
    return Response(
        await oneroster.export(session, scope, now), media_type="application/zip", headers=headers
    )


@router.get("/exports/{kind}", response_class=StreamingResponse)
async def export_kind(
    kind: str,
    who: Exporter,
    request: Request,
    format: Format = "xlsx",  # noqa: A002  # what the query calls it
    unit: UnitCode = None,
) -> StreamingResponse:
    """Gives what there is as a sheet that can be brought in again."""
    sheet = _sheet(kind)
    scope = await _scope(who, _READS[kind], unit, request)
    database: Database = request.app.state.database

    async def values() -> AsyncIterator[Values]:
        async with database.read() as session:
            async for each in sheet.existing(session, scope):
                yield each

    return _file(_parts(sheet, values(), format), f"{kind}-{unit}" if unit else kind, format)


def _parts(
    sheet: Sheet, rows: AsyncIterator[Values], ending: str, language: str | None = None
) -> AsyncIterator[bytes]:
    columns = sheet.columns
    if ending == "csv":
        return csv_parts(columns, rows)
    headings = [_heading(each, language) for each in columns] if language else ()
    return xlsx_parts(columns, rows, sheet.vi, headings)


def _heading(column: Column, language: str) -> str:
    return (column.vi if language == "vi" else column.en) + (" *" if column.required else "")


def _file(parts: AsyncIterator[bytes], name: str, ending: str) -> StreamingResponse:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.{ending}"', "Cache-Control": "no-store",
    }  # fmt: skip
    return StreamingResponse(parts, media_type=_MEDIA[ending], headers=headers)


def _sheet(kind: str) -> Sheet:
    if kind not in SHEETS:
        raise NotFound(
            said("there is no sheet {kind}", kind=kind),
            field="kind",
            value=kind,
            fix=said("use one of {known}", known=", ".join(SHEETS)),
        )
    return SHEETS[kind]


async def _mine(session: Reading, run_id: int, who: Principal) -> ImportRun:
    return await service.find(session, run_id, who.account_id, who.schools("imports.run"))


async def _scope(who: Principal, name: PermissionName, unit: str | None, request: Request) -> Schools:
    """Gives the units that are meant: all that the asker may, or those below a unit of theirs."""
    if not who.may(name):
        raise Forbidden(
            said("{name} lacks the permission {permission}", name=who.name, permission=name),
            fix="ask an administrator for it",
        )
    mine = who.schools(name)
    if unit is None:
        return mine
    database: Database = request.app.state.database
    async with database.read() as session:
        below: Schools = await request.app.state.subtree(session, unit)
    if (below is not None and not below) or (mine is not None and unit not in mine):
        raise Invalid("there is no such unit", field="unit", value=unit,
                      fix="use a code of GET /api/v1/organisation/units")  # fmt: skip
    return mine if below is None else below if mine is None else below & mine


async def _upload(request: Request, path: Path) -> tuple[str, int]:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Invalid(
            "the file is missing", field="file", value=None, fix="send it as the multipart field file"
        )
    try:
        async with request.form(max_files=1, max_fields=4) as form:
            upload = form.get("file")
            if not isinstance(upload, UploadFile):
                raise Invalid("the file is missing", field="file", value=None,
                              fix="send it as the multipart field file")  # fmt: skip
            size = upload.size or 0
            if size > MAX_FILE_BYTES:
                raise Invalid(
                    said("the file has {size} MB", size=size >> 20),
                    field="file",
                    value=upload.filename,
                    fix="send at most 200 MB; divide the file",
                )
            await asyncio.to_thread(_keep, upload, path)
            return Path(upload.filename or "file").name[:200], size
    except MultiPartException as wrong:
        raise Invalid(
            said("the upload is damaged: {message}", message=wrong.message),
            field="file",
            value=None,
            fix="send the file again",
        ) from None


def _keep(upload: UploadFile, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as kept:
        shutil.copyfileobj(upload.file, kept, 1 << 20)


async def _shown(session: Reading, run: ImportRun, runner: Runner) -> ImportOut:
    done, total = runner.progress.get(run.id, (run.done, run.total))
    waiting = await service.ahead(session, run)
    return ImportOut(
        id=run.id, kind=run.kind, unit=run.unit_code, file=run.file, size=run.size, encoding=run.encoding,
        state=cast(State, run.state), done=done, total=total, waiting=waiting, summary=run.summary,
        problem=run.problem, by=run.by, created_ms=run.created_ms, finished_ms=run.finished_ms,
    )  # fmt: skip


def _row(row: ImportRow) -> ImportRowOut:
    return ImportRowOut.model_validate(row, from_attributes=True)
