"""Errors that a person has to understand: each names the field, the value found, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from hub.wording import said


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request: where, what was found, and what to write instead."""

    field: str
    value: object
    detail: str
    fix: str


class Problem(Exception):
    """An RFC 9457 problem: services and routes raise it, the web role renders it.

    `kind` is the stable last part of the problem's type URI; clients compare it and translate by it.
    """

    status = 500
    kind = "internal-error"
    title = "Something went wrong inside the hub"

    def __init__(
        self,
        detail: str = "",
        *,
        field: str | None = None,
        value: object = None,
        fix: str = "",
        faults: tuple[Fault, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.fix = fix
        self.faults = faults or ((Fault(field, value, detail, fix),) if field is not None else ())
        self.headers = dict(headers or {})


class NotFound(Problem):
    """The thing asked for does not exist, or the asker may not know that it does."""

    status, kind, title = 404, "not-found", "There is nothing here"


class Invalid(Problem):
    """The request is understood and wrong."""

    status, kind, title = 422, "invalid-request", "The request is not valid"


class Conflict(Problem):
    """The request is right by itself and does not fit the present state."""

    status, kind, title = 409, "conflict", "This does not fit the present state"


class Unauthenticated(Problem):
    """Nobody is known to be asking."""

    status, kind, title = 401, "not-authenticated", "Log in or send a token"


class SecondFactorRequired(Unauthenticated):
    """The password is right; a code of the second factor is still to come."""

    kind, title = "second-factor-required", "A code of the second factor is needed"


class WrongCode(Unauthenticated):
    """A code of the second factor is wrong, too old, or was used before."""

    kind, title = "wrong-code", "The code is wrong or was used before"


class WeakPassword(Invalid):
    """A new password is too easy to guess."""

    kind, title = "weak-password", "The password is too easy to guess"


class Forbidden(Problem):
    """The asker is known and may not do this."""

    status, kind, title = 403, "not-permitted", "This account may not do that"


class PasswordChangeRequired(Forbidden):
    """The password is a temporary one; until it is changed nothing else is permitted."""

    kind, title = "password-change-required", "Change the temporary password first"


class CrossSite(Forbidden):
    """A change came with a session cookie but not from our own pages."""

    kind, title = "cross-site-request", "The request did not come from the hub's own pages"


class TooMany(Problem):
    """Asked too often; `Retry-After` says when to try again."""

    status, kind, title = 429, "too-many-requests", "Too many tries"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        fix = "wait 1 second and try again"
        if retry_after_s != 1:
            fix = said("wait {seconds} seconds and try again", seconds=retry_after_s)
        super().__init__(detail, fix=fix, headers={"Retry-After": str(retry_after_s)})


class Unavailable(Problem):
    """Something the hub depends on is away."""

    status, kind, title = 503, "unavailable", "A part of the hub is not available"
