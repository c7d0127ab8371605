"""`/api/v1/tokens`: what programs and wall screens prove themselves with."""

from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Request

from hub.accounts import directory, service
from hub.accounts.accounts_api import WritingReach
from hub.accounts.rules import WALL_ROLE
from hub.accounts.schemas import TokenIn, TokenMade, TokenOut
from hub.accounts.tables import AccessToken
from hub.audit.trail import Trailing
from hub.errors import Invalid, NotFound
from hub.organisation.tables import Unit
from hub.web.access import permission
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])

Writer = Annotated[Principal, Depends(permission("tokens.write"))]
YEAR_MS = 365 * 86_400_000
LONGEST_MS = 3 * YEAR_MS


@router.get("")
async def list_tokens(
    who: Writer,
    session: Reading,
    paging: PageQuery,
    kind: Literal["api", "wall"] | None = None,
    mine: bool = False,
) -> Page[TokenOut]:
    """Lists tokens for units inside the asker's reach (or only the asker's own), the newest first."""
    last = paging.after(int)
    owner = (who.account_id or 0) if mine else None
    after = int(last[0]) if last else None
    where = who.schools("tokens.write")
    found = await service.list_tokens(session, where, kind, owner, after=after, limit=paging.limit + 1)
    return paging.page(found, lambda row: (row[0].id,), lambda row: _token(*row))


@router.post("", status_code=201)
async def create_token(
    wanted: TokenIn, who: Writer, request: Request, session: Transaction, reach: WritingReach, trail: Trailing
) -> TokenMade:
    """Makes a token and gives its secret, this once. It may never do more than who made it.

    A program's token belongs to the account that made it and ends with it; a wall's stays.
    """
    now_ms: int = request.app.state.now_ms()
    wall = wanted.kind == "wall"
    if wall == (wanted.role is not None):
        fix = "leave role out: walls only look" if wall else "send one of GET /api/v1/roles"
        raise Invalid("a wall has no role, a program needs one", field="role", value=wanted.role, fix=fix)
    if wanted.wall is not None and not wall:
        raise Invalid(
            "only a wall's token names a wall", field="wall", value=wanted.wall, fix="leave wall out"
        )
    ends_ms = wanted.expires_ms if wall or wanted.expires_ms is not None else now_ms + YEAR_MS
    if ends_ms is not None and not now_ms < ends_ms <= now_ms + LONGEST_MS:
        raise Invalid("a token ends between now and three years from now", field="expires_ms", value=ends_ms,
                      fix="send milliseconds since 1970, in UTC")  # fmt: skip
    await directory.check_token(wanted.role or WALL_ROLE, wanted.unit, who.permissions, reach)
    secret = await service.create_token(
        session,
        wanted.kind,
        wanted.name,
        now_ms,
        role=wanted.role or WALL_ROLE,
        unit_code=wanted.unit,
        account_id=None if wall else who.account_id,
        expires_ms=ends_ms,
        wall=(wanted.wall or "main") if wall else None,
    )
    found = await service.credential(session, secret, now_ms)
    assert found is not None, "the token was made just now"
    token = found.token
    unit = await session.get_one(Unit, wanted.unit)
    made = _token(token, unit.name, found.account.username if found.account else None)
    await trail.note("token.create", f"token:{token.id}", unit=wanted.unit, after=_facts(token))
    base = request.app.state.settings.public_url or str(request.base_url)
    url = f"{base.rstrip('/')}/wall/{token.wall}?token={secret}" if wall else None
    return TokenMade(token=made, secret=secret, url=url)


@router.delete("/{token_id}", status_code=204)
async def revoke_token(token_id: int, who: Writer, session: Transaction, trail: Trailing) -> None:
    """Ends a token: the next request that carries it is refused."""
    token = await service.find_token(session, token_id, who.schools("tokens.write"))
    if token is None:
        raise NotFound(
            said("there is no token {token_id}", token_id=token_id),
            field="token_id",
            value=token_id,
            fix="use an id of GET /api/v1/tokens",
        )
    before = _facts(token)
    await service.revoke_token(session, token_id)
    await trail.note("token.revoke", f"token:{token_id}", unit=token.unit_code, before=before)


def _facts(token: AccessToken) -> dict[str, object]:
    return {"kind": token.kind, "name": token.name, "role": token.role, "expires_ms": token.expires_ms}


def _token(token: AccessToken, unit_name: str, owner: str | None) -> TokenOut:
    return TokenOut(
        id=token.id,
        kind=cast(Literal["api", "wall"], token.kind),
        name=token.name,
        role=token.role or "",
        unit=token.unit_code or "",
        unit_name=unit_name,
        wall=token.wall,
        owner=owner,
        created_ms=token.created_ms,
        expires_ms=token.expires_ms,
        last_used_ms=token.last_used_ms,
    )
