"""The whole ingest role with a real broker and an InfluxDB that goes away in the middle: nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiomqtt
import orjson
import pytest

from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue, Payload, bd_seq_metric, encode_payload
from hub.database import migrate
from hub.ingest.service import IngestRole
from hub.settings import load_settings
from hub.telemetry.engines import open_reader
from hub.telemetry.port import Aggregate
from tests.hub.telemetry.influx_gateway import TOKEN
from tests.hub.telemetry.influx_server import Influx

pytestmark = [pytest.mark.mosquitto, pytest.mark.influxdb]


@pytest.fixture
async def engine(program: Callable[[str], Path], tmp_path: Path) -> AsyncIterator[Influx]:
    folder = tmp_path / "influx"
    folder.mkdir()
    running = await asyncio.to_thread(Influx, program("influxd"), folder)
    yield running
    await asyncio.to_thread(running.stop)


async def test_values_of_an_outage_are_there_afterwards(broker: Any, engine: Influx, tmp_path: Path) -> None:
    url = await asyncio.to_thread(engine.new_database)
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")
    settings = load_settings(
        mqtt_url=broker.url, data_dir=tmp_path / "data", telemetry_url=url, telemetry_token_file=secret
    )
    await migrate(settings.database_url)
    stop = asyncio.Event()
    statuses: list[dict[str, Any]] = []
    seq = 0

    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe("hub/status/ingest/0", qos=1)

        async def listen() -> None:
            async for message in client.messages:
                statuses.append(orjson.loads(bytes(message.payload)))  # noqa: PERF401  # an endless one

        async def status(condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
            deadline_s = time.monotonic() + 20
            while not (statuses and condition(statuses[-1])):
                assert time.monotonic() < deadline_s, statuses[-1:]
                await asyncio.sleep(0.02)
            return statuses[-1]

        async def say(kind: str, *metrics: MetricValue) -> None:
            nonlocal seq
            payload = Payload(ts_ms=time.time_ns() // 1_000_000, seq=seq, metrics=list(metrics))
            await client.publish(f"spBv1.0/Plant/{kind}/n1", encode_payload(payload))
            seq = (seq + 1) % 256

        async def values(*numbers: int) -> None:
            for number in numbers:
                await say("NDATA", MetricValue("Count", datatype=DataType.Int32, value=number))

        role = asyncio.create_task(IngestRole(settings).run(stop))
        listener = asyncio.create_task(listen())
        try:
            await status(lambda found: found["online"])
            count = MetricValue("Count", datatype=DataType.Int32, value=0)
            await say("NBIRTH", bd_seq_metric(0), count)
            await values(*range(1, 50))
            await status(lambda found: found["values"] >= 50 and not found["store_failure"])
            engine.gateway.token = "another"
            await values(*range(50, 100))
            said = await status(lambda found: found["store_failure"])
            assert "refuses the token" in said["store_failure"]
            assert TOKEN not in said["store_failure"]
            engine.gateway.token = TOKEN
            await status(lambda found: not found["store_failure"])
            engine.kill()
            await values(*range(100, 200))
            said = await status(lambda found: found["store_failure"])
            assert "does not answer" in said["store_failure"]
            await status(lambda found: found["values"] >= 200)  # live state goes on meanwhile
            await asyncio.to_thread(engine.start)
            await status(lambda found: not found["store_failure"] and not found["store_spooled_rows"])
        finally:
            listener.cancel()
            stop.set()
            await asyncio.wait_for(role, 30)
    reader = open_reader(url, TOKEN)
    points = await asyncio.to_thread(
        reader.query, ("Plant", "n1", ""), "Count", 0, 1 << 60, None, Aggregate.MEAN, 1000
    )
    reader.close()
    assert [point.value for point in points] == list(range(200))
