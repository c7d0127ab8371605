"""A broker for a whole module: what was said on the wire is recorded once and looked at by many tests."""

from collections.abc import Iterator

import pytest

from hub.broker import find_mosquitto
from tests.conftest import Broker


@pytest.fixture(scope="module")
def module_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    found = find_mosquitto()
    if found is None:
        pytest.skip("mosquitto is not installed")
    folder = tmp_path_factory.mktemp("broker")
    folder.chmod(0o755)  # Mosquitto gives up root before it opens files
    folder.parent.chmod(0o755)
    running = Broker(found, folder)
    yield running
    running.kill()
