"""Changes of the tree with a day: tried, made, and listed."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from hub.audit.trail import Trail, Trailing
from hub.clock import today
from hub.errors import Invalid
from hub.organisation import history
from hub.organisation.asking import Kept, Reader, Text, must_see
from hub.organisation.changes import Outcome, Part, Wanted
from hub.organisation.schemas import ChangeIn, ChangeOut, LoggedChange, PlanStep
from hub.organisation.tree import Tree
from hub.organisation.trees import load
from hub.web.access import permission
from hub.web.principal import Principal, Schools
from hub.web.requests import Page, PageQuery, Reading, Transaction

router = APIRouter()

Writer = Annotated[Principal, Depends(permission("organisation.write"))]


def followers(request: Request) -> Sequence[history.Follow]:
    """Gives who follows changes of the tree, as the web role registered them."""
    found: Sequence[history.Follow] = getattr(request.app.state, "followers", ())
    return found


@router.post("/changes")
async def change_tree(
    who: Writer, session: Transaction, trail: Trailing, request: Request, wanted: ChangeIn
) -> ChangeOut:
    """Makes a change of the tree, or with `dry_run` only says what it would do."""
    return await make(who, session, trail, request.app.state.now_ms(), wanted, followers(request))


@router.get("/changes")
async def list_changes(
    who: Reader, session: Reading, kept: Kept, paging: PageQuery, unit: Text = None
) -> Page[LoggedChange]:
    """Lists changes of the tree, the newest first."""
    if unit is not None:
        must_see(who, "organisation.read", await kept.current(session), unit, "unit")
    last = paging.after(int)
    allowed = who.schools("organisation.read")
    before = int(last[0]) if last else None
    rows = await history.list_changes(
        session, codes=allowed, unit=unit, before=before, limit=paging.limit + 1
    )
    return paging.page(
        rows,
        lambda row: (row[0].id,),
        lambda row: LoggedChange(
            id=row[0].id,
            at_ms=row[0].at_ms,
            by=row[0].by,
            kind=row[0].kind,
            on=row[0].effective,
            units=[code for code in row[1] if allowed is None or code in allowed],
            request=row[0].request if allowed is None else {},
            plan=[
                PlanStep(**step) for step in row[0].plan if allowed is None or step["unit"] in allowed
            ],
        ),
    )  # fmt: skip


async def make(
    who: Principal,
    session: AsyncSession,
    trail: Trail,
    now_ms: int,
    wanted: ChangeIn,
    told: Sequence[history.Follow] = (),
) -> ChangeOut:
    """Makes a change as far as the asker's permission reaches, and notes it in the audit log.

    What stands in rooms follows them: each of `told` hears of a change whose day has come in its transaction,
    of a later one from the control role on that day.
    """
    allowed = who.schools("organisation.write")
    if allowed is not None:
        _refuse_strangers(wanted, allowed, await load(session))
    number, plan, made = await history.change(
        session,
        asked(wanted),
        request=wanted.model_dump(mode="json", exclude_defaults=True),
        by=who.name,
        now_ms=now_ms,
        dry_run=wanted.dry_run,
    )
    if allowed is not None:
        _refuse_parents(made, allowed)
    if number is not None:
        await history.follow_due(session, told, today(), now_ms)
        unit = wanted.unit or (wanted.into if isinstance(wanted.into, str) else None)
        after: dict[str, Any] = {"on": str(wanted.on), "plan": plan}
        await trail.note(f"unit.{wanted.kind}", f"unit:{unit}", unit=unit, after=after)
    return ChangeOut(
        id=number, plan=[PlanStep(**step) for step in plan], applied=number is not None
    )  # fmt: skip


def asked(wanted: ChangeIn) -> Wanted:
    """Gives the change that a request means; raises `Invalid` where a change of its kind cannot say that."""
    if wanted.kind == "merge" and not isinstance(wanted.into, str):
        raise Invalid("a merger goes into one unit", field="into", value=None, fix="give its code")
    if wanted.kind == "split" and not isinstance(wanted.into, list):
        raise Invalid("a split goes into parts", field="into", value=wanted.into,
                      fix="give a list of {code, name}")  # fmt: skip
    parts = [
        Part(p.code, p.name, p.kind, tuple(p.levels) if p.levels is not None else None, p.parent, p.district)
        for p in (wanted.into if isinstance(wanted.into, list) else ())
    ]
    return Wanted(
        kind=wanted.kind,
        on=wanted.on,
        unit=wanted.unit,
        units=tuple(wanted.units),
        name=wanted.name,
        parent=wanted.parent,
        into=wanted.into if isinstance(wanted.into, str) else None,
        parts=tuple(parts),
        rooms=wanted.rooms,
        children=wanted.children,
        unit_kind=wanted.unit_kind,
        levels=tuple(wanted.levels) if wanted.levels is not None else None,
        district=wanted.district,
    )


def _refuse_strangers(wanted: ChangeIn, allowed: frozenset[str], tree: Tree) -> None:
    """A unit out of reach is refused as one that does not exist; a new one's code may be free."""
    named = [("parent", wanted.parent), *(("units", code) for code in wanted.units)]
    named.append(("unit", None if wanted.kind == "begin" else wanted.unit))
    named += [("children", code) for pair in wanted.children.items() for code in pair]
    new = set()
    if isinstance(wanted.into, list):
        new = {part.code for part in wanted.into if part.code not in tree.units}
        named += [("into", each) for part in wanted.into for each in (part.code, part.parent)]
    else:
        named.append(("into", wanted.into))
    for field, code in named:
        if code is not None and code not in allowed and code not in new:
            raise Invalid("there is no such unit", field=field, value=code,
                          fix="use a code of GET /api/v1/organisation/units")  # fmt: skip


def _refuse_parents(made: Outcome, allowed: Schools) -> None:
    """New units belong to a unit in reach, or the asker would have made something out of reach."""
    for unit in made.units.values():
        for parent in {placed.parent for placed in unit.placed}:
            if allowed is not None and unit.code not in allowed and parent not in allowed:
                raise Invalid("this would make a unit out of your reach", field="parent", value=parent,
                              fix="choose a parent that you answer for")  # fmt: skip
