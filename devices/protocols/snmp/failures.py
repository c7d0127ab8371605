"""What an SNMP agent answers instead of values, as failures with reason codes."""

from devices.simulation import UnreachableError

_TOO_BIG, _NO_ACCESS, _AUTHORIZATION = 1, 6, 16


class TooBigError(UnreachableError):
    """The answer is longer than the device can say at once; less may be asked for (RFC 3416 §4.2.1)."""


def failure(status: int) -> UnreachableError:
    """The failure that an error status means."""
    if status == _TOO_BIG:
        return TooBigError("protocol_error", "the answer is too big for the device")
    reason = "auth_failed" if status in (_NO_ACCESS, _AUTHORIZATION) else "protocol_error"
    return UnreachableError(reason, f"the agent answers with error {status}")
