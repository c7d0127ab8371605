"""Asking an SNMP agent by version 3, with a user, by pysnmp.

A general decoder has its price: 14 ms of CPU for an answer of forty variables. Version 2c, by which most
switches are asked, does without (`community.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch.asyncio import (
    USM_AUTH_HMAC96_MD5,
    USM_AUTH_HMAC96_SHA,
    USM_AUTH_HMAC192_SHA256,
    USM_AUTH_HMAC384_SHA512,
    USM_AUTH_NONE,
    USM_PRIV_CBC56_DES,
    USM_PRIV_CFB128_AES,
    USM_PRIV_CFB256_AES,
    USM_PRIV_NONE,
    ContextData,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    UdpTransportTarget,
    UsmUserData,
    bulk_cmd,
    get_cmd,
)
from pysnmp.proto import errind
from pysnmp.proto.rfc1905 import EndOfMibView, NoSuchInstance, NoSuchObject

from devices.protocols.snmp.failures import failure
from devices.protocols.snmp.message import END, Oid
from devices.protocols.snmp.options import SnmpOptions
from devices.simulation import UnreachableError

_ABSENT = (NoSuchObject, NoSuchInstance)
_AUTH = {
    "none": USM_AUTH_NONE,
    "md5": USM_AUTH_HMAC96_MD5,
    "sha": USM_AUTH_HMAC96_SHA,
    "sha256": USM_AUTH_HMAC192_SHA256,
    "sha512": USM_AUTH_HMAC384_SHA512,
}
_PRIVACY = {
    "none": USM_PRIV_NONE,
    "des": USM_PRIV_CBC56_DES,
    "aes": USM_PRIV_CFB128_AES,
    "aes256": USM_PRIV_CFB256_AES,
}
_NOT_LET_IN = (
    errind.UnknownUserName,
    errind.AuthenticationFailure,
    errind.AuthenticationError,
    errind.WrongDigest,
    errind.UnsupportedSecurityLevel,
    errind.UnsupportedAuthProtocol,
    errind.UnsupportedPrivProtocol,
    errind.DecryptionError,
    errind.UnknownCommunityName,
)


@dataclass(eq=False)
class _Engine:
    """pysnmp's engine and its socket: 5 MB and a tenth of a second, so devices share one.

    Users of one name with other keys are other users on other devices, and so have engines of their own.
    """

    key: object
    snmp: Any = field(default_factory=SnmpEngine)
    clients: int = 0


_engines: dict[object, _Engine] = {}


def _engine_for(options: SnmpOptions) -> _Engine:
    loop = id(asyncio.get_running_loop())
    key = (loop, options.user, options.auth_key, options.privacy_key)
    engine = _engines.get(key) or _engines.setdefault(key, _Engine(key))
    engine.clients += 1
    return engine


def _release(engine: _Engine) -> None:
    engine.clients -= 1
    if engine.clients == 0:
        del _engines[engine.key]
        engine.snmp.close_dispatcher()


class UserLine:
    """One agent."""

    def __init__(self, options: SnmpOptions) -> None:
        self._options = options
        self._engine = _engine_for(options)
        self._target: Any = None
        self._context = ContextData(contextName=options.context.encode())

    async def ask(self, oids: Sequence[Oid], repetitions: int | None = None) -> list[tuple[Oid, Any]]:
        """Names and values. Raises UnreachableError."""
        options = self._options
        if self._target is None:
            self._target = await UdpTransportTarget.create(
                (options.host, options.port), timeout=options.answer_s, retries=options.retries
            )
        command, numbers = (get_cmd, ()) if repetitions is None else (bulk_cmd, (0, repetitions))
        names = [ObjectType(ObjectIdentity(oid)) for oid in oids]
        try:
            indication, status, _, answer = await command(
                self._engine.snmp,
                self._user(),
                self._target,
                self._context,
                *numbers,
                *names,
                lookupMib=False,
            )
        except PySnmpError as error:
            raise UnreachableError("protocol_error", str(error)) from error
        if indication is not None:
            raise UnreachableError(_reason(indication), str(indication))
        if int(status):
            raise failure(int(status))
        return [(tuple(name), _value(value)) for name, value in answer]

    def close(self) -> None:
        """Let go of the engine; to be called once."""
        _release(self._engine)

    def _user(self) -> Any:
        options = self._options
        key, private = options.auth_key, options.privacy_key
        return UsmUserData(
            options.user,
            key.get_secret_value() if key and options.auth != "none" else None,
            private.get_secret_value() if private and options.privacy != "none" else None,
            authProtocol=_AUTH[options.auth],
            privProtocol=_PRIVACY[options.privacy],
        )


def _value(value: Any) -> Any:
    if isinstance(value, _ABSENT):
        return None
    if isinstance(value, EndOfMibView):
        return END
    try:
        return int(value)
    except (TypeError, ValueError):
        return bytes(value)


def _reason(indication: Any) -> str:
    if isinstance(indication, _NOT_LET_IN):
        return "auth_failed"
    return "timeout" if isinstance(indication, errind.RequestTimedOut) else "protocol_error"
