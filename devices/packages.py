"""Packages of the agent's software: what is in them, and whether somebody who may has signed them.

A package is a tar.gz of `package.json` (`{"version": "1.4.0", "wheels": ["….whl", …]}`) and those wheels.
What it does not hold is taken from the environment that the agent was installed with: a fix of the agent
alone is a few hundred kilobytes. The signature is Ed25519 (RFC 8032) over the 32 bytes of the file's SHA-256.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 200 * 2**20
MANIFEST = "package.json"
_MANIFEST_MOST_BYTES = 64 * 1024
_UNPACKED_MOST_BYTES = 4 * MOST_BYTES
_VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){1,3}")
_WHEEL = re.compile(r"[A-Za-z0-9._+-]{1,200}\.whl")


class PackageError(ValueError):
    """A package that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a package says of itself."""

    version: str
    wheels: tuple[str, ...]


def version_key(version: str) -> tuple[int, ...]:
    """Compares as versions do; anything that is no version of a package comes before all of them."""
    if not _VERSION.fullmatch(version):
        return ()
    parts = [int(part) for part in version.split(".")]
    return tuple(parts + [0] * (4 - len(parts)))


def digest_of(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(path: Path) -> Manifest:
    """Look into a package without unpacking it. Raises PackageError."""
    try:
        with tarfile.open(path, "r:gz") as tar:
            return _manifest(tar)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise PackageError(f"it is no tar.gz ({error})") from None


def _manifest(tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or first.size > _MANIFEST_MOST_BYTES:
        raise PackageError(f"it does not begin with {MANIFEST}")
    file = tar.extractfile(first)
    try:
        found = json.loads(file.read() if file else b"")
        version, wheels = found["version"], tuple(found["wheels"])
    except (ValueError, KeyError, TypeError):
        raise PackageError(f"its {MANIFEST} cannot be read") from None
    if not isinstance(version, str) or not version_key(version):
        raise PackageError(f"its version is {version!r}; it must be numbers such as 1.4.0")
    if not wheels or not all(isinstance(each, str) and _WHEEL.fullmatch(each) for each in wheels):
        raise PackageError("it names no wheels, or strange ones")
    return Manifest(version, wheels)


def unpack(path: Path, folder: Path) -> Manifest:
    """Write a package's wheels into a folder: only those its manifest names, and no more than is sane.

    Raises PackageError, or OSError if the disk does not take them.
    """
    try:
        with tarfile.open(path, "r:gz") as tar:
            manifest = _manifest(tar)
            left, total = set(manifest.wheels), 0
            while (member := tar.next()) is not None:
                total += member.size
                if not member.isreg() or member.name not in left:
                    raise PackageError(f"it holds {member.name!r}, which its {MANIFEST} does not name")
                if total > _UNPACKED_MOST_BYTES:
                    raise PackageError("it is too large unpacked")
                left.remove(member.name)
                file = tar.extractfile(member)
                assert file is not None
                with (folder / member.name).open("wb") as out:
                    while chunk := file.read(1 << 20):
                        out.write(chunk)
    except (tarfile.TarError, EOFError) as error:
        raise PackageError(f"it is no whole tar.gz ({error})") from None
    if left:
        raise PackageError(f"it lacks {', '.join(sorted(left))}")
    return manifest


def build(path: Path, version: str, wheels: Sequence[Path]) -> Manifest:
    """Make a package; the same wheels give the same bytes. Raises PackageError, OSError."""
    manifest = Manifest(version, tuple(sorted(each.name for each in wheels)))
    if not version_key(version):
        raise PackageError(f"{version!r} is no version; use numbers such as 1.4.0")
    if not wheels or not all(_WHEEL.fullmatch(name) for name in manifest.wheels):
        raise PackageError("name at least one wheel (….whl)")
    text = json.dumps({"version": version, "wheels": manifest.wheels}).encode()
    with tarfile.open(path, "w:gz") as tar:
        _put(tar, MANIFEST, text)
        for wheel in sorted(wheels, key=lambda each: each.name):
            _put(tar, wheel.name, wheel.read_bytes())
    return manifest


def _put(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


# ---------------------------------------------------------------- keys and signatures, all in base64


def new_key() -> tuple[str, str]:
    """A new pair: private and public key, 32 bytes each."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    return _text(key.private_bytes_raw()), _text(key.public_key().public_bytes_raw())


def sign(private_key: str, sha256: str) -> str:
    """The signature of a package by its digest. Raises PackageError for what is no key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(private_key.strip(), validate=True))
    except (ValueError, binascii.Error):
        raise PackageError("that is no private key of `hub package key`") from None
    return _text(key.sign(bytes.fromhex(sha256)))


def is_public_key(text: str) -> bool:
    """Whether a text is a public key."""
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except (ValueError, binascii.Error):
        return False


def is_signed(public_keys: Iterable[str], sha256: str, signature: str) -> bool:
    """Whether one of the keys signed the package of this digest."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        digest, signed = bytes.fromhex(sha256), base64.b64decode(signature, validate=True)
    except (ValueError, binascii.Error):
        return False
    for each in public_keys:
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(each, validate=True))
            key.verify(signed, digest)
        except (InvalidSignature, ValueError, binascii.Error):
            continue
        return True
    return False


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()
