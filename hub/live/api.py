"""Devices, nodes and status over HTTP, out of the live picture."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from hub.alarms.counting import count
from hub.errors import NotFound
from hub.live.documents import Document, Key, Mirrored
from hub.live.inventory import Inventory, Sort
from hub.live.listing import Severity, State, Wanted, described, facets, found, page_after, row
from hub.live.nodes import agent_of, node_shown
from hub.live.picture import Picture
from hub.live.rules import is_present, unreachable
from hub.live.schemas import DeviceDetail, DevicePage, Facets, Node, Status
from hub.live.search import matches
from hub.web.access import permission
from hub.web.principal import Principal, Schools
from hub.web.requests import Page, PageQuery, encode_cursor

router = APIRouter(prefix="/api/v1", tags=["devices"])


def live_picture(request: Request) -> Picture:
    """Gives the web role's picture."""
    picture: Picture = request.app.state.picture
    return picture


def live_inventory(request: Request) -> Inventory:
    """Gives the picture's devices, ready to be searched."""
    inventory: Inventory = request.app.state.inventory
    return inventory


Live = Annotated[Picture, Depends(live_picture)]
Devices = Annotated[Inventory, Depends(live_inventory)]
DeviceReader = Annotated[Principal, Depends(permission("devices.read"))]
StatusReader = Annotated[Principal, Depends(permission("status.read"))]
Text = Annotated[str | None, Query(max_length=255)]


def wanted_devices(
    who: DeviceReader,
    group: Text = None,
    node: Text = None,
    q: Text = None,
    school: Text = None,
    district: Text = None,
    kind: Text = None,
    presence: State | None = None,
    severity: Annotated[Severity | None, Query(description="of the worst open alarm")] = None,
    claimed: bool | None = None,
    simulated: bool | None = None,
) -> Wanted:
    """Reads the filters of device lists."""
    return Wanted(who.schools("devices.read"), group, node, q, school, district, kind, presence, severity,
                  claimed, simulated)  # fmt: skip


Filters = Annotated[Wanted, Depends(wanted_devices)]


def answer(content: object) -> Response:
    """Gives content as JSON; lists of thousands are not checked against their schema again."""
    return Response(msgspec.json.encode(content), media_type="application/json")


@router.get("/devices", response_model=DevicePage)
async def list_devices(
    inventory: Devices, wanted: Filters, paging: PageQuery, sort: Sort = "place"
) -> Response:
    """Lists devices; `q` looks for each of its words in ids, names, room, kind, school and district.

    Marks and case are ignored (`dong` finds `Đông`). Every device that keeps its place in the order is on
    exactly one page, whatever changes while one turns them.
    """
    entries = found(inventory.in_order(sort), wanted)
    leading = {"place": (), "severity": (int,), "since": (int,), "name": (str,), "kind": (str,)}[sort]
    after = paging.after(*leading, *[str] * 6)
    shown, following = page_after(entries, sort, after, paging.limit)
    cursor = encode_cursor(following) if following else None
    return answer({"items": [row(e) for e in shown], "next_cursor": cursor, "total": len(entries)})


@router.get("/devices/facets", response_model=Facets)
async def device_facets(inventory: Devices, wanted: Filters) -> Response:
    """Counts devices by kind, district, presence and severity, each under all filters but its own."""
    return answer(facets(inventory, wanted))


@router.get("/devices/{group}/{node}/{device}", response_model=DeviceDetail)
async def get_device(
    request: Request,
    picture: Live,
    inventory: Devices,
    who: DeviceReader,
    group: str,
    node: str,
    device: str,
) -> Response:
    """Gives one device with its metrics as observed and as wanted, and the state of its agent."""
    entry = inventory.devices.get((group, node, device))
    if entry is None or not _may_see(entry.document, who.schools("devices.read")):
        raise NotFound("there is no such device", field="device", value=f"{group}/{node}/{device}",
                       fix="list the devices to see what there is")  # fmt: skip
    agent = picture.get((group, node, ""))
    wanted = await request.app.state.wanted_of((group, node, device))
    return answer(
        {
            **row(entry),
            "metrics": described(entry.document),
            "wanted": wanted,
            "agent": agent_of(agent) if agent else None,
        }
    )


@router.get("/nodes")
async def list_nodes(
    picture: Live, who: DeviceReader, paging: PageQuery, claimed: bool | None = None, q: Text = None
) -> Page[Node]:
    """Lists edge nodes; with `claimed=false` those the hub does not know where to put."""
    found = []
    for key, document in _readable(picture, who.schools("devices.read"), paging.after(str, str)):
        if key[2] or (claimed is not None and bool(document.get("claimed")) is not claimed):
            continue
        if q and not matches(q, key[0], key[1], document["school"]):
            continue
        found.append((key, document))
        if len(found) > paging.limit:
            break
    return paging.page(found, lambda row: row[0][:2], lambda row: node_shown(picture, *row))


@router.get("/nodes/{group}/{node}")
async def get_node(picture: Live, who: DeviceReader, group: str, node: str) -> Node:
    """Gives one edge node with its own metrics."""
    document = picture.get((group, node, ""))
    if document is None or not _may_see(document, who.schools("devices.read")):
        raise NotFound("there is no such node", field="node", value=f"{group}/{node}",
                       fix="list the nodes to see what there is")  # fmt: skip
    return node_shown(picture, (group, node, ""), document)


@router.get("/status", tags=["status"])
async def status(request: Request, picture: Live, who: StatusReader) -> Status:
    """Counts what is there in the schools of the asker.

    Who may see the whole province also gets ingest's own counters; for all others `ingest` is empty.
    """
    schools = who.schools("status.read")
    nodes: list[Mirrored] = []
    devices: list[Mirrored] = []
    for document in picture.documents():
        if _may_see(document, schools):
            (devices if document["device"] else nodes).append(document)
    alarms = [a for a in picture.alarms.values() if schools is None or a["school"] in schools]
    away, counts = unreachable(nodes, alarms), count(alarms)
    return Status(
        ts_ms=request.app.state.now_ms(),
        data_ms=picture.data_ms,
        broker_connected=picture.connected,
        ingest_online=picture.ingest_online(),
        nodes=len(nodes),
        nodes_online=sum(map(is_present, nodes)),
        nodes_unclaimed=sum(not node.get("claimed") for node in nodes),
        devices=len(devices),
        devices_online=sum(is_present(device) and device["school"] not in away for device in devices),
        alarms_open=counts.open,
        alarms_unacknowledged=counts.unacknowledged,
        alarms_returned=counts.returned,
        alarms_suppressed=counts.suppressed,
        alarms_shelved=counts.shelved,
        alarms_flapping=counts.flapping,
        ingest={
            shard: {name: value for name, value in beat.items() if not isinstance(value, (dict, list))}
            for shard, beat in picture.shards.items()
            if schools is None
        },
    )


def _readable(
    picture: Picture, schools: Schools, after: tuple[str | int, ...] | None
) -> Iterator[tuple[Key, Mirrored]]:
    """Everything the asker may see, in order, after the key of the page before."""
    keys = picture.sorted_keys()
    start = 0
    if after is not None:
        texts = [str(part) for part in after] + [""] * (3 - len(after))
        start = bisect_right(keys, (texts[0], texts[1], texts[2]))
    for key in keys[start:]:
        document = picture.get(key)
        if document is not None and _may_see(document, schools):
            yield key, document


def _may_see(document: Document, schools: Schools) -> bool:
    return schools is None or (bool(document.get("claimed")) and document["school"] in schools)
