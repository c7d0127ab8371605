"""The ingest role on the broker: one life of its connection, what it says of itself, what it is told.

It is the Primary Host Application: its STATE is retained, with a will that takes it back, and nobody else's
word that it is gone stands. All else that it keeps retained is derived, and made anew at each connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import orjson

from devices.wire.payloads import PayloadError, parse_state, state_payload
from hub.alarms.rules import AlarmBook
from hub.ingest import packets
from hub.ingest.apply import Applier
from hub.ingest.connection import IngestConnection, dial
from hub.ingest.inbox import Inbox, Received
from hub.ingest.mirror import Mirror
from hub.ingest.requests import Requests
from hub.ingest.sessions import Directory
from hub.ingest.status import Status
from hub.settings import Settings

log = logging.getLogger(__name__)

_CONTROL = (b"hub/", b"$SYS/", b"spBv1.0/STATE/")
_BROKER_DROPPED = "$SYS/broker/publish/messages/dropped"
_MIRRORED = ("hub/alarms/#", "hub/live/#")
_SWEEP_S = 5


class Outgoing:
    """Where all parts publish; what finds no connection is lost, and state is sent again with the next."""

    def __init__(self) -> None:
        self.connection: IngestConnection | None = None

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0."""
        if self.connection is not None:
            self.connection.publish(topic, payload)

    def publish_retained(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0, for the broker to keep; an empty payload takes it off."""
        if self.connection is not None:
            self.connection.publish(topic, payload, retain=True)

    @property
    def unsent_bytes(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self.connection.unsent_bytes if self.connection is not None else 0


class BrokerLine:
    """Brings messages to the inbox and requests to who answers them."""

    def __init__(
        self,
        settings: Settings,
        outgoing: Outgoing,
        inbox: Inbox,
        directory: Directory,
        book: AlarmBook,
        applier: Applier,
        mirror: Mirror,
        requests: Requests,
        status: Status,
        now_ms: Callable[[], int],
    ) -> None:
        self._settings, self._outgoing, self._inbox = settings, outgoing, inbox
        self._directory, self._book, self._applier = directory, book, applier
        self._mirror, self._requests, self._status = mirror, requests, status
        self._now_ms = now_ms
        self._state_topic = f"spBv1.0/STATE/{settings.host_id}"
        self._state_ms = 0
        self._is_contradicted = False

    # -- one life ------------------------------------------------------------------------------------

    async def live(self) -> None:
        """One life of the connection, from CONNECT with its will to its loss."""
        settings = self._settings
        self._state_ms = self._now_ms()
        connection, user, password = await dial(settings.mqtt_url, self._deliver, self._oversize)
        client_id = f"{settings.host_id}-ingest-{settings.shard}"
        will = packets.Will(self._state_topic, state_payload(False, self._state_ms))
        await connection.open(client_id, will, user, password)
        schools = [(f"spBv1.0/{code}/#", 1) for code in settings.schools] or [("spBv1.0/#", 1)]
        await connection.subscribe([(self._state_topic, 1)])
        await connection.subscribe(
            [*schools, ("hub/changed/#", 1), ("hub/request/#", 1), (_BROKER_DROPPED, 0)]
        )
        await connection.publish_confirmed(
            self._state_topic, state_payload(True, self._state_ms), retain=True
        )
        self._outgoing.connection = connection
        if self._is_contradicted:  # our last will came while we came back
            self._say_online(connection)
        self._publish_anew()
        await connection.subscribe([(mirrored, 0) for mirrored in _MIRRORED])
        asyncio.get_running_loop().call_later(_SWEEP_S, connection.unsubscribe, list(_MIRRORED))
        self.say_status()
        log.info("connected to %s", settings.mqtt_url.rpartition("@")[2])
        try:
            await asyncio.shield(connection.lost)  # cancelling us must not look like a loss
        finally:
            # first: our own farewell must not be contradicted when it comes back to us
            self._outgoing.connection = None
            if not connection.lost.done():
                await self._farewell(connection)
            connection.close()
        raise ConnectionError("lost the broker")

    def say_status(self) -> None:
        """Publish the role's status as of now."""
        status = self._status.document(self._now_ms())
        self._outgoing.publish_retained(self._status.topic, orjson.dumps(status))

    def _say_online(self, connection: IngestConnection) -> None:
        connection.publish(self._state_topic, state_payload(True, self._state_ms), qos=1, retain=True)

    def _publish_anew(self) -> None:
        """A broker that restarted has forgotten the mirror; of nodes nobody knows what was missed."""
        for node in self._directory.nodes.values():
            node.verified = False
            for device in (node.itself, *node.devices.values()):
                self._applier.dirty[device] = None
        for alarm in self._book.open().values():
            self._mirror.alarm_open(alarm)

    async def _farewell(self, connection: IngestConnection) -> None:
        """Say that ingest and the host go offline, as of now; the will is discarded by an orderly end."""
        now_ms = self._now_ms()
        status = orjson.dumps({**self._status.document(now_ms), "online": False})
        try:
            await connection.publish_confirmed(self._status.topic, status, retain=True)
            await connection.publish_confirmed(self._state_topic, state_payload(False, now_ms), retain=True)
        except (TimeoutError, OSError):
            log.warning("the broker did not take the hub's farewell")

    # -- what comes ----------------------------------------------------------------------------------

    def _deliver(self, messages: list[Received]) -> None:
        control = [message for message in messages if message[0].startswith(_CONTROL)]
        if control:
            messages = [message for message in messages if not message[0].startswith(_CONTROL)]
            for topic, payload in control:
                self._control(topic.decode(errors="replace"), payload)
        if messages:
            self._inbox.put(messages)

    def _control(self, topic: str, payload: bytes) -> None:
        if topic == self._state_topic:
            try:
                said = parse_state(payload)
            except PayloadError:
                said = None
            self._is_contradicted = said is None or not said.online
            if self._is_contradicted and self._outgoing.connection is not None:
                # somebody else, or our own late will, says that we are gone: we are not
                self._say_online(self._outgoing.connection)
        elif topic == _BROKER_DROPPED:
            self._status.broker_dropped = int(payload) if payload.isdigit() else 0
        elif topic.startswith(("hub/changed/", "hub/request/")):
            self._requests.put(topic, payload)
        elif payload and self._is_left_over(topic, payload):
            self._outgoing.publish_retained(topic, b"")

    def _is_left_over(self, topic: str, payload: bytes) -> bool:
        """Tell whether a retained document speaks of what is no more, such as an alarm closed meanwhile."""
        schools = self._settings.schools
        try:
            if schools and orjson.loads(payload)["school"] not in schools:
                return False  # another worker's
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return True
        kind, _, name = topic.removeprefix("hub/").partition("/")
        return name not in self._book.open() if kind == "alarms" else not self._mirror.knows(topic)

    def _oversize(self, topic: bytes, size: int) -> None:
        self._applier.quarantine.count("oversize_packet")
        log.warning("passed over a packet of %d bytes on %r", size, topic[:120])
