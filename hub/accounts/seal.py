"""Seals what the database must not tell: secrets of second factors, by a key that lies in a file."""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from hub.errors import Unavailable


class Seal:
    """Encrypts and opens short texts. The key's file is made when first needed, for its owner only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fernet: Fernet | None = None

    def closed(self, text: str) -> str:
        """Gives the text encrypted."""
        return self._key().encrypt(text.encode()).decode()

    def opened(self, sealed: str) -> str:
        """Gives the text again; raises `Unavailable` if the key is not the one it was sealed with."""
        try:
            return self._key().decrypt(sealed.encode()).decode()
        except InvalidToken:
            fix = "restore the key file (setting accounts.key_file), use a recovery code, or ask for a reset"
            raise Unavailable("second factors were sealed with another key", fix=fix) from None

    def _key(self) -> Fernet:
        if self._fernet is None:
            self._fernet = Fernet(self._read() or self._make())
        return self._fernet

    def _read(self) -> bytes:
        return self._path.read_bytes().strip() if self._path.exists() else b""

    def _make(self) -> bytes:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            os.link(fresh, self._path)  # whole or not at all; never over the key of another process
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        return self._read()
