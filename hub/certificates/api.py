"""`/api/v1/trust`: the hub's own authority, for devices that are to trust it; public: it is no secret."""

import asyncio
from typing import Literal

from cryptography import x509
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from hub.certificates.authority import fingerprint, milliseconds
from hub.certificates.serving import own_ca_file
from hub.errors import NotFound
from hub.settings import Settings
from hub.web.access import public

router = APIRouter(prefix="/api/v1/trust", tags=["trust"])


class TrustOut(BaseModel):
    """How this hub is served; the last three are those of its own authority, if it has one."""

    tls: Literal["off", "own", "files"]
    fingerprint_sha256: str | None = None
    name: str | None = None
    not_after_ms: int | None = None


@router.get("", dependencies=[Depends(public)])
async def trust(request: Request) -> TrustOut:
    """Tells by which fingerprint the hub's own authority is known."""
    settings: Settings = request.app.state.settings
    if settings.tls != "own":
        return TrustOut(tls=settings.tls)
    authority = x509.load_pem_x509_certificate(await _pem(settings))
    return TrustOut(
        tls="own",
        fingerprint_sha256=fingerprint(authority),
        name=authority.subject.rfc4514_string().removeprefix("CN="),
        not_after_ms=milliseconds(authority.not_valid_after_utc),
    )


@router.get("/ca.pem", dependencies=[Depends(public)])
async def ca_certificate(request: Request) -> Response:
    """Gives the authority's certificate, in the form in which phones and computers install it."""
    settings: Settings = request.app.state.settings
    if settings.tls != "own":
        raise NotFound("this hub has no authority of its own", fix='set tls = "own" to have one')
    headers = {"Content-Disposition": 'attachment; filename="hub-ca.crt"'}
    return Response(await _pem(settings), media_type="application/x-x509-ca-cert", headers=headers)


async def _pem(settings: Settings) -> bytes:
    return await asyncio.to_thread(own_ca_file(settings).read_bytes)
