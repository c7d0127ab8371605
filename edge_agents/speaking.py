"""What a node says in a session: births and deaths, data and its farewell, in one sequence for all."""

from __future__ import annotations

import aiomqtt

from devices.wire.payloads import ndeath_payload
from devices.wire.topics import MessageType
from edge_agents import encoding
from edge_agents.births import device_birth, device_death, node_birth
from edge_agents.connection import hold_back, post
from edge_agents.declared import Device
from edge_agents.encoding import Head
from edge_agents.state import NodeState


class Speaker:
    """Numbers and publishes; one coroutine calls it, so that the sequence has no gaps."""

    def __init__(self, node: NodeState, client: aiomqtt.Client, bd_seq: int) -> None:
        self._node = node
        self._client = client
        self._bd_seq = bd_seq
        self._seq = 0
        self._is_burst = False
        self._head = Head()
        self._data_topic = f"spBv1.0/{node.group}/%s/{node.node_id}"

    async def births(self) -> None:
        """Begin the sequence anew: the node, its devices, and the deaths of those nobody announced yet."""
        node = self._node
        self._seq = 0
        await self._publish(MessageType.NBIRTH, "", node_birth(node, self._bd_seq, self._next_seq()))
        for device in list(node.devices.values()):
            if device.alive or not device.announced:
                await self.birth(device)
        for device in list(node.devices.values()):
            if not device.alive and not device.announced:
                await self.death(device)
            device.announced = True

    async def birth(self, device: Device) -> None:
        """Say what a device is and how it stands."""
        payload = device_birth(self._node, device, self._next_seq())
        await self._publish(MessageType.DBIRTH, device.description.id, payload)

    async def death(self, device: Device) -> None:
        """Say that a device does not answer, and why."""
        payload = device_death(self._node, device, self._next_seq())
        await self._publish(MessageType.DDEATH, device.description.id, payload)

    async def data(
        self, position: int, device: str, body: bytes, *, is_history: bool, more: bool = False
    ) -> None:
        """Send a payload; with `more` to follow at once, nobody waits until the socket has it."""
        node, outbox = self._node, self._node.outbox
        first = outbox.first if outbox.lost_unknown_to_hub else None
        body = node.by_clock_of_now(position, body)
        head = self._head.encode(
            self._next_seq(), node.now_ms(), outbox.epoch, position, is_history=is_history, first=first
        )
        outbox.sent(position)
        topic = self._topic(MessageType.DDATA if device else MessageType.NDATA, device)
        if more:
            if not self._is_burst:
                self._is_burst = True
                hold_back(self._client, True)
            post(self._client, topic, head + body)
            return
        await self._client.publish(topic, head + body)
        if self._is_burst:
            self._is_burst = False
            hold_back(self._client, False)

    async def transient(self, device: str, body: bytes) -> None:
        """Send data that has no place in the outbox: it is shown, not kept."""
        payload = encoding.transient(body, self._next_seq(), self._node.now_ms())
        await self._publish(MessageType.DDATA if device else MessageType.NDATA, device, payload)

    async def farewell(self) -> None:
        """Say that the node goes, as of now; with QoS 1, so that it is heard before the connection ends."""
        topic = self._topic(MessageType.NDEATH, "")
        payload = ndeath_payload(self._bd_seq, self._node.now_ms())
        await self._client.publish(topic, payload, qos=1)

    async def _publish(self, message_type: MessageType, device: str, payload: bytes) -> None:
        await self._client.publish(self._topic(message_type, device), payload)

    def _topic(self, message_type: MessageType, device: str) -> str:
        topic = self._data_topic % message_type.value
        return f"{topic}/{device}" if device else topic

    def _next_seq(self) -> int:
        seq = self._seq
        self._seq = (seq + 1) & 0xFF
        return seq
