"""What somebody who is not asking now may as of now: the hub acts for them by the clock."""

from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.rules import permitted, within
from hub.accounts.tables import AccessToken, Account, Grant
from hub.web.principal import PermissionName, Schools


async def standing(
    session: AsyncSession,
    account_id: int | None,
    token_id: int | None,
    subtree: Callable[[AsyncSession, str], Awaitable[Schools]],
    now_ms: int,
) -> Mapping[PermissionName, Schools]:
    """Gives what an account may, no more than a token of its own if one is named, or what a token alone may.

    Whoever is gone, disabled or ended may nothing.
    """
    account = None if account_id is None else await session.get(Account, account_id)
    token = None if token_id is None else await session.get(AccessToken, token_id)
    ended = token is not None and token.expires_ms is not None and token.expires_ms <= now_ms
    gone = (account_id is not None and account is None) or (token_id is not None and token is None)
    if gone or ended or (account is not None and account.disabled_ms is not None):
        return {}
    limits: list[Mapping[PermissionName, Schools]] = []
    if account is not None:
        grants = select(Grant.role, Grant.unit_code).where(Grant.account_id == account.id)
        found = [(role, await subtree(session, unit)) for role, unit in await session.execute(grants)]
        limits.append(permitted(found))
    if token is not None and token.role is not None and token.unit_code is not None:
        limits.append(permitted([(token.role, await subtree(session, token.unit_code))]))
    return {} if not limits else limits[0] if len(limits) == 1 else within(limits[1], limits[0])
