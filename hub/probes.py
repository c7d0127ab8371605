"""Short questions to running services, asked by `hub demo` while it starts and by `hub doctor`."""

import asyncio
import json
import ssl
import uuid
from collections.abc import Collection
from urllib.parse import unquote, urlsplit

import aiomqtt
import httpx

MIRRORED_NODES = "hub/live/+/-/+"


def mqtt_client(url: str, purpose: str) -> aiomqtt.Client:
    """Makes a client of the broker at `mqtt[s]://[user:password@]host[:port]`, with a name of its own."""
    parts = urlsplit(url)
    secure = parts.scheme == "mqtts"
    return aiomqtt.Client(
        hostname=parts.hostname or "127.0.0.1",
        port=parts.port or (8883 if secure else 1883),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        identifier=f"hub-{purpose}-{uuid.uuid4().hex[:8]}",
        timeout=5,
        tls_params=aiomqtt.TLSParameters() if secure else None,
    )


async def mqtt_problem(url: str) -> str | None:
    """Returns why the broker does not take a connection, or None if it does."""
    try:
        async with mqtt_client(url, "probe"):
            return None
    except (aiomqtt.MqttError, OSError) as error:
        return str(error) or type(error).__name__


async def http_problem(url: str, tls: ssl.SSLContext | None = None) -> str | None:
    """Returns why a GET of this address is not answered with success, or None if it is."""
    try:
        async with httpx.AsyncClient(timeout=3, trust_env=False, verify=tls or True) as client:
            answer = await client.get(url)
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return None if answer.is_success else f"{answer.status_code}: {answer.text[:200]}"


async def readiness(url: str, tls: ssl.SSLContext | None = None) -> tuple[bool, list[str]] | None:
    """Asks `/readyz` whether a hub is ready, and what its checks complain of; None if none answers."""
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False, verify=tls or True) as client:
            found = (await client.get(url)).json()
        return bool(found["ready"]), [f"{c['name']}: {c['detail']}" for c in found["checks"] if not c["ok"]]
    except (httpx.HTTPError, ValueError, TypeError, KeyError):
        return None


class SchoolsHeard:
    """Counts the schools whose agent the hub has shown as born in its live mirror since listening began.

    `among` are the codes that count; None: all. Offices report too and are no schools.
    """

    def __init__(self, among: Collection[str] | None = None) -> None:
        self._among = among
        self._born: set[str] = set()

    def __len__(self) -> int:
        return len(self._born)

    def take(self, topic: str, payload: bytes) -> None:
        """Takes one document of the mirror; what was born and is cut off since has reported all the same."""
        if payload and json.loads(payload).get("presence", {}).get("state") == "born":
            school = topic.split("/")[2]
            if self._among is None or school in self._among:
                self._born.add(school)

    async def listen(self, url: str) -> None:
        """Reads the mirror until cancelled; connects again after every loss."""
        while True:
            try:
                async with mqtt_client(url, "start") as client:
                    await client.subscribe(MIRRORED_NODES)
                    async for message in client.messages:
                        if isinstance(message.payload, bytes):
                            self.take(str(message.topic), message.payload)
            except aiomqtt.MqttError:
                await asyncio.sleep(0.5)
