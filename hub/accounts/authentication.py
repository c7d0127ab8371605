"""Finds out who asks, from a bearer token, a login session or a wall screen's cookie."""

import hmac
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from hub.accounts import service
from hub.accounts.rules import permissions_of
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
        self, database: Database, subtree: Subtree, now_ms: Callable[[], int], demo_token: str | None = None
    ) -> None:
        self._database = database
        self._subtree = subtree
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
            if found is None or found.token.kind not in kinds:
                return None
            principal = await self._principal(session, found)
        later_ms = service.extended_ms(found.token, now_ms)
        if later_ms is not None:
            async with self._database.write() as session:
                await service.extend(session, found.token.id, later_ms)
        return principal

    async def _principal(self, session: AsyncSession, found: Credential) -> Principal:
        permissions: dict[PermissionName, Schools] = {}
        for role, unit_code in found.grants:
            where = await self._subtree(session, unit_code)
            for name in permissions_of(role):
                before = permissions.get(name, frozenset())
                permissions[name] = None if before is None or where is None else before | where
        account = found.account
        kind: TokenKind = (
            "session" if found.token.kind == "session" else "wall" if found.token.kind == "wall" else "api"
        )
        return Principal(
            name=account.username if account else found.token.name,
            display_name=account.name if account else found.token.name,
            kind=kind,
            permissions=permissions,
            roles=found.grants,
            language=account.language if account else "vi",
            account_id=account.id if account else None,
            token_id=found.token.id,
        )
