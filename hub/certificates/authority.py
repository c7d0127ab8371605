"""The hub's own certificate authority: a key that never leaves the data directory, and what it signs."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.certificates.rules import CA_DAYS, CLOCK_SKEW_MS, is_address, leaf_end_ms

CA_FILE = "ca.pem"
CA_KEY_FILE = "ca-key.pem"
LOCK_FILE = "lock"
COMMON_NAME = "Smart-classroom hub"


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate, for those who are to trust it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_id(self) -> bytes:
        """The identifier of the key, which certificates name as their issuer's."""
        return key_id(self.key.public_key())

    @property
    def end_ms(self) -> int:
        """When the authority ends."""
        return milliseconds(self.certificate.not_valid_after_utc)

    def issue_server(
        self, public_key: CertificateIssuerPublicKeyTypes, names: Collection[str], now_ms: int
    ) -> x509.Certificate:
        """Signs a server's key for DNS names and addresses."""
        alternative = [
            x509.IPAddress(ip_address(name)) if is_address(name) else x509.DNSName(name)
            for name in sorted(names)
        ]
        return self.issue(
            public_key,
            COMMON_NAME,
            ExtendedKeyUsageOID.SERVER_AUTH,
            now_ms,
            leaf_end_ms(now_ms, self.end_ms),
            x509.SubjectAlternativeName(alternative),
        )

    def issue(
        self,
        public_key: CertificateIssuerPublicKeyTypes,
        common_name: str,
        usage: x509.ObjectIdentifier,
        now_ms: int,
        end_ms: int,
        *extensions: x509.ExtensionType,
    ) -> x509.Certificate:
        """Signs a key that is good for one usage, from an hour ago until `end_ms`."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment(now_ms - CLOCK_SKEW_MS))
            .not_valid_after(moment(end_ms))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier(self.key_id, None, None), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def open_authority(folder: Path, now_ms: int) -> Authority:
    """Gives the authority of a folder, made at its first use; call it under `locked`."""
    certificate_file, key_file = folder / CA_FILE, folder / CA_KEY_FILE
    if certificate_file.exists() and key_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey), f"{key_file} is no key that the hub made"
        return Authority(x509.load_pem_x509_certificate(certificate_file.read_bytes()), key)
    key = ec.generate_private_key(ec.SECP256R1())
    # two hubs in one list of trusted authorities must be told apart
    name = _name(f"{COMMON_NAME} {secrets.token_hex(3)}")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment(now_ms - CLOCK_SKEW_MS))
        .not_valid_after(moment(now_ms) + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(key_file, private_pem(key))
    write_private(certificate_file, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
    return Authority(certificate, key)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes from making the same files meanwhile."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Writes a file at once or not at all; nobody else may read it at any moment."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Gives a key as unencrypted PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def key_id(public_key: ec.EllipticCurvePublicKey) -> bytes:
    """Gives the identifier of a public key."""
    return x509.SubjectKeyIdentifier.from_public_key(public_key).digest


def fingerprint(certificate: x509.Certificate) -> str:
    """Gives the SHA-256 fingerprint as devices show it: pairs of hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def milliseconds(at: datetime) -> int:
    """Gives a time of a certificate as milliseconds."""
    return int(at.timestamp() * 1000)


def moment(at_ms: int) -> datetime:
    """Gives milliseconds as a time of certificates, which know whole seconds."""
    return datetime.fromtimestamp(at_ms // 1000, UTC)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
