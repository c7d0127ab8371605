"""Where units stand today, as far as the register needs it: names, parents, districts."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.assets.rules import below
from hub.organisation.tables import Placement, Unit


@dataclass(frozen=True, slots=True)
class Places:
    """Names, kinds, parents and districts of all units on one day, by code."""

    names: dict[str, str]
    kinds: dict[str, str]
    parents: dict[str, str]
    districts: dict[str, str | None]

    def within(self, unit: str) -> frozenset[str] | None:
        """Gives a unit and all below it; None for one with no parent that is a department: that is all."""
        if self.kinds.get(unit) == "department" and unit not in self.parents:
            return None
        return frozenset(below(self.names, self.parents, {unit}))

    def of_district(self, district: str) -> frozenset[str]:
        """Gives the units placed in a district."""
        return frozenset(code for code, each in self.districts.items() if each == district)

    def tops(self, codes: Collection[str] | None) -> list[str]:
        """Gives those of the units (None: all) whose parent is not among them."""
        if codes is None:
            codes = [code for code, kind in self.kinds.items() if kind == "department"]
        return sorted(code for code in codes if self.parents.get(code) not in codes and code in self.names)


async def load(session: AsyncSession, today: date) -> Places:
    """Reads how the province hangs together today."""
    units = (await session.execute(select(Unit.code, Unit.name, Unit.kind, Unit.district_code))).all()
    placed = select(Placement.unit_code, Placement.parent_code).where(
        Placement.valid_from <= today, (Placement.valid_to.is_(None)) | (Placement.valid_to > today)
    )
    parents = {row.unit_code: row.parent_code for row in await session.execute(placed)}
    return Places(
        {unit.code: unit.name for unit in units},
        {unit.code: unit.kind for unit in units},
        parents,
        {unit.code: unit.district_code for unit in units},
    )
