"""What has become of codes, what a broker lets nodes do, and when its revocation list is due; pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from hub.certificates.rules import CLOCK_SKEW_MS, DAY_MS

NODE = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""What a node may be called here: it becomes the common name of a certificate and a line of an ACL."""

NODE_DAYS = 365
"""A box that was switched off over the whole summer still has a certificate, and renews it."""

CRL_DAYS = 30
CRL_WARN_DAYS = 20
"""A list with less left was to be renewed days ago."""

_CRL_RENEW_MS = 5 * DAY_MS


def code_state(used_ms: int | None, revoked_ms: int | None, expires_ms: int, now_ms: int) -> str:
    """Says what has become of a code: `used`, `revoked`, `expired` or `open`."""
    if used_ms is not None:
        return "used"
    if revoked_ms is not None:
        return "revoked"
    return "expired" if now_ms >= expires_ms else "open"


def certificate_state(revoked_ms: int | None, not_after_ms: int, now_ms: int) -> str:
    """Says what holds of a certificate: `revoked`, `expired` or `valid`."""
    if revoked_ms is not None:
        return "revoked"
    return "expired" if now_ms >= not_after_ms else "valid"


@dataclass(frozen=True, slots=True)
class Crl:
    """What matters of a revocation list; serials as numbers."""

    this_update_ms: int
    next_update_ms: int
    serials: frozenset[int]
    issuer_key: bytes


def crl_due(present: Crl | None, serials: Iterable[int], issuer_key: bytes, now_ms: int) -> str:
    """Says why a new list is due; "" if the present one will do. An expired list locks everybody out."""
    if present is None:
        return "there is none"
    if present.issuer_key != issuer_key:
        return "it is of another authority"
    if present.serials != frozenset(serials):
        return "other certificates are revoked"
    if now_ms < present.this_update_ms:
        return "it has not begun"
    if present.next_update_ms - now_ms < CRL_DAYS * DAY_MS - _CRL_RENEW_MS:
        return "it is five days old"
    return ""


def crl_problem(end_ms: int | None, now_ms: int) -> str:
    """Says that the revocation list ends soon or has ended, "" if neither: then nobody gets in any more."""
    if end_ms is None:
        return "there is no revocation list, without which the broker does not start"
    if end_ms <= now_ms:
        return "the revocation list has ended: the broker lets nobody in"
    days = (end_ms - now_ms) // DAY_MS
    return f"the revocation list ends in {days} days and was not renewed" if days < CRL_WARN_DAYS else ""


def crl_times_ms(present: Crl | None, now_ms: int) -> tuple[int, int]:
    """Gives begin and end of the next list: later than the one before by a second at least.

    A broker that loads a list keeps the old one beside it, and of two that began in the same second
    goes by the old.
    """
    begin_ms = (now_ms - CLOCK_SKEW_MS) // 1000 * 1000
    if present is not None and begin_ms <= present.this_update_ms <= now_ms:
        begin_ms = present.this_update_ms + 1000
    return begin_ms, now_ms + CRL_DAYS * DAY_MS


def acl(nodes: Iterable[tuple[str, str]], hub_user: str) -> str:
    """Gives the broker's ACL: everything for the hub, and for each (group, node) its own topics alone."""
    lines = [
        "# Written by the hub; changes are lost. Only the hub writes STATE, commands and its live mirror.",
        f"user {hub_user}",
        "topic readwrite spBv1.0/#",
        "topic readwrite hub/#",
        "topic read $SYS/#",
    ]
    for group, node in sorted(set(nodes)):
        lines += ["", f"user {node}"]
        for kind in ("NBIRTH", "NDATA", "NDEATH"):
            lines.append(f"topic write spBv1.0/{group}/{kind}/{node}")
        for kind in ("DBIRTH", "DDATA", "DDEATH"):
            lines.append(f"topic write spBv1.0/{group}/{kind}/{node}/+")
        lines.append(f"topic read spBv1.0/{group}/NCMD/{node}")
        lines.append(f"topic read spBv1.0/{group}/DCMD/{node}/+")
        lines.append("topic read spBv1.0/STATE/+")
    return "\n".join([*lines, ""])


def listener(port: int, folder: str, only_here: bool = False) -> str:
    """Gives the lines of a Mosquitto configuration for the listener of nodes, or of this machine's alone."""
    return "\n".join(
        [
            "# Written by the hub; changes are lost. Nodes prove who they are by certificate:",
            "# common name = user name = client id = node id.",
            "# Before it stands: per_listener_settings true",
            f"listener {port} 127.0.0.1" if only_here else f"listener {port}",
            f"cafile {folder}/ca.pem",
            f"certfile {folder}/broker.pem",
            f"keyfile {folder}/broker-key.pem",
            f"crlfile {folder}/revoked.crl",
            f"acl_file {folder}/acl",
            "require_certificate true",
            "use_identity_as_username true",
            "use_username_as_clientid true",
            "tls_version tlsv1.2",
            "allow_anonymous false",
            "",
        ]
    )
