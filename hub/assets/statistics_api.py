"""`/api/v1/assets/…`: types, facets, completeness and computers per pupil."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request

from hub.assets import facets as counted
from hub.assets import places, statistics
from hub.assets.api import Code, FiltersQuery, Reader
from hub.assets.places import Places
from hub.assets.rules import REQUIRED, TARGET_PERCENT, Completeness
from hub.assets.schemas import (
    CompletenessOut,
    CompletenessTree,
    ComputersOut,
    Facet,
    FacetsOut,
    Labelled,
    LabOut,
    TypeOut,
    TypesOut,
)
from hub.assets.shown import reaches
from hub.assets.statistics import SchoolComputers
from hub.assets.types import CONDITIONS, STATUSES, TYPES
from hub.clock import today
from hub.errors import NotFound
from hub.live.picture import Picture
from hub.live.rules import is_present
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading

router = APIRouter(prefix="/api/v1/assets", tags=["assets"])

_UNKNOWN = ("Chưa rõ", "Unknown")


@router.get("/types")
async def list_types(_who: Reader) -> TypesOut:
    """Lists the types of equipment, the statuses and the conditions in both languages."""
    return TypesOut(
        items=[
            TypeOut(id=each.id, label_vi=each.label_vi, label_en=each.label_en, kinds=list(each.kinds),
                    computer=each.computer)
            for each in TYPES.values()
        ],
        statuses=[_word(each, words) for each, words in STATUSES.items()],
        conditions=[_word(each, words) for each, words in CONDITIONS.items()],
        required=list(REQUIRED),
    )  # fmt: skip


@router.get("/facets")
async def facets(who: Reader, session: Reading, filters: FiltersQuery) -> FacetsOut:
    """Counts the choices of each filter, each under all filters but its own."""
    wanted = await filters.wanted(session, who, by_district=False)
    counts = await counted.facets(session, wanted, filters.district)
    here = await places.load(session, today())
    types = {each.id: (each.label_vi, each.label_en) for each in TYPES.values()}
    districts = {code: (here.names.get(code, code),) * 2 for code in counts.districts if code}

    def said(number: int) -> int | None:
        return number if counts.counted else None

    return FacetsOut(
        types=_facets(counts.types, types, said),
        statuses=_facets(counts.statuses, STATUSES, said),
        districts=_facets(Counter({c: n for c, n in sorted(counts.districts.items()) if c}), districts, said),
        complete={"true": said(counts.complete[True]), "false": said(counts.complete[False])},
        missing={name: said(counts.missing[name]) for name in REQUIRED},
        linked={"true": said(counts.linked[True]), "false": said(counts.linked[False])},
        counted=counts.counted,
    )


@router.get("/completeness")
async def completeness(who: Reader, session: Reading, unit: Code = None) -> CompletenessTree:
    """Tells how much equipment has a complete record, for a unit and each unit right below it (T11).

    Without a unit it is the asker's own: of several, all of them together.
    """
    scope = who.schools("assets.read")
    here = await places.load(session, today())
    unit = _unit(here, who, unit)
    whole, parts = await statistics.completeness(session, here, unit, scope)
    children = [_completeness(here, code, parts[code]) for code in sorted(parts)]
    return CompletenessTree(**_completeness(here, unit, whole).model_dump(), children=children)


@router.get("/computers")
async def computers(
    who: Reader,
    session: Reading,
    paging: PageQuery,
    request: Request,
    unit: Annotated[str | None, Query(max_length=64)] = None,
) -> Page[ComputersOut]:
    """Lists schools with their pupils, computers and labs, and what labs lack (M01)."""
    schools = who.schools("assets.read")
    here = await places.load(session, today())
    chosen = _unit(here, who, unit)
    if chosen is not None and (within := here.within(chosen)) is not None:
        schools = within if schools is None else schools & within
    picture: Picture = request.app.state.picture

    def is_online(key: tuple[str, str, str]) -> bool:
        document = picture.get(key)
        return document is not None and is_present(document)

    last = paging.after(str)
    found = await statistics.computers(
        session, schools, today(), is_online, str(last[0]) if last else None, paging.limit + 1
    )
    return paging.page(found, lambda each: (each.school,), _computers)


def _unit(here: Places, who: Principal, unit: str | None) -> str | None:
    """Gives the unit asked for, or the only one the asker has; raises `NotFound` for one out of reach."""
    scope = who.schools("assets.read")
    if unit is None:
        tops = here.tops(scope)
        return tops[0] if len(tops) == 1 else None
    if unit not in here.names or not reaches(scope, unit):
        raise NotFound("there is no such unit", field="unit", value=unit,
                       fix="use a code of GET /api/v1/organisation/units")  # fmt: skip
    return unit


def _completeness(here: Places, unit: str | None, count: Completeness) -> CompletenessOut:
    return CompletenessOut(
        unit=unit,
        name=here.names.get(unit or "", ""),
        kind=here.kinds.get(unit or ""),
        total=count.total,
        complete=count.complete,
        percent=count.percent,
        target_percent=TARGET_PERCENT,
        met=count.met,
        missing=count.missing,
    )


def _computers(each: SchoolComputers) -> ComputersOut:
    count = each.count
    labs = [
        LabOut(room=lab.room, name=each.labs[lab.room], seats=lab.seats, computers=lab.computers,
               working=lab.working, shortfall=lab.shortfall)
        for lab in count.labs
    ]  # fmt: skip
    return ComputersOut(
        school=each.school, name=each.name, pupils=count.pupils, computers=count.computers,
        working=count.working, pupils_per_computer=count.pupils_per_computer, labs=labs,
        shortfall=count.shortfall,
    )  # fmt: skip


def _facets(
    counts: Counter[str], words: Mapping[str, tuple[str, ...]], said: Callable[[int], int | None]
) -> list[Facet]:
    """Gives the choices in the order of the fixed list, then the unknown ones as `-`."""
    order = [*(each for each in words if each in counts), *sorted(counts.keys() - words.keys())]
    return [
        Facet(id=each or "-", label_vi=label[0], label_en=label[1], count=said(counts[each]))
        for each in order
        for label in (words.get(each, _UNKNOWN if not each else (each, each)),)
    ]


def _word(each: str, words: tuple[str, str]) -> Labelled:
    return Labelled(id=each, label_vi=words[0], label_en=words[1])
