"""`/api/v1/audit`: who changed what, within the units that the asker may look after."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncSession

from hub.audit import export, service
from hub.audit.rules import START, Sealed
from hub.audit.schemas import AuditOut, HeadOut
from hub.audit.service import AuditFilter
from hub.web.access import permission
from hub.web.moments import Instant
from hub.web.principal import Principal, Schools
from hub.web.requests import Page, PageQuery, Reading

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

Reader = Annotated[Principal, Depends(permission("audit.read"))]
Text = Annotated[str | None, Query(max_length=255, pattern=r"^[^\x00]*$")]


async def wanted_entries(
    who_asks: Reader,
    request: Request,
    session: Reading,
    who: Text = None,
    action: Text = None,
    object: Text = None,  # noqa: A002 - the word of the log
    unit: Annotated[Text, Query(description="with everything below it")] = None,
    since: Instant = None,
    until: Instant = None,
    q: Text = None,
) -> AuditFilter:
    """Gives the filters of the list and the export, within what the asker may see."""
    units = who_asks.schools("audit.read")
    if unit is not None:
        subtree: Callable[[AsyncSession, str], Awaitable[Schools]] = request.app.state.subtree
        below = await subtree(session, unit)
        units = units if below is None else below if units is None else units & below
    return AuditFilter(units, who, action, object, since, until, q)


Wanted = Annotated[AuditFilter, Depends(wanted_entries)]


@router.get("")
async def list_entries(session: Reading, wanted: Wanted, paging: PageQuery) -> Page[AuditOut]:
    """Lists changes, the newest first.

    `action` and `object` may be given whole or by their first part: `asset` finds `asset.move`, `asset:17`.
    `q` looks everywhere, diacritics ignored; each word must be somewhere. Entries of no unit are for those
    who may see the whole province.
    """
    last = paging.after(int)
    found = await service.list_entries(
        session, wanted, before_id=int(last[0]) if last else None, limit=paging.limit + 1
    )
    return paging.page(found, lambda entry: (entry.id,), _out)


@router.get("/head")
async def head(who_asks: Reader, session: Reading) -> HeadOut:
    """Gives the newest entry's number and hash, to be noted outside of the hub."""
    newest = await service.head(session)
    if newest is None:
        return HeadOut(id=START.id, hash=START.hash, at_ms=None)
    return HeadOut(id=newest[0].id, hash=newest[0].hash, at_ms=newest[1])


@router.get("/export", response_class=StreamingResponse)
async def export_entries(
    request: Request,
    wanted: Wanted,
    format: Annotated[export.Format, Query()] = "csv",  # noqa: A002 - what the query calls it
) -> StreamingResponse:
    """Gives all entries under the filters of the list as a file to download, the oldest first."""
    headers = {"Content-Disposition": f'attachment; filename="audit.{format}"', "Cache-Control": "no-store"}
    content = export.parts(request.app.state.database, wanted, format)
    return StreamingResponse(content, media_type=export.MEDIA[format], headers=headers)


def _out(entry: Sealed) -> AuditOut:
    before, after = service.facts(entry.before), service.facts(entry.after)
    return AuditOut.model_validate(entry._asdict() | {"before": before, "after": after})
