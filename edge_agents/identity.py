"""Who an agent is to the broker: key, certificate and authority in a private folder, exchanged at once."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

IDENTITY, AUTHORITY, ABOUT = "identity.pem", "ca.pem", "about.json"


@dataclass(frozen=True, slots=True)
class About:
    """What is known of the present certificate; times are those of the hub's clock."""

    group: str
    node: str
    serial: str
    begin_ms: int
    """It was issued then: a clock that shows less is wrong."""
    not_after_ms: int
    renew_after_ms: int
    next_try_ms: int = 0
    """When to ask for the next certificate; 0: nothing was decided yet."""
    failures: int = 0


class Identity:
    """The folder. Key and certificate are one file: they change in the same moment, whenever power fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def file(self) -> Path:
        """The key and its certificate, PEM."""
        return self.folder / IDENTITY

    @property
    def authority(self) -> Path:
        """The certificate of the hub's authority, PEM."""
        return self.folder / AUTHORITY

    def prepare(self) -> None:
        """Make the folder; raises OSError where that, or writing in it, is not possible."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write(self.folder / ".probe", b"")
        (self.folder / ".probe").unlink()

    def take(self, key_pem: bytes, answer: Mapping[str, Any]) -> About:
        """Put a new key and what the hub answered for it in the place of the present; durable on return."""
        key = Request(key_pem)
        about = About(
            str(answer["group"]),
            str(answer["node"]),
            str(answer["serial"]),
            key.begin_ms(str(answer["certificate"])),
            int(answer["not_after_ms"]),
            int(answer["renew_after_ms"]),
        )
        write(self.authority, str(answer["chain"]).encode(), mode=0o644)
        write(self.file, key_pem + str(answer["certificate"]).encode())
        self.note(about)
        return about

    def about(self) -> About | None:
        """What was noted; None if nothing can be read."""
        try:
            return About(**json.loads((self.folder / ABOUT).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def note(self, about: About) -> None:
        """Keep what is known of the certificate."""
        write(self.folder / ABOUT, json.dumps(asdict(about)).encode())


class Request:
    """A private key (P-256) on its way to a certificate; a new one unless its PEM is given."""

    def __init__(self, pem: bytes | None = None) -> None:
        # loaded here: an agent needs it on few days of the year, and it takes megabytes
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1()) if pem is None else None
        loaded = key or serialization.load_pem_private_key(pem or b"", None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError("holds no key that an agent made")
        self._key = loaded
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        self.pem = loaded.private_bytes(serialization.Encoding.PEM, *form)

    def signed(self) -> tuple[bytes, str]:
        """The request (PKCS #10) as DER and PEM; each call signs anew. Names in it are the hub's to give."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        made = request.sign(self._key, hashes.SHA256())
        der = made.public_bytes(serialization.Encoding.DER)
        return der, made.public_bytes(serialization.Encoding.PEM).decode()

    def proof(self, content: bytes) -> bytes:
        """A signature (ECDSA with SHA-256) that only the owner of this key can make."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        return self._key.sign(content, ec.ECDSA(hashes.SHA256()))

    def begin_ms(self, certificate_pem: str) -> int:
        """When a certificate of this key begins; raises ValueError for one of another key."""
        from cryptography import x509

        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        if certificate.public_key() != self._key.public_key():
            raise ValueError("is of another key than was asked for")
        return int(certificate.not_valid_before_utc.timestamp() * 1000)


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file at once or not at all, durably; at no moment may more read it than `mode` says."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink(missing_ok=True)
