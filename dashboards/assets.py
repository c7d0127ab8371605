"""Serve the pages' own files under an address that changes with their content, to be cached for good."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

ROOT = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"

for _type, _suffix in (("text/javascript", ".js"), ("font/woff2", ".woff2"), ("image/svg+xml", ".svg")):
    mimetypes.add_type(
        _type, _suffix
    )  # a bare Debian may know none of them, and nosniff would refuse modules


def digest(root: Path = ROOT) -> str:
    """Name a folder by its content: any changed byte or name gives another digest."""
    seen = hashlib.blake2b(digest_size=6)
    for file in sorted(p for p in root.rglob("*") if p.is_file()):
        seen.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return seen.hexdigest()


class Assets(StaticFiles):
    """Static files at `/static/<digest>/…`.

    The digest stands in the path and not in the query, so that modules and fonts named relatively by other
    files inherit it. An outdated digest still answers, but is not to be cached: a wall that loads while the
    hub is being replaced gets something that works.
    """

    def __init__(self) -> None:
        super().__init__(directory=ROOT)
        self.digest = digest()

    def url(self, name: str) -> str:
        """Give the address of a file."""
        return f"/static/{self.digest}/{name}"

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer for `<digest>/<name>`."""
        named, _, rest = path.partition("/")
        response = await super().get_response(rest or named, scope)
        response.headers["Cache-Control"] = FOREVER if named == self.digest else "no-cache"
        return response
