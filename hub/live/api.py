"""Devices, nodes and status over HTTP, out of the live picture."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from hub.errors import NotFound
from hub.live.picture import Document, Key, Picture, born, key_of
from hub.live.rules import is_open, is_present, is_standing, unreachable
from hub.live.schemas import CurrentMetric, Device, DeviceDetail, Node, Status
from hub.live.search import matches
from hub.live.tiles import icon, tile
from hub.web.access import permission
from hub.web.principal import Principal, Schools
from hub.web.requests import Page, PageQuery

router = APIRouter(prefix="/api/v1", tags=["devices"])


def live_picture(request: Request) -> Picture:
    """Gives the web role's picture."""
    picture: Picture = request.app.state.picture
    return picture


Live = Annotated[Picture, Depends(live_picture)]
DeviceReader = Annotated[Principal, Depends(permission("devices.read"))]
StatusReader = Annotated[Principal, Depends(permission("status.read"))]
Text = Annotated[str | None, Query(max_length=255)]


@router.get("/devices")
async def list_devices(
    picture: Live, who: DeviceReader, paging: PageQuery, group: Text = None, node: Text = None, q: Text = None
) -> Page[Device]:
    """Lists devices by group, node and id; `q` looks in id, name, room, kind and school, marks ignored."""

    def wanted(key: Key, document: Document) -> bool:
        return (
            bool(key[2])
            and (group is None or key[0] == group)
            and (node is None or key[1] == node)
            and (not q or matches(q, key[2], document.get("name"), document["room"],
                                  document.get("kind"), document["school"], key[1]))
        )  # fmt: skip

    found = []
    for key, document in _readable(picture, who.schools("devices.read"), paging.after(str, str, str)):
        if wanted(key, document):
            found.append((key, document))
            if len(found) > paging.limit:
                break
    return paging.page(found, lambda row: row[0], lambda row: Device(**_device(*row)))


@router.get("/devices/{group}/{node}/{device}")
async def get_device(picture: Live, who: DeviceReader, group: str, node: str, device: str) -> DeviceDetail:
    """Gives one device with its current metrics, as observed."""
    key = (group, node, device)
    document = picture.get(key)
    if document is None or not device or not _may_see(document, who.schools("devices.read")):
        raise NotFound("there is no such device", field="device", value=f"{group}/{node}/{device}",
                       fix="list the devices to see what there is")  # fmt: skip
    return DeviceDetail(**_device(key, document), metrics=_metrics(document))


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
    return paging.page(found, lambda row: row[0][:2], lambda row: _node(picture, *row))


@router.get("/nodes/{group}/{node}")
async def get_node(picture: Live, who: DeviceReader, group: str, node: str) -> Node:
    """Gives one edge node with its own metrics."""
    document = picture.get((group, node, ""))
    if document is None or not _may_see(document, who.schools("devices.read")):
        raise NotFound("there is no such node", field="node", value=f"{group}/{node}",
                       fix="list the nodes to see what there is")  # fmt: skip
    return _node(picture, (group, node, ""), document)


@router.get("/status", tags=["status"])
async def status(request: Request, picture: Live, who: StatusReader) -> Status:
    """Counts what is there in the schools of the asker.

    Who may see the whole province also gets ingest's own counters; for all others `ingest` is empty.
    """
    schools = who.schools("status.read")
    nodes: list[Document] = []
    devices: list[Document] = []
    for document in picture.documents():
        if _may_see(document, schools):
            (devices if document["device"] else nodes).append(document)
    alarms = [a for a in picture.alarms.values() if schools is None or a["school"] in schools]
    away = unreachable(nodes, alarms)
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
        alarms_open=sum(map(is_open, alarms)),
        alarms_unacknowledged=sum(alarm["state"] == "unacknowledged" for alarm in alarms),
        alarms_returned=sum(is_open(alarm) and not is_standing(alarm) for alarm in alarms),
        alarms_suppressed=sum(not is_open(alarm) for alarm in alarms),
        ingest={
            shard: {name: value for name, value in beat.items() if not isinstance(value, (dict, list))}
            for shard, beat in picture.shards.items()
            if schools is None
        },
    )


def _readable(
    picture: Picture, schools: Schools, after: tuple[str | int, ...] | None
) -> Iterator[tuple[Key, Document]]:
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


def _device(key: Key, document: Document) -> dict[str, Any]:
    taken = ("school", "room", "kind", "name", "claimed", "simulated", "published_ms", "presence", "alarms")
    facts = {name: document[name] for name in taken if name in document}
    shown = {"icon": icon(document), "tile": tile(document)}
    return {"group": key[0], "node": key[1], "device": key[2], **facts, **shown}


def _metrics(document: Document) -> list[CurrentMetric]:
    return [CurrentMetric(name=name, **metric) for name, metric in document["metrics"].items()]


def _node(picture: Picture, key: Key, document: Document) -> Node:
    keys = picture.sorted_keys()
    first = bisect_right(keys, key)
    mine = []
    for other in keys[first:]:
        if other[:2] != key[:2]:
            break
        mine.append(other)
    devices = [d for d in map(picture.get, mine) if d is not None]
    taken = ("school", "simulated", "software", "clock_offset_ms", "skew_ms", "presence", "alarms")
    facts: dict[str, Any] = {name: document[name] for name in taken if name in document}
    return Node(
        group=key[0],
        node=key[1],
        claimed=bool(document.get("claimed")),
        devices=[key_of(d)[2] for d in devices],
        devices_online=sum(map(born, devices)),
        metrics=_metrics(document),
        **facts,
    )
