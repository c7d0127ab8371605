"""A login by a provider: its tie to a browser, what is kept of its claims, which roles they give; pure."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

ATTEMPT_MS = 600_000
MAX_SUBJECT_CHARACTERS = 255
_MAX_NAME_CHARACTERS = 120

# citizens' numbers have 12 digits, those before 9, telephones 10: none of them is an opaque name
_ID_NUMBER = re.compile(r"\+?(\d{9,10}|84\d{9}|\d{12})")
_DIGITS = re.compile(r"\d(?:[ .\-]?\d){5,}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login that was begun: kept by the browser alone, in a cookie that only the hub reads.

    State, nonce and code verifier come from one secret, so whoever lacks the cookie can neither finish the
    login nor have a browser finish theirs. `link` is the account that wants this identity; None logs in.
    """

    secret: str
    provider: str
    next: str
    started_ms: int
    link: int | None = None

    @property
    def state(self) -> str:
        """What the provider sends back with the browser."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What the ID token has to hold."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What proves to the provider that the same party asks for the token (RFC 7636)."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """What the provider gets to see of the verifier before."""
        return _base64url(hashlib.sha256(self.verifier.encode()).digest())

    def _derived(self, purpose: str) -> str:
        return _base64url(hashlib.sha256(f"hub oidc {purpose} {self.secret}".encode()).digest())

    def text(self) -> str:
        """Gives the cookie's value."""
        return _base64url(json.dumps(asdict(self)).encode())


def attempt_of(text: str, state: str, provider: str, now_ms: int) -> Attempt | None:
    """Gives the attempt of a cookie if it is the one of this state, for this provider, and not too old."""
    try:
        fields = json.loads(base64.urlsafe_b64decode(text + "==="))
        attempt = Attempt(
            str(fields["secret"]),
            str(fields["provider"]),
            local_path(str(fields["next"])),
            int(fields["started_ms"]),
            None if fields["link"] is None else int(fields["link"]),
        )
    except (binascii.Error, ValueError, TypeError, KeyError):
        return None
    fresh = 0 <= now_ms - attempt.started_ms <= ATTEMPT_MS
    return attempt if fresh and attempt.state == state and attempt.provider == provider else None


def cookie_name(state: str, *, secure: bool) -> str:
    """Names the cookie of an attempt: each has its own, so that two tabs do not disturb each other."""
    name = f"hub_oidc_{hashlib.sha256(state.encode()).hexdigest()[:12]}"
    return f"__Host-{name}" if secure else name


def local_path(wanted: str) -> str:
    """Gives the path on this hub that is wanted, or "" if it is none."""
    if not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted or len(wanted) > 1000:
        return ""
    if any(ord(letter) < 33 or ord(letter) == 127 for letter in wanted):
        return ""
    parts = urlsplit(wanted)
    return "" if parts.scheme or parts.netloc or parts.path == "/login" else wanted


def is_id_number(subject: str) -> bool:
    """Tells whether a subject looks like a number of a person instead of an opaque name."""
    return _ID_NUMBER.fullmatch(re.sub(r"[ .\-]", "", subject)) is not None


def shown_name(claims: Mapping[str, object]) -> str:
    """Gives the person's name, if there is one without a long number in it; else ""."""
    name = claims.get("name")
    if not isinstance(name, str) or _DIGITS.search(name):
        return ""
    return " ".join(name.split())[:_MAX_NAME_CHARACTERS]


def wished_username(claims: Mapping[str, object]) -> str:
    """Gives a short name to tell people apart, never one with a long number in it; else ""."""
    wished = claims.get("preferred_username")
    if not isinstance(wished, str) or _DIGITS.search(wished):
        return ""
    short = re.sub(r"[^a-z0-9._-]+", "-", wished.partition("@")[0].lower()).strip("-._")
    return short[:24]


def mapped_roles(claimed: object, roles: Mapping[str, str]) -> set[tuple[str, str]]:
    """Gives the (role, unit) pairs that the values of the role claim stand for; unknown values give none."""
    values: Iterable[object] = claimed if isinstance(claimed, list) else [claimed]
    return {
        found
        for value in values
        if isinstance(value, str)
        for pattern, mapped in roles.items()
        if (found := _mapped(value, pattern, mapped)) is not None
    }


def _mapped(value: str, pattern: str, mapped: str) -> tuple[str, str] | None:
    role, _, unit = mapped.partition("@")
    if "*" not in pattern:
        return (role, unit) if value == pattern else None
    before, _, after = pattern.partition("*")
    if len(value) <= len(before) + len(after) or not (value.startswith(before) and value.endswith(after)):
        return None
    part = value[len(before) : len(value) - len(after)]
    return (role, unit.replace("*", part, 1)) if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", part) else None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
