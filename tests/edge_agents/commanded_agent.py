"""An agent that writes down what its device was made to do: `python -m … PORT FOLDER`, until it is killed."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devices.kind import kinds
from edge_agents.command_journal import FileJournal
from edge_agents.connection import MqttSettings
from edge_agents.driver import PolledDevice
from edge_agents.executing import Commands
from edge_agents.node import DeviceDescription, Node
from edge_agents.outbox import OutboxFile
from tests.edge_agents.conftest import GROUP, NODE, QUICK


class Noting:
    """Each write is on disk before it returns, as a real effect would be in the world."""

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.setpoint = 20.0

    async def connect(self) -> None: ...

    async def poll(self) -> Mapping[str, Any]:
        return {"Setpoint": self.setpoint}

    async def write(self, metric: str, value: Any) -> None:
        os.write(self.file, f"{value}\n".encode())
        self.setpoint = value
        await asyncio.sleep(0.01)

    async def close(self) -> None: ...


async def main(port: int, folder: Path) -> None:
    file = OutboxFile(folder / "outbox.db", commit_interval_ms=5)
    node = Node(GROUP, NODE, file.outbox(NODE), MqttSettings(port=port), timing=QUICK)
    kind = kinds()["air_conditioner"]
    commands = Commands(node, FileJournal(folder / "commands.db"))
    node.declare(DeviceDescription.of(kind, "ac", room="P101"))
    polled = PolledDevice(
        node, "ac", Noting(folder / "effects"), kind, poll_s=1, timeout_s=2, commands=commands
    )
    commands.add("ac", kind, "P101", polled)
    commands.start()
    stop = asyncio.Event()
    await asyncio.gather(node.run(stop), polled.run(stop))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
