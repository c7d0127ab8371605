"""Finds out who asks, from a bearer token, a login session or a wall screen's cookie."""

import hmac
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from hub.accounts import service
from hub.accounts.rules import SESSION_ENDS, SessionEnds, permitted, within
from hub.accounts.service import Credential, TokenKind
from hub.database import Database
from hub.web.principal import PERMISSIONS, PermissionName, Principal, Schools

SESSION_COOKIE = "hub_session"
WALL_COOKIE = "hub_wall"

Subtree: TypeAlias = Callable[[AsyncSession, str], Awaitable[Schools]]
"""Gives the units below a unit, or None for everything."""


class Authenticator:
    """Turns what a request carries into a `Principal`.

    It asks the database every time, so that revoking works at once.
    """

    def __init__(
        self,
        database: Database,
        subtree: Subtree,
        now_ms: Callable[[], int],
        demo_token: str | None = None,
        ends: SessionEnds = SESSION_ENDS,
    ) -> None:
        self._database = database
        self._subtree = subtree
        self.ends = ends
        self._now_ms = now_ms
        self._demo_token = demo_token.encode() if demo_token else None

    async def __call__(self, request: HTTPConnection) -> tuple[Principal, bool] | None:
        """Gives the principal and whether it came by cookie; None if nobody valid asks."""
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            principal = await self.of_secret(secret.strip(), ("api", "wall"))
            return (principal, False) if principal else None
        kinds: tuple[tuple[str, TokenKind], ...] = ((SESSION_COOKIE, "session"), (WALL_COOKIE, "wall"))
        for cookie, kind in kinds:
            if secret := request.cookies.get(cookie, ""):
                principal = await self.of_secret(secret, (kind,))
                if principal is not None:
                    return principal, True
        return None

    async def of_secret(self, secret: str, kinds: tuple[TokenKind, ...]) -> Principal | None:
        """Gives whom a secret stands for, if it is a token of one of the kinds."""
        if not secret:
            return None
        if "api" in kinds and self._demo_token and hmac.compare_digest(secret.encode(), self._demo_token):
            everything: dict[PermissionName, Schools] = dict.fromkeys(PERMISSIONS)
            return Principal("demo-token", "Demo", "api", everything, (("administrator", "*"),))
        now_ms = self._now_ms()
        async with self._database.read() as session:
            found = await service.credential(session, secret, now_ms)
            if found is None or found.token.kind not in kinds or self._ended(found, now_ms):
                return None
            principal = await self._principal(session, found)
        token = found.token
        if self.ends.worth_noting(token.last_used_ms, now_ms):
            end_ms = self.ends.of(token.created_ms, now_ms) if token.kind == "session" else token.expires_ms
            async with self._database.write() as session:
                await service.touch(session, token.id, now_ms, end_ms)
        return principal

    def _ended(self, found: Credential, now_ms: int) -> bool:
        """Whether a session has ended by settings that are stricter than when it was opened."""
        token = found.token
        used_ms = token.last_used_ms or token.created_ms
        return token.kind == "session" and self.ends.of(token.created_ms, used_ms) <= now_ms

    async def _principal(self, session: AsyncSession, found: Credential) -> Principal:
        account, token = found.account, found.token
        permissions = await self._permitted(session, found.grants)
        if found.own is not None:
            own = await self._permitted(session, (found.own,))
            permissions = within(own, permissions) if account else own
        kind: TokenKind = "session" if token.kind == "session" else "wall" if token.kind == "wall" else "api"
        return Principal(
            name=account.username if account else token.name,
            display_name=account.name if account else token.name,
            kind=kind,
            permissions=permissions,
            roles=(found.own,) if found.own else found.grants,
            language=account.language if account else "vi",
            account_id=account.id if account else None,
            token_id=token.id,
            must_change_password=account is not None and kind == "session" and account.must_change_password,
        )

    async def _permitted(
        self, session: AsyncSession, grants: tuple[tuple[str, str], ...]
    ) -> dict[PermissionName, Schools]:
        return permitted([(role, await self._subtree(session, unit)) for role, unit in grants])
