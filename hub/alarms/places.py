"""Which conditions belong to which device, edge node and school, and who stands for whom."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hub.alarms.alarm import UPLINK, Subject
from hub.alarms.conditions import Condition, Scope

LINK_METRIC = "Link Up"


class Places:
    """All conditions by device, with the scopes of their school and node.

    The uplink's absence, its link's state and the absence of the node that reports it are not alarms of
    their own: they feed the one alarm of a school that cannot be reached.
    """

    def __init__(self) -> None:
        self._devices: dict[tuple[str, str, str], dict[tuple[str, str], Condition]] = {}
        self._schools: dict[str, Scope] = {}
        self._nodes: dict[tuple[str, str], Scope] = {}

    def of(self, subject: Subject) -> Collection[Condition]:
        """The conditions of one device or node."""
        return self._devices.get(_key(subject), {}).values()

    def take(self, subject: Subject) -> Collection[Condition]:
        """The same, and forgets them."""
        return self._devices.pop(_key(subject), {}).values()

    def condition(self, subject: Subject, metric: str, name: str) -> Condition:
        """One condition of a device or node, made when first asked for."""
        device = self._devices.setdefault(_key(subject), {})
        condition = device.get((metric, name))
        if condition is None:
            school, node = self.school(subject.school), self._node(subject)
            condition = Condition(subject, metric, name)
            device[metric, name] = condition
            if subject.device is None and name == "offline":
                node.head = condition
                node.sources = [condition]
                condition.heads, condition.scopes = node, (school,)
                if subject.node in school.gateways:
                    self._feed(condition, school)
            else:
                condition.scopes = (school, node)
                if subject.kind == UPLINK and (name == "offline" or metric == LINK_METRIC):
                    self._feed(condition, school)
                    self._make_gateway(subject, school)
        return condition

    def school(self, code: str) -> Scope:
        """The scope of a school."""
        scope = self._schools.get(code)
        if scope is None:
            head = Condition(Subject(code, "-", "", None, ""), "", "school_down")
            scope = self._schools[code] = Scope(head)
        return scope

    def _node(self, subject: Subject) -> Scope:
        scope = self._nodes.get((subject.school, subject.node))
        if scope is None:
            scope = Scope(Condition(replace(subject, device=None), "", "offline"))
            self._nodes[subject.school, subject.node] = scope
        return scope

    def _make_gateway(self, subject: Subject, school: Scope) -> None:
        """The node that reports the uplink stands for the school: without it nothing else can be heard."""
        if subject.node not in school.gateways:
            school.gateways.add(subject.node)
            offline = self._devices.get((subject.school, subject.node, ""), {}).get(("", "offline"))
            if offline is not None and offline.feeds is None:
                self._feed(offline, school)

    @staticmethod
    def _feed(condition: Condition, school: Scope) -> None:
        condition.feeds = school
        school.sources.append(condition)


def _key(subject: Subject) -> tuple[str, str, str]:
    return subject.school, subject.node, subject.device or ""
