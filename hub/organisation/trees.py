"""The tree as it is stored, read once and kept until a trigger of the database counts a change of it."""

import time
from collections import defaultdict
from datetime import date

from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from hub.organisation.rules import LONG_AGO, PlacedFrom
from hub.organisation.tables import FormerName, Placement, TreeVersion, Unit
from hub.organisation.tree import ROOT_KIND, Tree, UnitFacts

LOOK_AGAIN_S = 1.0


class _Commits:
    """Counts what this process commits: after each, a kept tree asks whether it is still the one."""

    count = 0


@event.listens_for(Session, "after_commit")
def _committed(_session: Session) -> None:
    _Commits.count += 1


class Trees:
    """Keeps one tree; a change by this process is seen at once, by another within `LOOK_AGAIN_S`."""

    def __init__(self) -> None:
        self._tree = Tree(())
        self._version = -1
        self._looked_s = float("-inf")
        self._commits = -1
        self._scopes: dict[tuple[str, date], frozenset[str] | None] = {}

    async def subtree(self, session: AsyncSession, code: str, day: date) -> frozenset[str] | None:
        """Gives the codes of a unit and everything below it on a day; None at the department: all."""
        # read before the version: a commit in between must not be taken for seen
        commits = _Commits.count
        if commits != self._commits or time.monotonic() - self._looked_s >= LOOK_AGAIN_S:
            await self.current(session)
            self._commits = commits
        key = code, day
        if key not in self._scopes:
            if len(self._scopes) > 10_000:
                self._scopes.clear()
            self._scopes[key] = scope(self._tree, code, day)
        return self._scopes[key]

    async def current(self, session: AsyncSession) -> Tree:
        """Gives the tree exactly as the session sees it."""
        looked_s = time.monotonic()
        version = await session.scalar(select(TreeVersion.version)) or 0
        if version != self._version:
            tree = await load(session)
            self._tree, self._version, self._scopes = tree, version, {}
        self._looked_s = looked_s
        return self._tree


def scope(tree: Tree, code: str, day: date) -> frozenset[str] | None:
    """Gives what a grant at a unit reaches: None, everything, at the department."""
    unit = tree.units.get(code)
    return None if unit is not None and unit.kind == ROOT_KIND else tree.scope(code, day)


async def load(session: AsyncSession) -> Tree:
    """Reads the whole tree through all time: some thousand rows."""
    placed: dict[str, list[PlacedFrom]] = defaultdict(list)
    columns = (Placement.unit_code, Placement.parent_code, Placement.valid_from, Placement.valid_to)
    for row in await session.execute(select(*columns).order_by(Placement.unit_code, Placement.valid_from)):
        placed[row[0]].append(PlacedFrom(*row))
    former: dict[str, list[tuple[date, str]]] = defaultdict(list)
    names = select(FormerName.unit_code, FormerName.until, FormerName.name).order_by(FormerName.until)
    for code, until, name in await session.execute(names):
        former[code].append((until, name))
    units = await session.execute(
        select(
            Unit.code,
            Unit.kind,
            Unit.name,
            Unit.levels,
            Unit.district_code,
            Unit.valid_from,
            Unit.valid_to,
        )
    )
    return Tree(
        UnitFacts(
            code,
            kind,
            name,
            tuple(former.get(code, ())),
            tuple(placed.get(code, ())),
            tuple(levels),
            district,
            begins or LONG_AGO,
            ends,
        )
        for code, kind, name, levels, district, begins, ends in units
    )
