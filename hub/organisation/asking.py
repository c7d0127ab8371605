"""What the routes of the organisation share: who asks, on which day, of which units, and how those are."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Protocol

from fastapi import Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from hub.clock import today
from hub.errors import NotFound
from hub.folding import folded
from hub.organisation import places
from hub.organisation.rules import TEACHING_KINDS, Counted
from hub.organisation.schemas import AlarmCounts, Status
from hub.organisation.tree import Tree
from hub.organisation.trees import Trees
from hub.web.access import permission
from hub.web.principal import PermissionName, Principal


class Statuses(Protocol):
    """Counts what stands in units and in their rooms now."""

    def of(self, unit: str) -> Counted:
        """What stands in a unit itself, not below it."""

    def rooms_of(self, unit: str) -> Mapping[str, Counted]:
        """What stands in each room of a unit."""


def trees(request: Request) -> Trees:
    """Gives the tree that the process keeps."""
    found: Trees = request.app.state.trees
    return found


def statuses(request: Request) -> Statuses:
    """Gives the counts of the live picture."""
    found: Statuses = request.app.state.statuses
    return found


Kept = Annotated[Trees, Depends(trees)]
Board = Annotated[Statuses, Depends(statuses)]
Reader = Annotated[Principal, Depends(permission("organisation.read"))]
On = Annotated[date | None, Query(description="the day to look at; today if left out")]
Text = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")]


def words(query: str | None) -> list[str]:
    """Gives the words of a search, folded."""
    return folded(query).split() if query else []


def must_see(who: Principal, name: PermissionName, tree: Tree, code: str, field: str = "code") -> None:
    """Raises `NotFound` for a unit that does not exist, and alike for one out of the asker's reach."""
    allowed = who.schools(name)
    if code not in tree.units or (allowed is not None and code not in allowed):
        raise NotFound("there is no such unit", field=field, value=code,
                       fix="use a code of GET /api/v1/organisation/units")  # fmt: skip


async def status_of(
    session: AsyncSession, tree: Tree, board: Statuses, codes: Iterable[str]
) -> dict[str, Status]:
    """Adds up how everything in each of the units is today."""
    day = today()
    reach = {code: tree.scope(code, day) for code in codes}
    all_codes = frozenset().union(*reach.values())
    rooms = await places.rooms_in(session, all_codes, day)
    found = {}
    for code, below in reach.items():
        counted = Counted.total(board.of(each) for each in below)
        units = [tree.units[each] for each in below]
        found[code] = Status(
            schools=sum(unit.kind in TEACHING_KINDS and unit.there_on(day) for unit in units),
            rooms=sum(rooms.get(each, 0) for each in below),
            devices=counted.devices,
            online=counted.online,
            offline=counted.devices - counted.online,
            alarms=alarm_counts(counted),
            worst=counted.worst,
        )
    return found


def alarm_counts(counted: Counted) -> AlarmCounts:
    """Gives open alarms by severity."""
    return AlarmCounts(critical=counted.critical, major=counted.major, minor=counted.minor)
