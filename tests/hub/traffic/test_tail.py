"""`hub tail` as its own process: what it prints, how it is narrowed, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from typer.testing import CliRunner

from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue, Payload, encode_payload
from hub.cli import app
from hub.settings import load_settings
from hub.traffic import tail as tailing
from hub.traffic.messages import Births, read_message, topic_of
from hub.traffic.rules import Question
from hub.traffic.tail import Look, Output, line_of, seconds

pytestmark = pytest.mark.mosquitto
ROOT = Path(__file__).parents[3]


def _data(seq: int, *metrics: MetricValue) -> bytes:
    return encode_payload(Payload(time.time_ns() // 1_000_000, seq, list(metrics)))


@pytest.fixture
def talking(broker: Any) -> Iterator[None]:
    """Somebody who repeats the same few messages for ever, in a thread of his own."""
    stop = threading.Event()

    async def talk() -> None:
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            level = MetricValue("Level", 7, DataType.Int8, 1)
            while not stop.is_set():
                for topic, raw in (
                    ("spBv1.0/S1/NBIRTH/S1-a1", _data(0, level)),
                    ("spBv1.0/S1/NDATA/S1-a1", _data(1, MetricValue(None, 7, value=-3))),
                    ("spBv1.0/S1/DDATA/S1-a1/air", _data(2, MetricValue("CO2", value=640))),
                    ("spBv1.0/S2/NCMD/S2-a1", _data(3, MetricValue("Node Control/Rebirth", value=True))),
                    ("spBv1.0/S2/NDATA/S2-a1", b"\xff\xff"),
                ):
                    await client.publish(topic, raw)
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(talk()))
    thread.start()
    yield
    stop.set()
    thread.join()


def _tail(broker: Any, folder: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "hub.cli", "tail", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "HUB_DATA_DIR": str(folder), "HUB_MQTT_URL": broker.url}, **options,
    )  # fmt: skip


@pytest.mark.usefixtures("talking")
def test_text_json_filters_and_ends(broker: Any, tmp_path: Path) -> None:
    runs = {
        "text": _tail(broker, tmp_path, "--count", "6", "--node", "S?-a1"),
        "json": _tail(
            broker, tmp_path, "--json", "--raw", "--school", "S1", "--type", "ndata", "--count", "2"
        ),
        "signal": _tail(broker, tmp_path, "--values"),
    }
    assert runs["signal"].stdout is not None
    first = runs["signal"].stdout.readline()
    runs["signal"].send_signal(signal.SIGINT)
    said = {name: run.communicate(timeout=30) for name, run in runs.items()}
    assert {name: run.returncode for name, run in runs.items()} == dict.fromkeys(runs, 0), said
    assert all(errors == "" for _, errors in said.values())
    assert "S1/S1-a1/air" in said["text"][0]
    assert "Node Control/Rebirth = true" in said["text"][0]
    assert "✗ malformed" in said["text"][0]
    assert "\x1b" not in said["text"][0], "no colours into a pipe"
    messages = [json.loads(line) for line in said["json"][0].splitlines()]
    assert [message["type"] for message in messages] == ["NDATA", "NDATA"]
    assert messages[-1]["metrics"][0]["name"] == "Level", "births are heard though not shown"
    assert messages[-1]["metrics"][0]["value"] == -3
    assert bytes.fromhex(messages[0]["raw"])
    assert first


@pytest.mark.usefixtures("talking")
def test_a_reader_that_has_seen_enough_ends_it(broker: Any, tmp_path: Path) -> None:
    run = _tail(broker, tmp_path, "--json")
    assert run.stdout is not None
    run.stdout.readline()
    run.stdout.close()
    run.wait(20)
    assert run.returncode == 0
    assert run.stderr is not None
    assert run.stderr.read() == ""
    run.stderr.close()


async def test_without_a_broker_it_says_so_and_ends_when_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], unused_port: int
) -> None:
    settings = load_settings(mqtt_url=f"mqtt://127.0.0.1:{unused_port}", data_dir=tmp_path)
    assert not await tailing.tail(settings, Look(for_s=0.3)), "the command ends with 1"
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"hub tail: no broker at mqtt://127.0.0.1:{unused_port}, set HUB_MQTT_URL")
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--type", "NOISE"], "--type: 'NOISE' is no message type; write one of NBIRTH"),
        (["--for", "ten"], "--for: 'ten' is no duration; write 10s"),
    ],
)
def test_what_it_cannot_do_it_says(arguments: list[str], found: str) -> None:
    ended = CliRunner().invoke(app, ["tail", *arguments])
    assert ended.exit_code == 2
    assert found in " ".join(ended.output.replace("│", " ").split())


def test_durations() -> None:
    assert [seconds(text) for text in ("10s", "500ms", "1.5m", "1h")] == [10, 0.5, 90, 3600]


def test_raw_bytes_in_hex() -> None:
    raw = _data(1, MetricValue("CO2", value=1))
    text = "spBv1.0/S1/NDATA/a"
    message = read_message(text, topic_of(text), raw, 0, Births())
    assert line_of(message, raw, Look(raw=True)).decode().splitlines()[-1].strip() == raw.hex(" ")
    assert json.loads(line_of(message, raw, Look(json=True, raw=True)))["raw"] == raw.hex()


async def test_what_a_slow_reader_missed_is_said(
    broker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tailing, "MAX_WAITING", 10)
    reading, writing = os.pipe()
    settings = load_settings(mqtt_url=broker.url, data_dir=tmp_path)
    look = Look(Question(school="S1"), json=True, for_s=1.5)
    showing = asyncio.create_task(tailing.tail(settings, look, writing))
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        long = MetricValue("Text", value="x" * 3_000)
        while not showing.done():
            for number in range(50):
                await client.publish("spBv1.0/S1/NDATA/a", _data(number, long))
            await asyncio.sleep(0.01)
    await showing
    said = capsys.readouterr().err
    assert "messages were left out: the output is slower than the traffic" in said
    assert int(said.split()[2]) > 50
    os.close(reading)
    await asyncio.sleep(0.05)
    os.close(writing)


async def test_an_output_nobody_reads_keeps_nobody_from_ending() -> None:
    reading, writing = os.pipe()
    output = Output(writing, lambda: None)
    writer = asyncio.create_task(output.write(b"x" * 1_000_000))
    await asyncio.sleep(0.05)
    assert not writer.done()
    writer.cancel()
    with suppress(asyncio.CancelledError):
        await writer
    os.close(reading)  # lets the thread end
    await asyncio.sleep(0.05)
    os.close(writing)
