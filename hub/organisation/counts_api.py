"""Headcounts of schools and of everything above them: counts only, never a name."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hub.audit.trail import Trailing
from hub.clock import today
from hub.errors import Invalid
from hub.organisation import places
from hub.organisation.asking import Kept, On, Reader, Text, must_see
from hub.organisation.rules import TEACHING_KINDS, Heads
from hub.organisation.schemas import CountsIn, CountsOut, CountsPage
from hub.organisation.tables import Headcount
from hub.organisation.tree import ROOT_KIND, Tree
from hub.web.access import permission
from hub.web.principal import Principal
from hub.web.requests import PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter()


@router.get("/counts")
async def list_counts(
    who: Reader, session: Reading, kept: Kept, paging: PageQuery, unit: Text = None, on: On = None
) -> CountsPage:
    """Lists what was counted last until a day in each unit below a unit, and in all of it together.

    A school is listed by itself. Without a unit it is the department, or what the asker may see of it.
    """
    tree, day = await kept.current(session), on or today()
    allowed = who.schools("organisation.read")
    if unit is not None:
        must_see(who, "organisation.read", tree, unit, "unit")
        rows = _below(tree, unit, day)
    elif allowed is None:
        roots = [each.code for each in tree.units.values() if each.kind == ROOT_KIND]
        rows = [code for root in roots for code in _below(tree, root, day)]
    else:
        rows = [each for each in sorted(allowed) if each in tree.units and _teaches(tree, each, day)]
    schools = {
        row: [each.code for each in tree.below(row, day) if each.kind in TEACHING_KINDS] for row in rows
    }
    heads = await places.headcounts(session, {code for codes in schools.values() for code in codes}, day)
    totals = {
        row: Heads.total(heads.get(code, Heads(schools=1)) for code in codes)
        for row, codes in schools.items()
    }
    last = paging.after(str)
    shown = [row for row in rows if last is None or row > str(last[0])][: paging.limit + 1]
    page = paging.page(shown, lambda row: (row,), lambda row: _counts(tree, row, day, totals[row]))
    whole = _counts(tree, unit or "", day, Heads.total(totals.values()))
    return CountsPage(items=page.items, next_cursor=page.next_cursor, totals=whole)


@router.put("/units/{code}/counts")
async def put_counts(
    who: Annotated[Principal, Depends(permission("counts.write"))],
    session: Transaction,
    kept: Kept,
    trail: Trailing,
    request: Request,
    code: str,
    wanted: CountsIn,
) -> CountsOut:
    """Stores what a school counted on a day."""
    tree = await kept.current(session)
    must_see(who, "counts.write", tree, code)
    if tree.units[code].kind not in TEACHING_KINDS:
        raise Invalid(
            said("{code} is no school", code=code),
            field="code",
            value=code,
            fix="give the counts of each school",
        )
    values: dict[str, Any] = wanted.model_dump()
    stored = await session.get(Headcount, (code, wanted.as_of))
    before = None if stored is None else {name: getattr(stored, name) for name in values}
    await places.put_headcount(session, code, values, today(), request.app.state.now_ms())
    if before != values:
        counted = wanted.model_dump(mode="json")
        old = before and {**before, "as_of": str(wanted.as_of)}
        await trail.note("counts.put", f"unit:{code}", unit=code, before=old, after=counted)
    heads = Heads(1, 1, wanted.pupils, wanted.pupils_with_id, wanted.teachers, wanted.teachers_with_record,
                  wanted.as_of, wanted.source)  # fmt: skip
    return _counts(tree, code, wanted.as_of, heads)


def _below(tree: Tree, unit: str, day: date) -> list[str]:
    if tree.units[unit].kind in TEACHING_KINDS:
        return [unit]
    return [
        each
        for each in tree.children(unit, day)
        if any(below.kind in TEACHING_KINDS for below in tree.below(each, day))
    ]


def _teaches(tree: Tree, code: str, day: date) -> bool:
    unit = tree.units[code]
    return unit.kind in TEACHING_KINDS and unit.there_on(day)


def _counts(tree: Tree, code: str, day: date, heads: Heads) -> CountsOut:
    counted = heads.reported > 0
    shares = heads.percent_pupils, heads.percent_teachers
    met = [heads.met(share) for share in shares]
    known = [each for each in met if each is not None]
    return CountsOut(
        unit=code,
        name=tree.units[code].name_on(day) if code else "",
        pupils=heads.pupils if counted else None,
        pupils_with_id=heads.pupils_with_id if counted else None,
        teachers=heads.teachers if counted else None,
        teachers_with_record=heads.teachers_with_record if counted else None,
        percent_pupils=shares[0],
        percent_teachers=shares[1],
        met_pupils=met[0],
        met_teachers=met[1],
        met=all(known) if known else None,
        schools=heads.schools,
        reported=heads.reported,
        as_of=heads.as_of,
        source=heads.source,
    )
