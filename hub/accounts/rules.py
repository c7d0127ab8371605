"""Roles and what they permit, and how often one may try a password; pure."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hub.web.principal import PERMISSIONS, PermissionName

_WATCH: frozenset[PermissionName] = frozenset(
    {
        "account.self",
        "alarms.read",
        "assets.read",
        "devices.read",
        "organisation.read",
        "presence.read",
        "status.read",
        "sync.read",
        "telemetry.read",
        "tickets.read",
        "wall.read",
    }
)
_SERVE: frozenset[PermissionName] = frozenset(
    {
        "alarms.acknowledge",
        "quarantine.read",
        "quarantine.replay",
        "registry.claim",
        "tickets.write",
        "traffic.read",
    }
)
_RUN_SCHOOL: frozenset[PermissionName] = (_WATCH - {"wall.read"}) | frozenset[PermissionName](
    {
        "accounts.read",
        "alarms.acknowledge",
        "assets.write",
        "counts.write",
        "imports.run",
        "rooms.write",
        "tickets.write",
    }
)

ROLES: Mapping[str, frozenset[PermissionName]] = MappingProxyType(
    {
        "administrator": PERMISSIONS,
        "operations": _WATCH | _SERVE | {"sync.write"},
        "technician": _WATCH | _SERVE | {"assets.write", "imports.run", "rooms.write"},
        "school_admin": _RUN_SCHOOL,
        "contributor": frozenset(
            {"account.self", "counts.write", "organisation.read", "status.read", "sync.read"}
        ),
        "budget_viewer": frozenset(
            {"account.self", "assets.read", "devices.read", "organisation.read", "status.read", "sync.read"}
        ),
        "inspector": _WATCH | {"audit.read"},
    }
)
"""The roles people have, with their permissions. They hold in a unit and everything below it."""

WALL_ROLE = "wall_screen"
WALL_PERMISSIONS: frozenset[PermissionName] = frozenset({"wall.read", "status.read"})
"""What a wall screen may: look. It is no role for people."""


def permissions_of(role: str) -> frozenset[PermissionName]:
    """Gives a role's permissions; an unknown role (of a newer version, say) permits nothing."""
    return WALL_PERMISSIONS if role == WALL_ROLE else ROLES.get(role, frozenset())


@dataclass(frozen=True, slots=True)
class Allowance:
    """After `free` failures each further one doubles the wait, from 1 s up to `limit_s`."""

    free: int
    limit_s: int


PER_PAIR = Allowance(free=5, limit_s=300)
PER_ADDRESS = Allowance(free=30, limit_s=300)
# a stranger must not be able to lock a person out for long from many addresses
PER_ACCOUNT = Allowance(free=50, limit_s=30)

_FORGET_MS = 3_600_000


class LoginThrottle:
    """Remembers failed logins by account, by address and by both, at most `size` of each kind."""

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._failures: tuple[OrderedDict[str, tuple[int, int]], ...] = (
            OrderedDict(),
            OrderedDict(),
            OrderedDict(),
        )

    def wait_s(self, username: str, address: str, now_ms: int) -> int:
        """Gives the whole seconds to wait before the next try; 0 is now."""
        until_ms = now_ms
        for table, key, allowance in self._tables(username, address):
            count, last_ms = table.get(key, (0, 0))
            if count > allowance.free and now_ms - last_ms < _FORGET_MS:
                pause_s = min(allowance.limit_s, 2 ** min(count - allowance.free - 1, 16))
                until_ms = max(until_ms, last_ms + pause_s * 1000)
        return -(-(until_ms - now_ms) // 1000)

    def failed(self, username: str, address: str, now_ms: int) -> None:
        """Notes a failed try; the least recently failed are forgotten when there are too many."""
        for table, key, _ in self._tables(username, address):
            count, last_ms = table.pop(key, (0, 0))
            table[key] = (count + 1 if now_ms - last_ms < _FORGET_MS else 1, now_ms)
            if len(table) > self._size:
                table.popitem(last=False)

    def succeeded(self, username: str, address: str) -> None:
        """Forgets the failures of this account from this address, and takes the last one back elsewhere."""
        for table, key, allowance in self._tables(username, address):
            count, last_ms = table.pop(key, (0, 0))
            if allowance is not PER_PAIR and count > 1:
                table[key] = (count - 1, last_ms)

    def _tables(
        self, username: str, address: str
    ) -> list[tuple[OrderedDict[str, tuple[int, int]], str, Allowance]]:
        pairs, addresses, accounts = self._failures
        return [
            (pairs, f"{username}\n{address}", PER_PAIR),
            (addresses, address, PER_ADDRESS),
            (accounts, username, PER_ACCOUNT),
        ]
