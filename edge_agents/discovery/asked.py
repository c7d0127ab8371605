"""What a method of searching is told, and what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edge_agents.discovery.datagrams import Asking
from edge_agents.discovery.rules import Found, Where


@dataclass(frozen=True, slots=True)
class Ports:
    """Where devices listen for a search; another port than the protocol's own is for simulated rooms."""

    mdns: int = 5353
    ssdp: int = 1900
    snmp: int = 161
    pjlink: int = 4352


@dataclass(frozen=True, slots=True)
class Wish:
    """What is searched, and how long answers are waited for once all is asked."""

    where: Where
    ports: Ports = field(default_factory=Ports)
    community: str = "public"
    listen_s: float = 3.0

    def asking(self, source: str | None = None, local_port: int = 0) -> Asking:
        """A socket that hears those who may answer."""
        return Asking(self.where.may_answer, source, local_port)


@dataclass(slots=True)
class Report:
    """What a method found. `bad` counts answers that could not be read, or came from elsewhere."""

    found: list[Found] = field(default_factory=list)
    asked: int = 0
    answered: int = 0
    bad: int = 0
    problem: str | None = None

    def counts(self) -> dict[str, Any]:
        """As it goes over the wire."""
        return {"asked": self.asked, "answered": self.answered, "bad": self.bad, "problem": self.problem}


Told = Callable[[Report], None]
