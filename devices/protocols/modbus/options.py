"""What a Modbus driver can be told: the device's map of registers, since every make has its own."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from devices.kind import kind
from devices.protocols.options import PORT_FIX, HostOptions, Options, Port
from devices.wire.datatypes import NUMERIC, DataType

Table = Literal["holding", "input", "coil", "discrete"]
WORDS = {"int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2}
"""Registers that a value of each type takes."""


class Register(Options):
    """Where one metric is, and how its number becomes a value."""

    metric: str = Field(description="a metric of the kind")
    address: int = Field(
        ge=0, le=65535, description="from 0, as on the wire: register 40001 of a manual is 0"
    )
    table: Table = Field("holding", description='"holding", "input", "coil" or "discrete"')
    type: Literal["int16", "uint16", "int32", "uint32", "float32"] = Field(
        "uint16", description='"int16", "uint16", "int32", "uint32" or "float32"'
    )
    word_order: Literal["big", "little"] = Field(
        "big", description='"big" if the high word of 32 bits comes first, "little" if the low one does'
    )
    scale: float = Field(1, description="what the number is multiplied by, such as 0.1; not 0")
    offset: float = Field(0, description="what is added then, a number")
    values: dict[str, int] | None = Field(
        None, description="words with the number of each, such as {cool = 0, dry = 1}, for a metric of text"
    )
    null: int | None = Field(
        None, description="the number that means no value, such as 65535, or leave it out"
    )
    writable: bool = Field(True, description="false if commands must not write it, else true")

    @field_validator("scale")
    @classmethod
    def _not_zero(cls, scale: float) -> float:
        if scale == 0:
            raise ValueError("everything would be the same value")
        return scale

    @property
    def bits(self) -> bool:
        """Whether it is one bit of a table of bits."""
        return self.table in ("coil", "discrete")

    @property
    def words(self) -> int:
        """How many addresses it takes."""
        return 1 if self.bits else WORDS[self.type]


class ModbusOptions(HostOptions):
    """A device's address, its unit behind a gateway, and its registers."""

    kind_id: ClassVar[str] = ""

    port: Port = Field(502, description=PORT_FIX)
    unit: int = Field(
        1, ge=0, le=255, description="the unit id, between 0 and 255; 1 for most devices of their own"
    )
    answer_s: float = Field(
        1.5, ge=0.05, le=30, description="seconds between 0.05 and 30 within which it answers one request"
    )
    most: int = Field(
        120,
        ge=2,
        le=125,
        description="registers it gives in one request, between 2 and 125; fewer for small ones",
    )
    registers: list[Register] = Field(
        min_length=1, description='a list such as [{metric = "Power", address = 0, table = "coil"}]'
    )

    @model_validator(mode="after")
    def _fits_the_kind(self) -> ModbusOptions:
        metrics = {metric.name: metric for metric in kind(self.kind_id).metrics}
        for number, register in enumerate(self.registers):
            where = f"registers[{number}], {register.metric!r}: "
            metric = metrics.get(register.metric)
            if metric is None:
                raise ValueError(f"{where}the kind has no such metric; it has {', '.join(metrics)}")
            if metric.datatype is DataType.String and register.values is None:
                raise ValueError(f"{where}is text; say its words as values = {{…}}")
            known = [str(state) for state in metric.states or register.values or ()]
            if unknown := sorted(set(register.values or ()) - set(known)):
                raise ValueError(f"{where}{unknown} are not among its words {', '.join(known)}")
            if register.bits and metric.datatype in NUMERIC:
                raise ValueError(f"{where}is a number; a bit has none")
        names = [register.metric for register in self.registers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"there twice: {', '.join(twice)}; leave one of the registers out")
        return self


def registers_of(kind_id: str) -> type[ModbusOptions]:
    """The options of a kind: its metrics are those that a register may hold."""
    namespace: dict[str, Any] = {"__module__": __name__, "__doc__": ModbusOptions.__doc__, "kind_id": kind_id}
    namespace["__annotations__"] = {"kind_id": "ClassVar[str]"}
    return type(f"ModbusOptionsOf_{kind_id}", (ModbusOptions,), namespace)
