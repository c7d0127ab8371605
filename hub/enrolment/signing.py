"""Requests for certificates checked, and certificates and revocation lists signed by the hub's authority."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from hub.certificates.authority import Authority, locked, milliseconds, moment, open_authority, private_pem
from hub.certificates.rules import DAY_MS
from hub.enrolment.rules import NODE_DAYS, Crl
from hub.enrolment.service import Issued
from hub.errors import Invalid
from hub.wording import said

NodeKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
_SHORT_LIVED_MS = 600_000


def authority_of(folder: Path, now_ms: int) -> Authority:
    """Gives the hub's own authority, made at its first use; blocks on the disk."""
    with locked(folder):
        return open_authority(folder, now_ms)


def read_request(pem: str) -> tuple[x509.CertificateSigningRequest, NodeKey]:
    """Gives a request whose maker has the key; raises `Invalid`. The name in it does not matter."""
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        signed = request.is_signature_valid
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong("csr", "is no certificate request in PEM", "send a PKCS #10 request") from None
    if not signed:
        raise _wrong("csr", "is not signed by its own key", "sign the request with the key it is for")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1)):
        return request, key
    if isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 4096:
        return request, key
    raise _wrong(
        "csr", "has a key of another kind", "make a key on P-256 or P-384, or RSA of 2048 to 4096 bits"
    )


def read_certificate(pem: str) -> tuple[x509.Certificate, NodeKey]:
    """Gives a certificate; raises `Invalid`. Whose it is, the records say."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong("certificate", "is no certificate in PEM", "send the present certificate") from None
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise _wrong("certificate", "is none of this hub", "send the present certificate")
    return certificate, key


def check_proof(key: NodeKey, signature: str, request: x509.CertificateSigningRequest) -> None:
    """Raises `Invalid` unless the owner of the key signed the request."""
    content = request.public_bytes(serialization.Encoding.DER)
    try:
        proof = base64.b64decode(signature, validate=True)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(proof, content, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(proof, content, ec.ECDSA(hashes.SHA256()))
    except (binascii.Error, ValueError, InvalidSignature):
        fix = "sign the request's DER with the key of the present certificate"
        raise _wrong("signature", "is not of the present certificate's key", fix) from None


def issue(
    authority: Authority, key: NodeKey, group: str, node: str, now_ms: int, renewal_of: str | None = None
) -> tuple[x509.Certificate, Issued]:
    """Signs a node's key: common name is the node id, good for being a client and nothing else."""
    end_ms = min(now_ms + NODE_DAYS * DAY_MS, authority.end_ms)
    certificate = authority.issue(key, node, ExtendedKeyUsageOID.CLIENT_AUTH, now_ms, end_ms)
    issued = Issued(
        serial_of(certificate), fingerprint_of(certificate), group, node, now_ms, end_ms, renewal_of
    )
    return certificate, issued


def node_pem(authority: Authority, node: str, now_ms: int, end_ms: int | None = None) -> bytes:
    """Makes key and certificate by which the hub itself comes as a node, for ten minutes unless said."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = ExtendedKeyUsageOID.CLIENT_AUTH
    certificate = authority.issue(key.public_key(), node, usage, now_ms, end_ms or now_ms + _SHORT_LIVED_MS)
    return private_pem(key) + pem_of(certificate).encode()


def sign_crl(authority: Authority, revoked: Mapping[str, int], times_ms: tuple[int, int]) -> bytes:
    """Signs a revocation list (PEM) of serials with when each was revoked; it holds between two times."""
    begin_ms, end_ms = times_ms
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(moment(begin_ms))
        .next_update(moment(end_ms))
        .add_extension(x509.CRLNumber(begin_ms // 1000), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(authority.key_id, None, None), critical=False)
    )
    for serial, at_ms in sorted(revoked.items()):
        entry = x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(moment(at_ms))
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def crl_of(pem: bytes) -> Crl | None:
    """Gives what matters of a list; None for what is none."""
    try:
        found = x509.load_pem_x509_crl(pem)
        known = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except (ValueError, x509.ExtensionNotFound):
        return None
    if found.next_update_utc is None:
        return None
    return Crl(
        milliseconds(found.last_update_utc),
        milliseconds(found.next_update_utc),
        frozenset(each.serial_number for each in found),
        known.key_identifier or b"",
    )


def pem_of(certificate: x509.Certificate) -> str:
    """Gives a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def serial_of(certificate: x509.Certificate) -> str:
    """Gives the serial as it is kept."""
    return f"{certificate.serial_number:x}"


def fingerprint_of(certificate: x509.Certificate) -> str:
    """Gives the SHA-256 fingerprint as it is kept."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _wrong(field: str, what: str, fix: str) -> Invalid:
    return Invalid(
        said("{field} {what}", field=field, what=what),
        field=field,
        value="(PEM)" if field != "signature" else "…",
        fix=fix,
    )
