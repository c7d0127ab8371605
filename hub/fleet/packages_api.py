"""`/api/v1/packages`: signed packages of the agent's software."""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from devices.packages import MOST_BYTES, PackageError, digest_of, is_signed, read_manifest
from hub.audit.trail import Trailing
from hub.errors import Conflict, Invalid, NotFound, Problem
from hub.fleet import service
from hub.fleet.api import Reader
from hub.fleet.schemas import PackageOut
from hub.fleet.tables import AgentPackage
from hub.settings import Settings
from hub.web.access import permission, public
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1/packages", tags=["agents"])

Publisher = Annotated[Principal, Depends(permission("packages.write"))]
Version = Annotated[str, InPath(max_length=64, pattern=r"^[0-9.]+$")]
FOLDER = "packages"
_OVERHEAD_BYTES = 64 * 1024
_TEXT: dict[str, Any] = {"type": "string"}
_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "signature"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "signature": _TEXT,
                        "note": _TEXT,
                    },
                }
            }
        },
    }
}


class TooLarge(Problem):
    """A package is larger than agents take."""

    status, kind, title = 413, "too-large", "The package is too large"


@router.get("")
async def list_packages(who: Reader, session: Reading, paging: PageQuery) -> Page[PackageOut]:
    """Lists packages, the newest first."""
    after = paging.after(int)
    found = await service.list_packages(session, int(after[0]) if after else None, paging.limit + 1)
    return paging.page(found, lambda row: (row.id,), _shown)


@router.post("", status_code=201, openapi_extra=_UPLOAD)
async def add_package(who: Publisher, session: Transaction, trail: Trailing, request: Request) -> PackageOut:
    """Takes a package of `hub package build` (field `file`) with its signature (field `signature`).

    Only one signed by a key of the setting `fleet.package_keys`: agents would not take another.
    """
    settings: Settings = request.app.state.settings
    folder = settings.data_dir / FOLDER
    form_file, signature, note = await _upload(request)  # before the first query: lines may be slow
    try:
        file = await asyncio.to_thread(_store, form_file, folder)
    finally:
        await form_file.close()
    try:
        made = await asyncio.to_thread(_read, file, settings.fleet.keys, signature)
        made.note, made.by, made.created_ms = note, who.name, request.app.state.now_ms()
        if await service.find_package(session, made.version) is not None:
            raise Conflict(
                said("there is a package {version} already", version=made.version),
                field="version",
                value=made.version,
                fix="give the new one a higher version",
            )
        session.add(made)
        await session.flush()
        after = {"sha256": made.sha256, "size": made.size}
        await trail.note("package.add", f"package:{made.version}", unit=None, after=after, text=note)
        file.replace(folder / f"{made.sha256}.tar.gz")
    finally:
        file.unlink(missing_ok=True)
    return _shown(made)


@router.get("/{version}/download", response_class=FileResponse, dependencies=[Depends(public)])
async def download(version: Version, request: Request, session: Reading) -> FileResponse:
    """Gives a package to an agent, from the byte on that it asks for; its signature protects it."""
    found = await service.find_package(session, version)
    settings: Settings = request.app.state.settings
    file = settings.data_dir / FOLDER / f"{found.sha256}.tar.gz" if found else None
    if file is None or not file.is_file():
        raise NotFound("there is no such package", field="version", value=version,
                       fix="use a version of GET /api/v1/packages")  # fmt: skip
    return FileResponse(file, media_type="application/gzip", filename=f"agent-{version}.tar.gz")


async def _upload(request: Request) -> tuple[UploadFile, str, str]:
    """Reads the form; large files lie on disk meanwhile. Raises `TooLarge` or `Invalid`."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise _no_file("a package comes as a form")
    try:
        form = await MultiPartParser(request.headers, _bounded(request), max_files=1, max_fields=5).parse()
    except MultiPartException as wrong:
        raise _no_file(wrong.message) from None
    file = form.get("file")
    if not isinstance(file, UploadFile):
        await form.close()
        raise _no_file("the form has no file")
    return file, str(form.get("signature", "")), str(form.get("note", ""))[:500]


def _no_file(why: str) -> Invalid:
    return Invalid(why, field="file", value=None, fix="send multipart/form-data with file and signature")


async def _bounded(request: Request) -> AsyncGenerator[bytes, None]:
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES + _OVERHEAD_BYTES:
            raise TooLarge(said("a package has at most {most} MiB", most=MOST_BYTES // 2**20), field="file",
                           value=f"{size} bytes", fix="leave wheels out that agents have")  # fmt: skip
        yield part


def _store(upload: UploadFile, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f".{os.urandom(8).hex()}.new"
    try:
        with file.open("wb") as out:
            while chunk := upload.file.read(1 << 20):
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
    except OSError:
        file.unlink(missing_ok=True)
        raise
    return file


def _read(file: Path, keys: tuple[str, ...], signature: str) -> AgentPackage:
    if not keys:
        raise Conflict("the hub knows nobody who may sign packages", field="signature", value="(not checked)",
                       fix="set fleet.package_keys to a key of `hub package key`")  # fmt: skip
    sha256 = digest_of(file)
    if not is_signed(keys, sha256, signature):
        raise Invalid("none of the keys that the hub trusts made this signature", field="signature",
                      value=signature[:100], fix="sign this very file with `hub package sign`")  # fmt: skip
    try:
        manifest = read_manifest(file)
    except PackageError as wrong:
        raise Invalid(str(wrong), field="file", value=None, fix="make it with `hub package build`") from None
    return AgentPackage(
        version=manifest.version, sha256=sha256, signature=signature, size=file.stat().st_size
    )


def _shown(row: AgentPackage) -> PackageOut:
    values = {name: getattr(row, name) for name in PackageOut.model_fields}
    return PackageOut.model_validate(values)
