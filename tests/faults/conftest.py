"""A hub and senders for each test, ended with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.rig import Hub, Sender, names


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder on a disk: memory, where tests have their files, takes writes to files made immutable."""
    with tempfile.TemporaryDirectory(prefix="hub-test-", dir="/var/tmp") as name:
        yield Path(name)


@pytest.fixture
def hub(broker: Any, on_disk: Path) -> Iterator[Hub]:
    """The ingest role, not started yet."""
    one = Hub(broker.url, on_disk / "hub")
    yield one
    if one.process is not None and one.process.running:
        one.kill()


@pytest.fixture
def sender(broker: Any, tmp_path: Path) -> Iterator[Callable[..., Sender]]:
    """Makes senders: `sender("name", nodes=4, per_s=1000)`."""
    made: list[Sender] = []

    def make(name: str = "a", nodes: int = 1, per_s: float = 1000, **others: Any) -> Sender:
        made.append(Sender(broker.port, tmp_path / name, names(nodes, name), per_s, **others))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None and one.process.running:
            one.kill()
