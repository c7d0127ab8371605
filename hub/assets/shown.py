"""Rows of the register as the API gives them, and who may ask for which."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastapi import Request

from hub.assets.rules import missing_fields
from hub.assets.schemas import AssetOut, DeviceKey
from hub.assets.service import Act
from hub.assets.tables import Asset
from hub.clock import today
from hub.web.principal import Principal

_TEXTS = ("type", "serial", "maker", "model", "fund_source", "supplier", "status", "condition")
_FACTS = ("id", "tag", "name", "acquired", "price_vnd", "warranty_until", "note", "changed_ms", "seen_ms")


def shown(asset: Asset, school_name: str) -> AssetOut:
    """Gives an asset as the API shows it: what is not known is null."""
    facts: dict[str, Any] = {name: getattr(asset, name) for name in _FACTS}
    facts |= {name: getattr(asset, name) or None for name in _TEXTS}
    return AssetOut.model_construct(
        **facts,
        school=asset.school_code,
        school_name=school_name,
        room=asset.room_code or None,
        device=device_of(asset),
        missing=missing_fields(asset.gaps),
        complete=asset.gaps == 0,
    )


def device_of(asset: Asset) -> DeviceKey | None:
    """Gives the device an asset is linked to."""
    if asset.group_code is None or asset.node is None or asset.device is None:
        return None
    return DeviceKey.model_construct(group=asset.group_code, node=asset.node, device=asset.device)


def act_of(request: Request, who: Principal) -> Act:
    """Tells who does something now."""
    return Act(who.name, request.app.state.now_ms(), today())


def reaches(scope: Collection[str] | None, school: str) -> bool:
    """Tells whether a school lies within what somebody may reach; None is everything."""
    return scope is None or school in scope
