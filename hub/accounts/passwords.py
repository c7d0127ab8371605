"""Argon2id in worker threads, a few at a time: hashing takes ~25 ms and 19 MiB each by intention."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hub.errors import Unavailable

# OWASP's first choice for Argon2id; one lane, since the threads below already use the cores
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
_MAX_WAITING = 32
_waiting = 0

# a hash that no password has: an unknown account takes as long as a known one
_NOBODY = _hasher.hash("\x00nobody")


async def hash_password(password: str) -> str:
    """Hashes a password with a salt of its own."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, password)


async def password_matches(password: str, password_hash: str | None) -> bool:
    """Tells whether the password is the one hashed; no hash takes the same time and is never right.

    Raises `Unavailable` when too many are waiting, so that a flood of logins cannot hold the hub.
    """
    global _waiting
    if _waiting >= _MAX_WAITING:
        raise Unavailable("too many people are logging in", fix="try again in a few seconds",
                          headers={"Retry-After": "3"})  # fmt: skip
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, _verify, password, password_hash)
    finally:
        _waiting -= 1


def needs_new_hash(password_hash: str) -> bool:
    """Tells whether the hash was made with other costs than today's."""
    return _hasher.check_needs_rehash(password_hash)


def _verify(password: str, password_hash: str | None) -> bool:
    with suppress(VerificationError, InvalidHashError):
        _hasher.verify(password_hash or _NOBODY, password)
        return bool(password_hash)
    return False
