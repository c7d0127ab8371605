"""Ingest without a broker: decoder and applier on payloads built by hand, with a clock that tests turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from devices.kind import kinds
from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue, Payload, bd_seq_metric, encode_payload
from hub.alarms.rules import AlarmBook
from hub.ingest.apply import Applier
from hub.ingest.decode import Decoder
from hub.ingest.effects import Effects
from hub.ingest.rebirth import RebirthRequests
from hub.ingest.sessions import Directory
from hub.telemetry.port import Row
from hub.telemetry.sqlite import SqliteWriter

START_MS = 1_760_000_000_000
EPOCH = 77


class Parts:
    """Sends messages through decoder and applier; `rows` and `effects` gather what comes out."""

    def __init__(self, folder: Path, schools: tuple[str, ...] = ("S1",)) -> None:
        self.telemetry = SqliteWriter(folder / "telemetry.db")
        self.book = AlarmBook()
        self.directory = Directory(self.telemetry, kinds(), self.book)
        self.directory.known_schools = frozenset(schools)
        self.rebirths = RebirthRequests(60, 1000, 1000)
        self.applier = Applier(self.directory, self.book, self.rebirths, "0")
        self.decoder = Decoder(self.directory.node)
        self.now_ms = START_MS
        self.rows: list[Row] = []
        self.entry = 0

    def send(self, topic: str | bytes, payload: bytes) -> None:
        """One message, as if it came from the broker now."""
        self.send_all([(topic if isinstance(topic, bytes) else topic.encode(), payload)])

    def send_all(self, messages: list[tuple[bytes, bytes]]) -> None:
        """One batch."""
        self.entry += 1
        batch = self.decoder.batch(messages, self.now_ms)
        self.rows += self.applier.apply(self.entry, self.now_ms, batch.messages)

    def tick(self, seconds: float = 0) -> None:
        """Let time pass."""
        self.now_ms += round(seconds * 1000)
        self.rows += self.applier.tick(self.now_ms)

    @property
    def effects(self) -> Effects:
        return self.applier.effects

    @property
    def reasons(self) -> dict[str, int]:
        """What was quarantined, by reason."""
        return dict(self.applier.quarantine.by_reason)

    def value(self, device: str, metric: str, node: str = "S1/n1") -> Any:
        return self.directory.nodes[node].devices[device].slots[metric].value

    def asked(self) -> list[str]:
        """Reasons of the rebirths asked for now."""
        return [reason for _, reason in self.rebirths.due(self.now_ms)]


class Sender:
    """A node that says what a test wants; counts its own sequence and positions."""

    def __init__(self, parts: Parts, group: str = "S1", node: str = "n1", *, outbox: bool = True) -> None:
        self.parts, self.group, self.node, self.outbox = parts, group, node, outbox
        self.seq = self.position = 0
        self.epoch = EPOCH

    def topic(self, kind: str, device: str = "") -> str:
        return f"spBv1.0/{self.group}/{kind}/{self.node}" + (f"/{device}" if device else "")

    def send(self, kind: str, device: str, metrics: list[MetricValue], **fields: Any) -> bytes:
        """Encode with the next sequence number and send."""
        payload = self.encode(metrics, **fields)
        self.parts.send(self.topic(kind, device), payload)
        return payload

    def encode(
        self, metrics: list[MetricValue], *, seq: int | None = None, ts_ms: int | None = None
    ) -> bytes:
        if seq is None:
            seq, self.seq = self.seq, (self.seq + 1) & 255
        return encode_payload(
            Payload(ts_ms=self.parts.now_ms if ts_ms is None else ts_ms, seq=seq, metrics=metrics)
        )

    def about_outbox(self, position: int) -> list[MetricValue]:
        if not self.outbox:
            return []
        return [
            MetricValue("Outbox/Epoch", datatype=DataType.UInt64, value=self.epoch),
            MetricValue("Outbox/Position", datatype=DataType.UInt64, value=position),
        ]

    def born(self, *devices: str, kind: str = "room_air", bd_seq: int = 0) -> Sender:
        """Send an NBIRTH and a DBIRTH for each device."""
        self.seq = 0
        rebirth = MetricValue("Node Control/Rebirth", datatype=DataType.Boolean, value=False)
        beat = MetricValue("Properties/Heartbeat", datatype=DataType.UInt32, value=10)
        self.send(
            "NBIRTH",
            "",
            [bd_seq_metric(bd_seq), rebirth, *self.about_outbox(0), *([beat] if self.outbox else [])],
        )
        for device in devices:
            about = [
                MetricValue("Properties/Kind", datatype=DataType.String, value=kind),
                MetricValue("Properties/Room", datatype=DataType.String, value="P101"),
            ]
            declared = kinds()[kind].declare({}, self.parts.now_ms)
            self.send("DBIRTH", device, [*self.about_outbox(0), *about, *declared])
        return self

    def data(self, device: str, *metrics: MetricValue, position: int | None = None, **fields: Any) -> None:
        """Send a DDATA with the next position."""
        if position is None:
            self.position += 1
            position = self.position
        self.send("DDATA", device, [*self.about_outbox(position), *metrics], **fields)


def number(
    name: str, value: Any, datatype: DataType = DataType.Float, ts_ms: int | None = START_MS
) -> MetricValue:
    """A metric."""
    return MetricValue(name, datatype=datatype, value=value, ts_ms=ts_ms)
