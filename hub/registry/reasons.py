"""Why something came or went: stable codes, and their words in both languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

OTHER = "other"
"""The code of a reason that a device gave in words of its own."""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")

REASONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "silence": ("không còn tín hiệu", "fell silent"),
        "unanswered": ("im lặng và không trả lời khi được hỏi", "silent, and did not answer when asked"),
        "will": ("nút biên mất kết nối đột ngột", "edge node lost without goodbye"),
        "goodbye": (
            "nút biên dừng có báo trước và chưa trở lại",
            "edge node stopped in order and did not come back",
        ),
        "node_lost": ("nút biên mất kết nối", "edge node lost"),
        "not_reborn": (
            "không xuất hiện lại sau khi nút biên khởi động",
            "did not come back with its edge node",
        ),
        "death": ("nút biên mất kết nối", "edge node went away"),
        "node_death": ("nút biên mất kết nối", "edge node went away"),
        "device_death": ("thiết bị không trả lời", "device does not answer"),
        "hub_restart": ("chưa nghe lại từ khi trung tâm khởi động", "not heard since the hub started"),
        "no_route": ("không có đường tới thiết bị", "no route to the device"),
        "refused": ("thiết bị từ chối kết nối", "connection refused"),
        "auth_failed": ("sai tài khoản đăng nhập thiết bị", "device login failed"),
        "timeout": ("thiết bị quá lâu không trả lời", "device timed out"),
        "protocol_error": ("thiết bị trả lời sai giao thức", "protocol error"),
        "powered_off": ("thiết bị mất nguồn", "powered off"),
        "unplugged": ("thiết bị bị rút dây", "unplugged"),
    }
)
"""Why something is away; alarms say the same words."""

CAME: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "birth": ("đã kết nối", "came up"),
        "heard_again": ("có tín hiệu trở lại", "heard again"),
        "rebirth": ("đang khai báo lại", "announcing itself again"),
        "never_born": ("chưa từng kết nối", "never came up"),
        "never_heard": ("chưa từng có tín hiệu", "never heard"),
        OTHER: ("lý do khác", "another reason"),
        "": ("không rõ lý do", "no reason given"),
    }
)
"""Why something is there, or was never away."""


def code(reason: str) -> str:
    """The stable code of a recorded reason; free text of a device is `other`."""
    return reason if not reason or _CODE.fullmatch(reason) else OTHER


def said(reason: str) -> tuple[str, str]:
    """A recorded reason in Vietnamese and English; a device's own words stand for themselves."""
    return CAME.get(reason) or REASONS.get(reason) or (reason, reason)
