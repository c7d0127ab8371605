"""What a device's failure to answer is called, whichever library noticed it."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

from devices.simulation import UnreachableError

_NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


class RefusedError(Exception):
    """The device answered and would not do what it was asked; it is there, and goes on being polled."""


def unreachable(error: BaseException) -> UnreachableError:
    """The error with its stable reason code; libraries wrap what the network said: causes count."""
    for one in _causes(error):
        if isinstance(one, UnreachableError):
            return one
        if isinstance(one, OSError) and (reason := _of_network(one)):
            return UnreachableError(reason, str(error))
    return UnreachableError("protocol_error", f"{type(error).__name__}: {error}")


def _of_network(error: OSError) -> str | None:
    text = str(
        error
    )  # of a host with several addresses asyncio tells all failures in one text, without errno
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in text:
        return "refused"
    if isinstance(error, socket.gaierror) or error.errno in _NO_ROUTE:
        return "no_route"
    return "no_route" if any(f"[Errno {number}]" in text for number in _NO_ROUTE) else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()  # an exception may be its own context's cause: chains can go round
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
