"""What the API takes and tells about enrolment."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub.enrolment.rules import NODE

Pem = Annotated[str, StringConstraints(min_length=1, max_length=16_384)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CodeIn(_In):
    """For which node a code is wanted; `school` is the Sparkplug group it will report under."""

    school: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    node: Annotated[str, StringConstraints(pattern=NODE)]
    valid_hours: Annotated[int, Field(ge=1, le=720)] = 48


class CodeOut(BaseModel):
    """A code without what makes it one."""

    id: int
    school: str
    node: str
    state: Literal["open", "used", "revoked", "expired"]
    created_by: str
    created_ms: int
    expires_ms: int
    used_ms: int | None
    revoked_ms: int | None


class CodeMade(CodeOut):
    """A new code, told this once. `text` is what the QR code holds: the hub's address and the code."""

    code: str
    text: str
    qr_svg: str
    fingerprint_sha256: str


class EnrolIn(_In):
    """A code, and the request (PKCS #10, PEM) for the key that the node made."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    csr: Pem


class RenewIn(_In):
    """The present certificate, the request for the next key, and its DER signed (base64) by the present key.

    Signed with SHA-256: ECDSA, or RSA with PKCS #1 v1.5.
    """

    certificate: Pem
    csr: Pem
    signature: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class EnrolledOut(BaseModel):
    """A certificate for the broker, and where that is."""

    group: str
    node: str
    serial: str
    certificate: str
    chain: str
    mqtt_url: str
    host_id: str
    not_after_ms: int
    renew_after_ms: int


class CertificateOut(BaseModel):
    """A certificate of a node. `ended_ms`: when the broker knew of the revocation and the session ended."""

    serial: str
    school: str
    node: str
    state: Literal["valid", "revoked", "expired"]
    fingerprint_sha256: str
    issued_ms: int
    not_after_ms: int
    renewal_of: str | None
    revoked_ms: int | None
    reason: str
    ended_ms: int | None


class BrokerOut(BaseModel):
    """What the broker knows. `kept`: this hub keeps its files; `problem`: what is wrong, and what to do."""

    kept: bool
    problem: str
    revocation_list_end_ms: int | None
    proven_ms: int | None


class RevokeIn(_In):
    """Why a certificate is revoked."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class RevokedOut(BaseModel):
    """All certificates of the node that were revoked with it."""

    node: str
    serials: list[str]
