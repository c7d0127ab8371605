"""Roles and what they permit, who may give them, and what a password must be; pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hub.folding import folded
from hub.web.principal import PERMISSIONS, PermissionName, Schools
from hub.wording import said

_WATCH: frozenset[PermissionName] = frozenset(
    {
        "account.self",
        "agents.read",
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
        "agents.write",
        "alarms.acknowledge",
        "devices.command",
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
        "devices.command",
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


HOMES: Mapping[str, str] = MappingProxyType(
    {
        "administrator": "/org",
        "operations": "/ops",
        "technician": "/tech",
        "school_admin": "/school",
        "contributor": "/school",
        "budget_viewer": "/equipment",
        "inspector": "/org",
    }
)
"""The page that is useful to a role on the first day."""
NO_ROLE_HOME = "/account"


def home_of(roles: Iterable[str]) -> str:
    """Gives the page to land on: that of the role which permits most, in the order of `ROLES`."""
    held = set(roles)
    return next((HOMES[role] for role in ROLES if role in held), NO_ROLE_HOME)


def permitted(grants: Iterable[tuple[str, Schools]]) -> dict[PermissionName, Schools]:
    """Gives what roles permit where, each role given with the units it reaches."""
    found: dict[PermissionName, Schools] = {}
    for role, where in grants:
        for name in permissions_of(role):
            found[name] = joined(found.get(name, frozenset()), where)
    return found


def joined(one: Schools, other: Schools) -> Schools:
    """Gives the units of both."""
    return None if one is None or other is None else one | other


def shared(one: Schools, other: Schools) -> Schools:
    """Gives the units that are in both."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


def within(
    own: Mapping[PermissionName, Schools], limit: Mapping[PermissionName, Schools]
) -> dict[PermissionName, Schools]:
    """Gives what is permitted by both: a token never permits more than its account has."""
    both = {name: shared(own[name], limit[name]) for name in own.keys() & limit.keys()}
    return {name: where for name, where in both.items() if where is None or where}


def covers(where: Schools, other: Schools) -> bool:
    """Tells whether units reach at least as far as others."""
    return where is None or (other is not None and other <= where)


def may_grant(own: Mapping[PermissionName, Schools], role: str, where: Schools) -> bool:
    """Tells whether somebody may give (or take) a role that reaches `where`: only what they have themselves.

    A role that permits nothing, as one of a newer version, is given by nobody but who may do everything.
    """
    names = permissions_of(role) or PERMISSIONS
    return all(name in own and covers(own[name], where) for name in names)


MIN_PASSWORD_CHARACTERS = 10
MAX_PASSWORD_CHARACTERS = 256
_MIN_DIFFERENT_CHARACTERS = 5
_OFTEN_GUESSED = ("password", "matkhau", "qwerty", "123456789", "tayninh", "smartclassroom")


def password_fault(password: str, username: str = "") -> str:
    """Says what makes a password too easy to guess; empty if nothing."""
    plain = folded(password).replace(" ", "")
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        return said(
            "it does not have {least} to {most} characters",
            least=MIN_PASSWORD_CHARACTERS,
            most=MAX_PASSWORD_CHARACTERS,
        )
    if len(set(plain)) < _MIN_DIFFERENT_CHARACTERS:
        return said("it has fewer than {least} different characters", least=_MIN_DIFFERENT_CHARACTERS)
    rest = plain
    for word in filter(None, (folded(username), *_OFTEN_GUESSED)):
        rest = rest.replace(word, "")
    if len(rest) < MIN_PASSWORD_CHARACTERS // 2:
        return "little is left of it without the user name and words that everybody tries"
    return ""


@dataclass(frozen=True, slots=True)
class SessionEnds:
    """When login sessions end: unused for `idle_ms`, or `longest_ms` after the login in any case."""

    idle_ms: int = 12 * 3_600_000
    longest_ms: int = 7 * 24 * 3_600_000

    def of(self, created_ms: int, used_ms: int) -> int:
        """Gives the end of a session that was used last at `used_ms`."""
        return min(used_ms + self.idle_ms, created_ms + self.longest_ms)

    def worth_noting(self, last_used_ms: int | None, now_ms: int) -> bool:
        """Tells whether a use is worth noting: it costs a write, so not every request."""
        return last_used_ms is None or now_ms - last_used_ms >= min(_TOUCH_MS, self.idle_ms // 10)


SESSION_ENDS = SessionEnds()
_TOUCH_MS = 300_000

TOTP_STEP_S = 30
_RECOVERY_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def recovery_code(choose: Callable[[str], str]) -> str:
    """Makes a code of 16 characters (79 bits) in fours, without those that look alike."""
    letters = "".join(choose(_RECOVERY_ALPHABET) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def plain_code(code: str) -> str:
    """Gives a code as it counts: without spaces and dashes, in small letters."""
    return "".join(letter for letter in code.lower() if letter.isalnum())


def steps_near(now_ms: int) -> tuple[int, int, int]:
    """Gives the steps whose codes are accepted: now and one to each side, for clocks that differ."""
    now = now_ms // 1000 // TOTP_STEP_S
    return now - 1, now, now + 1
