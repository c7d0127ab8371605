"""`/api/v1/assets/{id}/documents` and labels: files that go in and out of the register."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from sqlalchemy import or_, select
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from hub.assets import documents, service
from hub.assets.api import Reader, Writer
from hub.assets.documents import MAX_BYTES, TooLarge, path_of
from hub.assets.labels import COLUMNS, MAX_LABELS, ROWS, Label, sheets
from hub.assets.listing import NONE, Wanted
from hub.assets.schemas import DocumentOut
from hub.assets.shown import act_of, reaches
from hub.assets.tables import Asset, AssetDocument
from hub.audit.trail import Trailing
from hub.clock import today
from hub.errors import Invalid, NotFound
from hub.organisation.tables import Room, Unit
from hub.web.requests import Page, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1/assets", tags=["assets"])

_OVERHEAD_BYTES = 64 * 1024
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


@router.get("/{asset_id:int}/documents")
async def list_documents(asset_id: int, who: Reader, session: Reading) -> Page[DocumentOut]:
    """Lists the documents of an asset; they are few and come on one page."""
    asset = await service.find(session, who.schools("assets.read"), asset_id=asset_id)
    return Page(items=[_document(each) for each in await documents.documents(session, asset)])


@router.post("/{asset_id:int}/documents", status_code=201, openapi_extra=_UPLOAD)
async def add_document(
    asset_id: int, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> DocumentOut:
    """Adds a file of at most 10 MB (multipart field `file`): PDF, PNG, JPEG, WebP, DOCX or XLSX."""
    # read first: a slow line must not hold a transaction open
    name, content = await _upload(request)
    asset = await service.find(session, who.schools("assets.write"), asset_id=asset_id)
    act = act_of(request, who)
    folder = request.app.state.settings.data_dir
    document, new = await documents.add(session, asset, name, content, folder, act.by, act.now_ms)
    if new:
        service.note_document(session, asset, document.name, act)
        await trail.note(
            "asset.document", f"asset:{asset_id}", unit=asset.school_code,
            after={"document": document.id, "name": document.name, "sha256": document.sha256},
        )  # fmt: skip
    return _document(document)


@router.get("/{asset_id:int}/documents/{document_id:int}", response_class=FileResponse)
async def get_document(
    asset_id: int, document_id: int, who: Reader, session: Reading, request: Request
) -> FileResponse:
    """Gives a document to download; browsers are told never to show it as a page of the hub."""
    asset = await service.find(session, who.schools("assets.read"), asset_id=asset_id)
    document = await documents.document(session, asset, document_id)
    path = path_of(request.app.state.settings.data_dir, document.sha256)
    if not path.is_file():
        raise NotFound("the document's file is gone from the data directory", field="document",
                       value=str(document_id), fix="restore it from a backup")  # fmt: skip
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }
    return FileResponse(path, media_type=document.media_type, headers=headers)


@router.get("/labels.pdf", response_class=Response)
async def labels(
    who: Reader,
    session: Reading,
    request: Request,
    school: Annotated[str | None, Query(max_length=64)] = None,
    room: Annotated[str | None, Query(max_length=64)] = None,
    ids: Annotated[str, Query(max_length=20_000, pattern=r"^(\d{1,15}(,\d{1,15})*)?$")] = "",
    of: Annotated[Literal["assets", "rooms"], Query(description="what the labels are for")] = "assets",
    skip: Annotated[int, Query(ge=0, lt=COLUMNS * ROWS, description="places used on the first sheet")] = 0,
) -> Response:
    """Draws labels with QR codes on A4 sheets of 3 × 8 (70 × 37 mm), at most 1,000 at once."""
    scope = who.schools("assets.read")
    if school is None and not ids:
        raise Invalid("say for what to print labels", field="school", value=None, fix="send school or ids")
    if school is not None and (not reaches(scope, school) or await session.get(Unit, school) is None):
        raise service.no_school(school)
    base = (request.app.state.settings.public_url or str(request.base_url)).rstrip("/")
    if of == "rooms":
        made = await _room_labels(session, base, school, room)
    else:
        chosen = scope if school is None else [school]
        numbers = tuple(int(each) for each in ids.split(",")) if ids else None
        made = await _asset_labels(session, base, Wanted(chosen, room, status="current", ids=numbers))
    if not made:
        raise NotFound("there is nothing to print labels for", field="school", value=school,
                       fix="choose another school or room")  # fmt: skip
    if len(made) > MAX_LABELS:
        raise Invalid(
            said("these are more than {max_labels} labels", max_labels=MAX_LABELS),
            field="school",
            value=school,
            fix="print room by room",
        )
    content = await asyncio.to_thread(sheets, made, title=f"{school or 'QR'} {room or ''}".strip(), skip=skip)
    headers = {"Content-Disposition": 'inline; filename="labels.pdf"', "Cache-Control": "private, no-store"}
    return Response(content, media_type="application/pdf", headers=headers)


async def _asset_labels(session: Reading, base: str, wanted: Wanted) -> list[Label]:
    query = (
        select(Asset.tag, Asset.name, Asset.serial, Asset.room_code, Unit.name.label("school"))
        .join(Unit, Unit.code == Asset.school_code)
        .where(*wanted.conditions())
        .order_by(Asset.school_code, Asset.room_code, Asset.id)
        .limit(MAX_LABELS + 1)
    )
    return [
        Label(
            f"{base}/a/{row.tag}",
            row.school,
            row.name,
            tuple(line for line in (row.room_code, row.serial and f"SN {row.serial}", row.tag) if line),
        )
        for row in await session.execute(query)
    ]


async def _room_labels(session: Reading, base: str, school: str | None, room: str | None) -> list[Label]:
    query = (
        select(Room.code, Room.name, Room.school_code, Unit.name.label("school"))
        .join(Unit, Unit.code == Room.school_code)
        .where(Room.school_code == school, or_(Room.valid_to.is_(None), Room.valid_to > today()))
        .order_by(Room.code)
        .limit(MAX_LABELS + 1)
    )
    if room is not None and room != NONE:
        query = query.where(Room.called(room))
    return [
        Label(
            f"{base}/r/{quote(row.school_code, safe='')}/{quote(row.code, safe='')}",
            row.school,
            row.code,
            (row.name,) if row.name else (),
        )
        for row in await session.execute(query)
    ]


async def _upload(request: Request) -> tuple[str, bytes]:
    """Reads the one file of a form, never more than it may have; raises `TooLarge` or `Invalid`."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Invalid("a document comes as a form", field="file", value=None,
                      fix="send multipart/form-data with the field file")  # fmt: skip
    try:
        form = await MultiPartParser(request.headers, _bounded(request), max_files=1, max_fields=10).parse()
    except MultiPartException as wrong:
        raise Invalid(
            wrong.message, field="file", value=None, fix="send one file in the field file"
        ) from None
    file = form.get("file")
    try:
        if not isinstance(file, UploadFile):
            raise Invalid("the form has no file", field="file", value=None,
                          fix="send one file in the field file")  # fmt: skip
        content = await file.read()
        if len(content) > MAX_BYTES:
            raise _too_large(len(content))
        return file.filename or "", content
    finally:
        await form.close()


async def _bounded(request: Request) -> AsyncGenerator[bytes, None]:
    limit = MAX_BYTES + _OVERHEAD_BYTES
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(int(declared))
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(size)
        yield part


def _too_large(size: int) -> TooLarge:
    return TooLarge(
        said("a document has at most {most} MB", most=MAX_BYTES // 1024**2),
        field="file",
        value=f"{size} bytes",
        fix="make it smaller, or send its pages as several files",
    )


def _document(document: AssetDocument) -> DocumentOut:
    return DocumentOut(
        id=document.id, name=document.name, media_type=document.media_type, size=document.size,
        sha256=document.sha256, at_ms=document.at_ms, by=document.by,
    )  # fmt: skip
