"""`/api/v1/enrolment`: codes for new agents, their certificates, renewal and revocation."""

import asyncio
import io
import secrets
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

import segno
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from devices.enrolment_code import new_code, read_code
from hub.accounts.throttle import Allowance, Failures
from hub.audit.trail import Trailing
from hub.certificates.authority import Authority, fingerprint
from hub.certificates.rules import renewal_ms
from hub.certificates.serving import FOLDER
from hub.enrolment import rules, service
from hub.enrolment.broker_files import BrokerFiles
from hub.enrolment.schemas import (
    BrokerOut,
    CertificateOut,
    CodeIn,
    CodeMade,
    CodeOut,
    EnrolIn,
    EnrolledOut,
    RenewIn,
    RevokedOut,
    RevokeIn,
)
from hub.enrolment.signing import (
    authority_of,
    check_proof,
    fingerprint_of,
    issue,
    pem_of,
    read_certificate,
    read_request,
    serial_of,
)
from hub.enrolment.tables import EnrolmentCode, NodeCertificate
from hub.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from hub.organisation import service as organisation
from hub.settings import Settings
from hub.web.access import permission, public
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1/enrolment", tags=["enrolment"])

Claimer = Annotated[Principal, Depends(permission("registry.claim"))]
Name = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")]
Serial = Annotated[str, Path(pattern=r"^[0-9a-f]{1,40}$")]
HOUR_MS = 3_600_000
RENEWALS_A_DAY = 10
"""Enough for answers that get lost; a box that asks without end does not fill the records."""


def failures() -> Failures:
    """Gives the memory of wrong codes by address: after five each doubles the wait, up to five minutes."""
    return Failures(Allowance(free=5, limit_s=300), 10_000)


@router.get("/ca.pem", dependencies=[Depends(public)])
async def authority_certificate(request: Request) -> Response:
    """Gives the authority of broker and nodes; a code says whether it is the right one."""
    return Response((await _authority(request)).pem, media_type="application/x-pem-file")


@router.post("/codes", status_code=201)
async def make_code(
    wanted: CodeIn, who: Claimer, request: Request, session: Transaction, trail: Trailing
) -> CodeMade:
    """Makes a code by which one node enrols once; an open one of the same node ends with it."""
    where = who.schools("registry.claim")
    units = await organisation.get_units(session, [wanted.school])
    if wanted.school not in units or (where is not None and wanted.school not in where):
        raise NotFound("there is no such school", field="school", value=wanted.school,
                       fix="use a code of GET /api/v1/organisation/units")  # fmt: skip
    settings: Settings = request.app.state.settings
    if wanted.node == settings.host_id or wanted.node == "hub":
        raise Invalid("this is the hub's own name", field="node", value=wanted.node, fix="choose another id")
    now_ms: int = request.app.state.now_ms()
    certificate = (await _authority(request)).certificate
    code = new_code(secrets.choice, certificate.fingerprint(hashes.SHA256()))
    hash_ = await asyncio.to_thread(service.hash_of, code.secret)
    ends_ms = now_ms + wanted.valid_hours * HOUR_MS
    made = await service.add_code(session, wanted.school, wanted.node, hash_, who.name, now_ms, ends_ms)
    after = {"node": wanted.node, "expires_ms": ends_ms}
    await trail.note("enrolment.code", f"node:{wanted.school}/{wanted.node}", unit=wanted.school, after=after)
    text = f"{settings.public_url or str(request.base_url).rstrip('/')}/enrol#{code}"
    drawing = io.BytesIO()
    segno.make(text, error="m").save(drawing, kind="svg", border=2, scale=4, xmldecl=False, light="#fff")
    return CodeMade(
        **_code(made, now_ms).model_dump(),
        code=str(code),
        text=text,
        qr_svg=drawing.getvalue().decode(),
        fingerprint_sha256=fingerprint(certificate),
    )


@router.get("/codes")
async def list_codes(
    who: Claimer,
    session: Reading,
    paging: PageQuery,
    request: Request,
    school: Name = None,
    node: Name = None,
) -> Page[CodeOut]:
    """Lists codes, the newest first, without what makes them codes."""
    last = paging.after(int)
    found = await service.list_codes(
        session,
        who.schools("registry.claim"),
        group=school,
        node=node,
        before_id=int(last[0]) if last else None,
        limit=paging.limit + 1,
    )
    now_ms: int = request.app.state.now_ms()
    return paging.page(found, lambda row: (row.id,), lambda row: _code(row, now_ms))


