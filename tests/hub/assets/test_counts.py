"""Kept counts are always what counting gives, and what is too much to count is said to be."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import case, delete, func, insert, select, update

from hub.assets import facets, listing
from hub.assets.rules import REQUIRED
from hub.assets.tables import Asset, AssetCount
from hub.database import Database
from tests.hub.assets.conftest import Register, furnish

SCHOOLS, TYPES, STATUSES = ("AC", "SD"), ("", "projector", "lab_pc"), ("", "in_use", "disposed")
FACTS = st.fixed_dictionaries(
    {
        "school_code": st.sampled_from(SCHOOLS),
        "type": st.sampled_from(TYPES),
        "status": st.sampled_from(STATUSES),
        "gaps": st.sampled_from((0, 2, 5)),
        "node": st.sampled_from((None, "a1")),
    }
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.lists(FACTS, min_size=1, max_size=5)),
        st.tuples(st.just("update"), st.sampled_from(SCHOOLS), FACTS),
        st.tuples(st.just("delete"), st.sampled_from(SCHOOLS), st.sampled_from(STATUSES)),
    ),
    min_size=1,
    max_size=6,
)


class _Undo(Exception):
    """Takes a trial back."""


@pytest.fixture
async def furnished(database: Database) -> Database:
    await furnish(database)
    return database


async def _try(database: Database, steps: list[Any]) -> None:
    async with database.write() as session:
        for step in steps:
            if step[0] == "insert":
                rest = {"name": "x", "search": "x", "created_ms": 1, "changed_ms": 1}
                last = (await session.execute(select(func.coalesce(func.max(Asset.id), 0)))).scalar_one()
                rows = [{**row, **rest, "tag": f"T{last + n}"} for n, row in enumerate(step[1])]
                await session.execute(insert(Asset), rows)
            elif step[0] == "update":
                await session.execute(update(Asset).where(Asset.school_code == step[1]).values(**step[2]))
            else:
                gone = (Asset.school_code == step[1]) & (Asset.status == step[2])
                await session.execute(delete(Asset).where(gone))
            linked = case((Asset.node.is_(None), 0), else_=1)
            alike = (Asset.school_code, Asset.type, Asset.status, Asset.gaps, linked)
            truth = await session.execute(select(*alike, func.count()).group_by(*alike))
            kept = await session.execute(select(AssetCount.__table__).where(AssetCount.number != 0))
            assert {tuple(row) for row in kept} == {tuple(row) for row in truth}
        raise _Undo


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_kept_counts_are_what_counting_gives(furnished: Database, steps: list[Any]) -> None:
    with pytest.raises(_Undo):
        await _try(furnished, steps)


async def test_lists_and_choices_count_alike_by_kept_counts_by_words_and_by_walking(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        last = await register.enter(
            name=f"Máy {number % 3}", school=("AC", "SD")[number % 2], serial=None if number < 3 else "S",
            type=("projector", "lab_pc")[number % 3 == 0],
        )  # fmt: skip
    await register.post(f"/assets/{last['id']}/dispose", reason="cháy")
    filters = ("", "type=projector", "complete=false", "missing=serial", "linked=false&unit=D1",
               "status=current&district=D1", "school=SD&sort=changed", "status=-", "sort=name")  # fmt: skip
    without = [await register.get(f"/assets?limit=3&{each}") for each in filters]
    choices = [await register.get(f"/assets/facets?{each}") for each in filters if "sort" not in each]
    words = [await register.get(f"/assets?limit=3&q=may&{each}") for each in filters]
    worded = [await register.get(f"/assets/facets?q=may&{each}") for each in filters if "sort" not in each]
    assert (without, choices) == (words, worded)
    for module in (listing, facets):
        monkeypatch.setattr(module, "MOST_COUNTED", 2)
    assert [await register.get(f"/assets?limit=3&{each}") for each in filters] == without
    for each, before in zip(filters, without, strict=True):
        many = await register.get(f"/assets?limit=3&q=may&{each}")
        assert (many["items"], many["next_cursor"]) == (before["items"], before["next_cursor"])
        assert (many["total"], many["counted"]) == (min(2, before["total"]), before["total"] <= 2)
    uncounted = await register.get("/assets/facets?q=may&type=projector")
    assert uncounted["counted"] is False
    assert {each["id"]: each["count"] for each in uncounted["types"]} == {"projector": None, "lab_pc": None}
    assert uncounted["missing"] == dict.fromkeys(REQUIRED)
    assert (await register.get("/assets/facets?type=projector"))["counted"] is True
