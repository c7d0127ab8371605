"""`hub conform`: what a foreign agent does that the contract does not allow."""

import asyncio
import json
import sys
import time
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer


def conform(
    mqtt_url: Annotated[
        str, typer.Option(help="The broker, mqtt://[user:password@]host:port.", envvar="HUB_MQTT_URL")
    ] = "mqtt://127.0.0.1:1883",
    group: Annotated[str, typer.Option(help="School, the group of its topics; all without it.")] = "+",
    node: Annotated[str, typer.Option(help="Edge node; all of the group without it.")] = "+",
    seconds: Annotated[float, typer.Option(min=0.1, max=86_400, help="How long to listen.")] = 60.0,
    rebirth: Annotated[
        bool, typer.Option("--rebirth", help="Ask the node for its births first; needs --group and --node.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the contract, a JSON Schema.")] = False,
) -> None:
    """Listen to an agent of another maker and say which rules it breaks.

    Ends with 0 if it keeps all that it must; with 1 if it breaks a rule, was not heard, or no broker was.
    """
    from devices.contract import document

    if schema:
        print(json.dumps(document(), ensure_ascii=False, indent=2))
        return
    if rebirth and "+" in (group, node):
        raise typer.BadParameter(
            "name the node that is to be asked: --group and --node", param_hint="--rebirth"
        )
    parts = urlsplit(mqtt_url)
    if parts.scheme != "mqtt" or not parts.hostname:
        raise typer.BadParameter(f"{mqtt_url!r}: write mqtt://host:port", param_hint="--mqtt-url")
    findings, messages = asyncio.run(_listen(mqtt_url, group, node, seconds, rebirth=rebirth))
    broken = any(one["level"] == "must" for one in findings)
    if as_json:
        print(
            json.dumps({"messages": messages, "conforms": messages > 0 and not broken, "findings": findings})
        )
    else:
        for one in findings:
            print(f"{one['level']:6} {one['rule']:12} {one['sender']}: {one['detail']} ({one['times']}×)")
            print(f"       {one['asks']}")
        print(f"{messages} messages heard, {len(findings)} findings")
    if broken or not messages:
        raise typer.Exit(1)


async def _listen(
    url: str, group: str, node: str, seconds: float, *, rebirth: bool
) -> tuple[list[dict[str, object]], int]:
    import aiomqtt

    from devices.conformance import RULES, Conformance
    from devices.kind import kinds
    from devices.wire.payloads import rebirth_payload

    parts, heard = urlsplit(url), Conformance(kinds())
    user, password = (unquote(text) if text else None for text in (parts.username, parts.password))
    try:
        async with aiomqtt.Client(
            parts.hostname or "", parts.port or 1883, username=user, password=password
        ) as client:
            for depth in ("", "/+"):
                await client.subscribe(f"spBv1.0/{group}/+/{node}{depth}", qos=1)
            if rebirth:
                await client.publish(
                    f"spBv1.0/{group}/NCMD/{node}", rebirth_payload(time.time_ns() // 1_000_000)
                )
            try:
                async with asyncio.timeout(seconds):
                    async for message in client.messages:
                        heard.hear(
                            str(message.topic),
                            bytes(message.payload),
                            time.time_ns() // 1_000_000,
                            qos=message.qos,
                            retain=bool(message.retain),
                        )
            except TimeoutError:
                pass
    except aiomqtt.MqttError as error:
        print(f"{url}: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    findings: list[dict[str, object]] = [
        {"rule": one.rule, "level": one.level, "sender": one.sender, "detail": one.detail,
         "times": one.times, "asks": RULES[one.rule][1]}
        for one in heard.finished()
    ]  # fmt: skip
    return findings, heard.messages
