"""The sweep by SNMP version 2c: every address is asked for its description, identifier, name and layers."""

from __future__ import annotations

import asyncio
import random

from devices.protocols.snmp.message import BadMessageError, answer, question
from edge_agents.discovery.asked import Report, Wish
from edge_agents.discovery.recognising import by_snmp
from edge_agents.discovery.rules import Found

_SYSTEM = (1, 3, 6, 1, 2, 1, 1)
DESCR, OBJECT_ID, NAME, LAYERS = ((*_SYSTEM, number, 0) for number in (1, 2, 5, 7))


async def search(wish: Wish, report: Report) -> None:
    """Ask each address, those that were silent a second time, and wait for the last answers."""
    number = random.getrandbits(30)
    packet = question(wish.community.encode(), number, (DESCR, OBJECT_ID, NAME, LAYERS))
    silent = dict.fromkeys(wish.where.hosts)
    async with wish.asking() as asking:
        for _ in range(2):
            await asking.ask_all((packet, host, wish.ports.snmp) for host in silent)
            report.asked = asking.asked
            await asyncio.sleep(wish.listen_s / 2)
            for data, host, port in asking.ears.take():
                if host not in silent or port != wish.ports.snmp:
                    report.bad += host not in wish.where.hosts
                    continue
                if (found := read(data, host, port, number)) is None:
                    report.bad += 1
                else:
                    del silent[host]
                    report.answered += 1
                    report.found.append(found)
        report.bad += asking.ears.dropped


def read(data: bytes, host: str, port: int, number: int) -> Found | None:
    """What an answer says; None for what is none to this question."""
    try:
        said = answer(data)
    except (BadMessageError, ValueError):
        return None
    if said.request_id != number:
        return None
    values = dict(said.variables)
    descr, oid, name, layers = (values.get(one) for one in (DESCR, OBJECT_ID, NAME, LAYERS))
    return by_snmp(
        host,
        port,
        _text(descr),
        oid if isinstance(oid, tuple) else (),
        _text(name),
        layers if isinstance(layers, int) else 0,
    )


def _text(value: object) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else None
