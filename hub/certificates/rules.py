"""When a certificate has to be made anew, and what is wrong with one; pure."""

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address

DAY_MS = 86_400_000
CA_DAYS = 3_650
LEAF_DAYS = 90
"""Short enough to be renewed often, and below the 825 days that phones accept."""

CLOCK_SKEW_MS = 3_600_000
"""A new certificate began an hour ago already: not every clock of a school is right."""

WARN_DAYS = 14


@dataclass(frozen=True, slots=True)
class Leaf:
    """What matters of a server's certificate; `names` are DNS names and addresses as text."""

    not_before_ms: int
    not_after_ms: int
    names: frozenset[str]
    issuer_key: bytes
    """Identifier of the key that signed it."""


def renewal_ms(not_before_ms: int, not_after_ms: int) -> int:
    """Gives when to renew: with a third of the time left, so that weeks of trouble cost nothing."""
    return not_after_ms - (not_after_ms - not_before_ms) // 3


def reason_to_issue(leaf: Leaf | None, names: Collection[str], ca_key: bytes, now_ms: int) -> str:
    """Says why a new certificate is due; "" if the present one will do."""
    if leaf is None:
        return "there is none"
    if leaf.issuer_key != ca_key:
        return "it is of another authority"
    if now_ms < leaf.not_before_ms:
        return "it has not begun"
    if now_ms >= renewal_ms(leaf.not_before_ms, leaf.not_after_ms):
        return "it ends soon"
    if missing := sorted(set(names) - leaf.names):
        return f"it lacks {', '.join(missing)}"
    return ""


def leaf_end_ms(now_ms: int, ca_end_ms: int) -> int:
    """Gives the end of a certificate made now: never after its authority's."""
    return min(now_ms + LEAF_DAYS * DAY_MS, ca_end_ms)


def is_address(name: str) -> bool:
    """Tells whether a name is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def covers(names: Collection[str], host: str) -> bool:
    """Tells whether a certificate of these names is one of the host; `*.` stands for one label."""
    host = host.lower().rstrip(".")
    if is_address(host):
        return any(is_address(name) and ip_address(name) == ip_address(host) for name in names)
    lowered = {name.lower() for name in names}
    return host in lowered or f"*.{host.partition('.')[2]}" in lowered


def days_left(not_after_ms: int, now_ms: int) -> int:
    """Gives the whole days until the end; negative after it."""
    return (not_after_ms - now_ms) // DAY_MS
