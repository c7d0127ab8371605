"""What the API tells about units and rooms."""

from datetime import date

from pydantic import BaseModel


class UnitOut(BaseModel):
    """A unit as it is placed on the day asked for."""

    code: str
    name: str
    kind: str
    levels: list[str]
    district: str | None
    parent: str | None
    valid_from: date | None
    valid_to: date | None


class RoomOut(BaseModel):
    """A room of a school."""

    school: str
    code: str
    name: str
    type: str
    seats: int | None
