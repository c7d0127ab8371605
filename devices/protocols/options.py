"""What a driver is told in its options, checked without loading its library.

A kind names its drivers by where they are (`module:class`); the module, and with it the protocol's library,
is imported by the first device that is configured to use it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


def _host(text: str) -> str:
    if not text or text != text.strip() or any(letter in text for letter in " /@#?"):
        raise ValueError("not a name or address of a host")
    return text


Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
HOST_FIX = "a name or address such as 10.12.3.4, without http:// and without a port"
PORT_FIX = "a number between 1 and 65535"


class Options(BaseModel):
    """What one driver can be told; every field's description is the fix for a wrong value."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HostOptions(Options):
    """Options of a device that is reached under an address of its own."""

    host: Host = Field(description=HOST_FIX)


@dataclass(frozen=True, slots=True)
class DriverChoice:
    """One protocol a kind can be spoken to with; `at` is where its driver is, as `module:class`."""

    protocol: str
    options: type[Options]
    at: str

    def load(self) -> Any:
        """The driver's class, which takes the checked options; imports its library."""
        module, _, name = self.at.partition(":")
        return getattr(importlib.import_module(module), name)


class Drivers:
    """The driver of a kind: one protocol, or several chosen by the option `protocol` (else the first)."""

    def __init__(self, *choices: DriverChoice) -> None:
        self.choices = choices

    def choose(self, given: Mapping[str, Any]) -> DriverChoice:
        """The protocol that the options ask for. Raises ValidationError."""
        wanted = given.get("protocol", self.choices[0].protocol)
        for choice in self.choices:
            if choice.protocol == wanted:
                return choice
        known = ", ".join(choice.protocol for choice in self.choices)
        wrong = PydanticCustomError("protocol", "known protocols are {known}", {"known": known})  # type: ignore[call-arg, misc, unused-ignore]
        details = InitErrorDetails(type=wrong, loc=("protocol",), input=wanted)
        raise ValidationError.from_exception_data("options", [details])

    def check(self, given: Mapping[str, Any]) -> Options:
        """The checked options. Raises ValidationError; loads no library."""
        options = {name: value for name, value in given.items() if name != "protocol"}
        return self.choose(given).options.model_validate(options)

    def __call__(self, **given: Any) -> Any:
        """A driver of that protocol with these options. Raises ValidationError."""
        return self.choose(given).load()(self.check(given))
