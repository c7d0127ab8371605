"""`/api/v1/views`: the asker's saved views."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel

from hub.audit.trail import Trailing
from hub.errors import Conflict, Invalid
from hub.views import service
from hub.views.rules import ViewError, view_name, view_query
from hub.views.schemas import ViewIn, ViewOut
from hub.web.access import permission
from hub.web.principal import Principal
from hub.web.requests import Reading, Transaction

router = APIRouter(prefix="/api/v1/views", tags=["views"])

Asker = Annotated[Principal, Depends(permission("account.self"))]
Name = Annotated[str, Path(max_length=200)]


class Views(BaseModel):
    """All views of the asker: they are few and come on one page."""

    items: list[ViewOut]
    next_cursor: None = None


@router.get("")
async def list_views(who: Asker, session: Reading) -> Views:
    """Lists the asker's saved views by name."""
    found = await service.views_of(session, _account(who))
    return Views(items=[ViewOut.model_validate(view) for view in found])


@router.put("/{name:path}")
async def save_view(
    name: Name, wanted: ViewIn, who: Asker, session: Transaction, trail: Trailing, request: Request
) -> ViewOut:
    """Saves a view under a name of 1 to 60 characters; a view that has the name is replaced."""
    try:
        kept, query = view_name(name), view_query(wanted.page, wanted.query)
    except ViewError as wrong:
        raise Invalid(wrong.detail, field=wrong.field, value=wrong.value, fix=wrong.fix) from None
    now_ms: int = request.app.state.now_ms()
    view = await service.save_view(session, _account(who), kept, wanted.page, query, now_ms)
    after = {"page": wanted.page, "query": query}
    await trail.note("view.save", f"view:{view.account_id}/{kept}", unit=None, after=after)
    return ViewOut.model_validate(view)


@router.delete("/{name:path}", status_code=204)
async def delete_view(name: Name, who: Asker, session: Transaction, trail: Trailing) -> None:
    """Deletes a saved view."""
    try:
        kept = view_name(name)
    except ViewError:
        kept = name
    account_id = _account(who)
    await service.delete_view(session, account_id, kept)
    await trail.note("view.delete", f"view:{account_id}/{kept}", unit=None)


def _account(who: Principal) -> int:
    if who.account_id is None:
        raise Conflict("views belong to people, and this token stands for nobody", field="Authorization",
                       value=who.name, fix="log in with an account, or use a token of one")  # fmt: skip
    return who.account_id
