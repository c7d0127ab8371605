"""Files about assets: what they may be, and where their bytes are kept."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import unicodedata
import zipfile
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.assets.tables import Asset, AssetDocument
from hub.errors import Conflict, Invalid, NotFound
from hub.wording import said

MAX_BYTES = 10 * 1024 * 1024
MAX_DOCUMENTS = 100
MAX_NAME_CHARACTERS = 120
_MAGIC = (
    (b"%PDF-", "application/pdf", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
)
_OFFICE = {
    "word/": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    "xl/": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
}


class TooLarge(Invalid):
    """A file is larger than the register keeps."""

    status, kind, title = 413, "too-large", "The file is too large"


def type_of(content: bytes) -> tuple[str, str]:
    """Gives media type and ending of a file by what it holds, whatever it calls itself; raises `Invalid`."""
    for magic, media_type, ending in _MAGIC:
        if content.startswith(magic):
            return media_type, ending
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp", "webp"
    if content.startswith(b"PK\x03\x04"):
        names = _names(content)
        for folder, found in _OFFICE.items():
            if "[Content_Types].xml" in names and any(name.startswith(folder) for name in names):
                return found
    raise Invalid("the register keeps PDF, PNG, JPEG, WebP, DOCX and XLSX files", field="file",
                  value=content[:8].hex(" "), fix="save it as PDF and send that")  # fmt: skip


def name_of(name: str, ending: str) -> str:
    """Makes a file name that is safe anywhere and ends as the content says."""
    plain = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    plain = "".join(c for c in plain if unicodedata.category(c)[0] not in "CZ" or c == " ")
    plain = "".join("_" if c in '<>:"|?*;%' else c for c in plain).strip(". ")
    stem = plain.rpartition(".")[0] or plain or "document"
    return f"{stem[:MAX_NAME_CHARACTERS]}.{ending}"


def path_of(folder: Path, sha256: str) -> Path:
    """Gives where a file's bytes are, by their hash."""
    return folder / "documents" / sha256[:2] / sha256


def store(folder: Path, content: bytes) -> str:
    """Puts bytes on the disk under their hash, whole or not at all, and gives the hash."""
    sha256 = hashlib.sha256(content).hexdigest()
    path = path_of(folder, sha256)
    if path.exists():
        return sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return sha256


async def documents(session: AsyncSession, asset: Asset) -> Sequence[AssetDocument]:
    """Gives an asset's documents, the oldest first; there are few."""
    query = select(AssetDocument).where(AssetDocument.asset_id == asset.id).order_by(AssetDocument.id)
    return (await session.execute(query)).scalars().all()


async def document(session: AsyncSession, asset: Asset, document_id: int) -> AssetDocument:
    """Gives one document of an asset; raises `NotFound`."""
    found = await session.get(AssetDocument, document_id)
    if found is None or found.asset_id != asset.id:
        raise NotFound("this asset has no such document", field="document", value=str(document_id),
                       fix="list the asset's documents")  # fmt: skip
    return found


async def add(
    session: AsyncSession, asset: Asset, name: str, content: bytes, folder: Path, by: str, now_ms: int
) -> tuple[AssetDocument, bool]:
    """Adds a file to an asset; the same bytes again are the same document. Gives it, and if it is new."""
    media_type, ending = type_of(content)
    there = await documents(session, asset)
    sha256 = hashlib.sha256(content).hexdigest()
    for each in there:
        if each.sha256 == sha256:
            return each, False
    if len(there) >= MAX_DOCUMENTS:
        raise Conflict(
            said("an asset has at most {max_documents} documents", max_documents=MAX_DOCUMENTS),
            field="file",
            value=name,
            fix="put several pages into one file",
        )
    found = AssetDocument(
        asset_id=asset.id, name=name_of(name, ending), media_type=media_type, size=len(content),
        sha256=store(folder, content), at_ms=now_ms, by=by,
    )  # fmt: skip
    session.add(found)
    await session.flush()
    return found, True


def _names(content: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return []
