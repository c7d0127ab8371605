"""Asking an SNMP agent: GET and the walk over several columns at once, by pysnmp."""

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
    CommunityData,
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

from devices.protocols.snmp.options import SnmpOptions
from devices.simulation import UnreachableError

Oid = tuple[int, ...]
VARIABLES_MOST = 40  # of one answer: fits an Ethernet frame, whatever the device makes of larger ones
ROWS_MOST = 4096  # a device that never ends its table is wrong, not large
_ABSENT = (NoSuchObject, NoSuchInstance, EndOfMibView)
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
    key = (loop, options.version == "3" and (options.user, options.auth_key, options.privacy_key))
    engine = _engines.get(key) or _engines.setdefault(key, _Engine(key))
    engine.clients += 1
    return engine


def _release(engine: _Engine) -> None:
    engine.clients -= 1
    if engine.clients == 0:
        del _engines[engine.key]
        engine.snmp.close_dispatcher()


class SnmpClient:
    """One agent. Every call raises UnreachableError; a wrong community is silence, and so a `timeout`."""

    def __init__(self, options: SnmpOptions) -> None:
        self._options = options
        self._engine = _engine_for(options)
        self._target: Any = None
        self._context = ContextData(contextName=options.context.encode())

    async def get(self, *oids: Oid) -> list[Any]:
        """The values in order, None for what the device does not have."""
        answer = await self._ask(get_cmd, *oids)
        if len(answer) != len(oids):
            raise UnreachableError("protocol_error", "another number of values than asked for")
        return [_value(value) for _, value in answer]

    async def columns(self, *columns: Oid) -> list[dict[int, Any]]:
        """Whole columns of a table, values by the row's number."""
        found: list[dict[int, Any]] = [{} for _ in columns]
        ends: dict[int, Oid] = dict(enumerate(columns))  # where each column is to go on
        while ends:
            asked = list(ends)
            repetitions = max(1, VARIABLES_MOST // len(asked))
            answer = await self._ask(bulk_cmd, 0, repetitions, *(ends[number] for number in asked))
            if not answer:
                break
            for place, (name, value) in enumerate(answer):
                number = asked[place % len(asked)]
                if number not in ends:
                    continue
                column, oid = columns[number], tuple(name)
                if oid[: len(column)] != column or isinstance(value, EndOfMibView):
                    del ends[number]
                    continue
                if oid <= ends[number] or len(found[number]) >= ROWS_MOST:
                    raise UnreachableError("protocol_error", "a table without an end")
                ends[number] = oid
                found[number][oid[-1]] = _value(value)
        return found

    def close(self) -> None:
        """Let go of the engine; to be called once."""
        _release(self._engine)

    async def _ask(self, command: Any, *arguments: Any) -> list[tuple[Any, Any]]:
        options = self._options
        if self._target is None:
            self._target = await UdpTransportTarget.create(
                (options.host, options.port), timeout=options.answer_s, retries=options.retries
            )
        oids = [one if isinstance(one, int) else ObjectType(ObjectIdentity(one)) for one in arguments]
        try:
            indication, status, _, answer = await command(
                self._engine.snmp, self._credentials(), self._target, self._context, *oids, lookupMib=False
            )
        except PySnmpError as error:
            raise UnreachableError("protocol_error", str(error)) from error
        if indication is not None:
            raise UnreachableError(_reason(indication), str(indication))
        if int(status):
            reason = "auth_failed" if int(status) == 16 else "protocol_error"  # 16: authorizationError
            raise UnreachableError(reason, status.prettyPrint())
        return list(answer)

    def _credentials(self) -> Any:
        options = self._options
        if options.version == "2c":
            return CommunityData(options.community.get_secret_value(), mpModel=1)  # noqa: S508 — old switches know nothing else
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
    try:
        return int(value)
    except (TypeError, ValueError):
        return bytes(value).decode("utf-8", "replace")


def _reason(indication: Any) -> str:
    if isinstance(indication, _NOT_LET_IN):
        return "auth_failed"
    return "timeout" if isinstance(indication, errind.RequestTimedOut) else "protocol_error"


def numbers(oids: Sequence[str]) -> list[Oid]:
    """Object identifiers as tuples of numbers."""
    return [tuple(int(part) for part in oid.split(".")) for oid in oids]