@router.delete("/codes/{code_id}", status_code=204)
async def revoke_code(
    code_id: Annotated[int, Path(ge=1, le=2**63 - 1)],
    who: Claimer,
    request: Request,
    session: Transaction,
    trail: Trailing,
) -> None:
    """Ends a code that was not used yet."""
    code = await service.find_code(session, code_id, who.schools("registry.claim"))
    if code is None:
        raise NotFound(said('there is no code {code_id}', code_id=code_id), field="code_id", value=code_id,
                       fix="use an id of GET /api/v1/enrolment/codes")  # fmt: skip
    if code.used_ms is not None:
        raise Conflict("the code was used", field="code_id", value=code_id, fix="revoke the certificate")
    if code.revoked_ms is None:
        code.revoked_ms = request.app.state.now_ms()
        subject = f"node:{code.group_code}/{code.node}"
        await trail.note("enrolment.code.revoke", subject, unit=code.group_code)


@router.post("", status_code=201, dependencies=[Depends(public)])
async def enrol(wanted: EnrolIn, request: Request, session: Transaction, trail: Trailing) -> EnrolledOut:
    """Gives a node its certificate for a code; those it had before are revoked: that box is replaced."""
    now_ms: int = request.app.state.now_ms()
    tries: Failures = request.app.state.enrolment_failures
    address = request.client.host if request.client else ""
    if (until_ms := tries.until_ms(address, now_ms)) > now_ms:
        raise TooMany("too many wrong codes from this address", retry_after_s=-(-(until_ms - now_ms) // 1000))
    _, key = read_request(wanted.csr)
    typed = read_code(wanted.code)
    code = None
    tries.add(address, now_ms)  # before the first wait: tries at the same time count as well
    if typed is not None:
        code = await service.use_code(session, await asyncio.to_thread(service.hash_of, typed.secret), now_ms)
    if code is None:
        what = "is mistyped" if typed is None else "is unknown, was used, or has ended"
        raise Forbidden(said('the code {what}', what=what), field="code", value="(not shown)",
                        fix="compare it, or ask for a new one")  # fmt: skip
    tries.take_back(address)
    revoked = await service.revoke_node(session, code.node, "enrolled anew", now_ms)
    authority = await _authority(request)
    certificate, issued = issue(authority, key, code.group_code, code.node, now_ms)
    await service.add_certificate(session, issued)
    after = {"serial": issued.serial, "not_after_ms": issued.not_after_ms, "revoked": revoked}
    await trail.note("enrolment.enrol", f"node:{issued.group}/{issued.node}", unit=issued.group, after=after)
    return _enrolled(request, authority, certificate, issued)


@router.post("/renew", status_code=201, dependencies=[Depends(public)])
async def renew(wanted: RenewIn, request: Request, session: Transaction, trail: Trailing) -> EnrolledOut:
    """Gives a node its next certificate; the present one holds until its end, should this answer be lost."""
    now_ms: int = request.app.state.now_ms()
    present, present_key = read_certificate(wanted.certificate)
    asked, key = read_request(wanted.csr)
    check_proof(present_key, wanted.signature, asked)
    kept = await service.find_certificate(session, serial_of(present), None)
    if (
        kept is None
        or kept.fingerprint != fingerprint_of(present)
        or rules.certificate_state(kept.revoked_ms, kept.not_after_ms, now_ms) != "valid"
    ):
        raise Forbidden("the certificate is revoked, has ended, or is none of this hub",
                        field="certificate", value="(PEM)", fix="enrol with a new code")  # fmt: skip
    if await service.issued_since(session, kept.node, now_ms - 24 * HOUR_MS) >= RENEWALS_A_DAY:
        raise TooMany("this node got many certificates today", retry_after_s=3600)
    authority = await _authority(request)
    certificate, issued = issue(authority, key, kept.group_code, kept.node, now_ms, kept.serial)
    await service.add_certificate(session, issued)
    after = {"serial": issued.serial, "not_after_ms": issued.not_after_ms}
    await trail.note("enrolment.renew", f"node:{issued.group}/{issued.node}", unit=issued.group, after=after)
    return _enrolled(request, authority, certificate, issued)


@router.get("/certificates")
async def list_certificates(
    who: Claimer,
    session: Reading,
    paging: PageQuery,
    request: Request,
    school: Name = None,
    node: Name = None,
    state: Literal["valid", "revoked", "expired"] | None = None,
) -> Page[CertificateOut]:
    """Lists certificates of nodes, the newest first."""
    last = paging.after(int)
    now_ms: int = request.app.state.now_ms()
    wanted = service.CertificateFilter(who.schools("registry.claim"), school, node, state)
    before_id = int(last[0]) if last else None
    found = await service.list_certificates(
        session, wanted, now_ms, before_id=before_id, limit=paging.limit + 1
    )
    return paging.page(found, lambda row: (row.id,), lambda row: _certificate(row, now_ms))


@router.get("/broker")
async def broker(who: Claimer, request: Request) -> BrokerOut:
    """Tells whether the broker knows who may come and who no longer, and since when that is certain."""
    files: BrokerFiles | None = request.app.state.broker_files
    if files is None:
        return BrokerOut(kept=False, problem="", revocation_list_end_ms=None, proven_ms=None)
    return BrokerOut(
        kept=True,
        problem=files.problem,
        revocation_list_end_ms=files.list_end_ms,
        proven_ms=files.proven_ms or None,
    )


@router.post("/certificates/{serial}/revoke")
async def revoke(
    serial: Serial, wanted: RevokeIn, who: Claimer, request: Request, session: Transaction, trail: Trailing
) -> RevokedOut:
    """Revokes a node's certificate and any other it holds; its session ends within seconds."""
    found = await service.find_certificate(session, serial, who.schools("registry.claim"))
    if found is None:
        raise NotFound(said('there is no certificate {serial}', serial=serial), field="serial", value=serial,
                       fix="use a serial of GET /api/v1/enrolment/certificates")  # fmt: skip
    if found.revoked_ms is not None:
        return RevokedOut(node=found.node, serials=[])
    serials = await service.revoke_node(session, found.node, wanted.reason, request.app.state.now_ms())
    subject = f"node:{found.group_code}/{found.node}"
    after = {"serials": serials}
    await trail.note("enrolment.revoke", subject, unit=found.group_code, after=after, text=wanted.reason)
    return RevokedOut(node=found.node, serials=serials)


async def _authority(request: Request) -> Authority:
    settings: Settings = request.app.state.settings
    return await asyncio.to_thread(authority_of, settings.data_dir / FOLDER, request.app.state.now_ms())


def _enrolled(
    request: Request, authority: Authority, certificate: x509.Certificate, issued: service.Issued
) -> EnrolledOut:
    settings: Settings = request.app.state.settings
    host = request.url.hostname or "localhost"
    if settings.public_url:
        host = urlsplit(settings.public_url).hostname or host
    return EnrolledOut(
        group=issued.group,
        node=issued.node,
        serial=issued.serial,
        certificate=pem_of(certificate),
        chain=authority.pem.decode(),
        mqtt_url=settings.enrolment.mqtt_url or f"mqtts://{host}:8883",
        host_id=settings.host_id,
        not_after_ms=issued.not_after_ms,
        renew_after_ms=renewal_ms(issued.issued_ms, issued.not_after_ms),
    )


def _code(code: EnrolmentCode, now_ms: int) -> CodeOut:
    state: Any = rules.code_state(code.used_ms, code.revoked_ms, code.expires_ms, now_ms)
    return CodeOut(
        id=code.id,
        school=code.group_code,
        node=code.node,
        state=state,
        created_by=code.created_by,
        created_ms=code.created_ms,
        expires_ms=code.expires_ms,
        used_ms=code.used_ms,
        revoked_ms=code.revoked_ms,
    )


def _certificate(row: NodeCertificate, now_ms: int) -> CertificateOut:
    state = rules.certificate_state(row.revoked_ms, row.not_after_ms, now_ms)
    return CertificateOut(
        serial=row.serial,
        school=row.group_code,
        node=row.node,
        state=cast(Literal["valid", "revoked", "expired"], state),
        fingerprint_sha256=row.fingerprint,
        issued_ms=row.issued_ms,
        not_after_ms=row.not_after_ms,
        renewal_of=row.renewal_of,
        revoked_ms=row.revoked_ms,
        reason=row.reason,
        ended_ms=row.ended_ms,
    )
