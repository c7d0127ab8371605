"""What a node hears in a session: commands, the hub's answers, the state of the primary host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiomqtt

from devices.wire.commands import AGENT_REQUEST, COMMAND_EXPIRES, COMMAND_ID
from devices.wire.payloads import REBIRTH, Payload, PayloadError, decode_payload, parse_state
from devices.wire.topics import MessageType, Topic, TopicError, parse_topic
from edge_agents.commanding import Order, left_ms
from edge_agents.encoding import EPOCH, STORED
from edge_agents.outbox import Answer
from edge_agents.state import NodeState


@dataclass(frozen=True, slots=True)
class Listener:
    """Reads one connection and tells the session what it has to know; what cannot be read is counted."""

    node: NodeState
    client: aiomqtt.Client
    on_rebirth: Callable[[], None]
    on_stored: Callable[[], None]
    on_host_back: Callable[[], None]

    async def subscribe(self) -> None:
        """Listen for commands and the host's state before anything is said."""
        node = self.node
        await self.client.subscribe(
            [
                (str(Topic(node.group, MessageType.NCMD, node.node_id)), 1),
                (f"spBv1.0/{node.group}/DCMD/{node.node_id}/+", 1),
                (str(Topic("", MessageType.STATE, node.host_id)), 1),
            ]
        )

    async def run(self) -> None:
        """Read until the connection breaks (MqttError)."""
        async for message in self.client.messages:
            try:
                topic = parse_topic(message.topic.value)
                data = message.payload
                if topic.message_type is MessageType.STATE:
                    self._host_state(data, is_retained=message.retain)
                    continue
                payload = decode_payload(data)
            except (TopicError, PayloadError):
                self.node.counters.commands_rejected += 1
                continue
            if topic.message_type is MessageType.NCMD:
                self._node_command(payload)
            elif topic.device is not None:
                self._device_command(topic.device, payload)

    def _node_command(self, payload: Payload) -> None:
        values: dict[str | None, Any] = {metric.name: metric.value for metric in payload.metrics}
        if values.get(REBIRTH) is True or values.get(REBIRTH) == 1:
            self.on_rebirth()
        epoch, stored = values.get(EPOCH), values.get(STORED)
        if isinstance(epoch, int) and isinstance(stored, int):
            self.node.counters.answers += 1
            if self.node.outbox.acknowledge(epoch, stored) is Answer.FORGOTTEN:
                self.on_stored()

        if isinstance(request := values.get(AGENT_REQUEST), str):
            if self.node.on_request is not None:
                self.node.on_request(request, payload.ts_ms)
            else:
                self.node.counters.commands_rejected += 1

    def _device_command(self, device: str, payload: Payload) -> None:
        about = {one.name: one.value for one in payload.metrics if one.name in (COMMAND_ID, COMMAND_EXPIRES)}
        written = [one for one in payload.metrics if one.name not in about]
        id_, node = about.get(COMMAND_ID), self.node
        if id_ and (len(written) != 1 or not isinstance(id_, str)):  # an id stands for one write
            node.counters.commands_rejected += 1
            return
        for one in written:
            if device not in node.devices or None in (one.name, one.value):
                node.counters.commands_rejected += 1
            elif id_ and node.on_order is not None:
                left = left_ms(about.get(COMMAND_EXPIRES), payload.ts_ms)
                node.on_order(Order(device, str(one.name), one.value, id_, left))
            elif not id_ and node.on_write is not None:
                node.on_write(device, str(one.name), one.value)
            else:
                node.counters.commands_rejected += 1

    def _host_state(self, data: bytes, *, is_retained: bool) -> None:
        state, host = parse_state(data), self.node.host
        if state.ts_ms < host.ts_ms:
            return
        news = state.online and state.ts_ms > host.ts_ms
        host.online, host.ts_ms = state.online, state.ts_ms
        if news and not is_retained:
            self.on_host_back()
