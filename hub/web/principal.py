"""Who asks, and what they may do where; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

PermissionName: TypeAlias = Literal[
    "account.self",
    "accounts.read",
    "accounts.write",
    "agents.read",
    "agents.write",
    "alarms.acknowledge",
    "alarms.read",
    "assets.read",
    "assets.write",
    "audit.read",
    "counts.write",
    "devices.command",
    "devices.read",
    "imports.run",
    "organisation.read",
    "organisation.write",
    "packages.write",
    "presence.read",
    "quarantine.read",
    "quarantine.replay",
    "registry.claim",
    "rooms.write",
    "status.read",
    "sync.read",
    "sync.write",
    "telemetry.read",
    "tickets.read",
    "tickets.write",
    "tokens.write",
    "traffic.read",
    "wall.read",
]
PERMISSIONS: frozenset[PermissionName] = frozenset(get_args(PermissionName))

Schools: TypeAlias = frozenset[str] | None
"""Codes of the units where something is permitted; None is everywhere, also where no unit is known yet."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever proved to be asking: a person by session or token, a program, or a wall screen."""

    name: str
    display_name: str
    kind: Literal["session", "api", "wall"]
    permissions: Mapping[PermissionName, Schools] = field(default_factory=dict)
    roles: tuple[tuple[str, str], ...] = ()
    language: str = "vi"
    account_id: int | None = None
    token_id: int | None = None
    must_change_password: bool = False

    def may(self, permission: PermissionName, school: str | None = None) -> bool:
        """Tells whether this is permitted: anywhere at all, or in the given school."""
        if permission not in self.permissions:
            return False
        schools = self.permissions[permission]
        return school is None or schools is None or school in schools

    def schools(self, permission: PermissionName) -> Schools:
        """Gives the codes of the units where this is permitted; None is everywhere."""
        return self.permissions.get(permission, frozenset())
