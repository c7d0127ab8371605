"""Tables of commands, groups of commands, scenes, and of what is wanted of devices."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds

Id = String(32)
Name = String(255)
Value = JSON(none_as_null=True)


class CommandGroup(Base):
    """Commands to many devices, asked for at once: a group by kind, or a scene of a room.

    `unit`, `school`, `room` and `room_type` are the scope as it was asked for; `unit` is the school if one
    was named. `state` is running, done, aborted or cancelled.
    """

    __tablename__ = "command_group"
    __table_args__ = (UniqueConstraint("by", "client_id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    client_id: Mapped[str | None] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(String(64), index=True)
    school: Mapped[str | None] = mapped_column(Name)
    room: Mapped[str | None] = mapped_column(Name)
    room_type: Mapped[str | None] = mapped_column(String(32))
    kind: Mapped[str | None] = mapped_column(Name)
    command: Mapped[str | None] = mapped_column(Name)
    value: Mapped[Any] = mapped_column(Value, nullable=True)
    scene: Mapped[str | None] = mapped_column(Id)
    rate_per_s: Mapped[int]
    abort_percent: Mapped[int]
    total: Mapped[int]
    state: Mapped[str] = mapped_column(String(16), index=True)
    detail: Mapped[str] = mapped_column(Text, server_default="")
    by: Mapped[str] = mapped_column(Name)
    created_ms: Mapped[Milliseconds]
    ended_ms: Mapped[Milliseconds | None]


class CommandRow(Base):
    """One command to one device, with its whole life; ids rise with time.

    `patience_ms` is what is left to it once it is sent, within `expires_ms`; `proves` says whether the device
    tells what became of commands, and `before_ms` is the timestamp of the metric's value that was known, both
    when it was sent; `done_ms` is when the device was heard to have been asked without refusing.
    """

    __tablename__ = "command"
    __table_args__ = (
        UniqueConstraint("by", "client_id"),
        Index(None, "group_code", "node", "device", "id"),
        Index(None, "state", "id"),
        Index(None, "batch_id", "state"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    client_id: Mapped[str | None] = mapped_column(String(64))
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("command_group.id", ondelete="CASCADE"))
    group_code: Mapped[str] = mapped_column(Name)
    node: Mapped[str] = mapped_column(Name)
    device: Mapped[str] = mapped_column(Name)
    school: Mapped[str] = mapped_column(Name)
    room: Mapped[str] = mapped_column(Name)
    name: Mapped[str] = mapped_column(Text, server_default="")
    kind: Mapped[str] = mapped_column(Name)
    command: Mapped[str] = mapped_column(Name)
    metric: Mapped[str] = mapped_column(Name)
    datatype: Mapped[int] = mapped_column(SmallInteger)
    value: Mapped[Any] = mapped_column(Value)
    source: Mapped[str] = mapped_column(String(16))
    by: Mapped[str] = mapped_column(Name)
    state: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(Text, server_default="")
    created_ms: Mapped[Milliseconds]
    expires_ms: Mapped[Milliseconds]
    patience_ms: Mapped[Milliseconds]
    sent_ms: Mapped[Milliseconds | None]
    resent_ms: Mapped[Milliseconds | None]
    delivered_ms: Mapped[Milliseconds | None]
    done_ms: Mapped[Milliseconds | None]
    ended_ms: Mapped[Milliseconds | None]
    before_ms: Mapped[Milliseconds | None]
    proves: Mapped[bool] = mapped_column(server_default=false())
    tries: Mapped[int] = mapped_column(server_default="0")
    observed: Mapped[Any] = mapped_column(Value, nullable=True)


class Wanted(Base):
    """What was last wanted of a metric of a device, until the end of the day or until somebody lets go.

    `drift_since_ms` is since when the device has been otherwise, once that is an alarm.
    """

    __tablename__ = "wanted"
    __table_args__ = (Index(None, "until_ms"),)

    group_code: Mapped[str] = mapped_column(Name, primary_key=True)
    node: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    metric: Mapped[str] = mapped_column(Name, primary_key=True)
    kind: Mapped[str] = mapped_column(Name)
    value: Mapped[Any] = mapped_column(Value)
    command_id: Mapped[str] = mapped_column(Id)
    since_ms: Mapped[Milliseconds]
    until_ms: Mapped[Milliseconds]
    drift_since_ms: Mapped[Milliseconds | None]


class Scene(Base):
    """A school's own scene: steps of kind, command and value, done in a room at a touch."""

    __tablename__ = "scene"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    school: Mapped[str] = mapped_column(Name, index=True)
    name_vi: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str] = mapped_column(Text)
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    by: Mapped[str] = mapped_column(Name)
    created_ms: Mapped[Milliseconds]
