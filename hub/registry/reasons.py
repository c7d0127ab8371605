"""Why something came or went: stable codes, and their words in both languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from hub.alarms import words

OTHER = "other"
"""The code of a reason that a device gave in words of its own."""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")

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


def code(reason: str) -> str:
    """The stable code of a recorded reason; free text of a device is `other`."""
    return reason if not reason or _CODE.fullmatch(reason) else OTHER


def said(reason: str) -> tuple[str, str]:
    """A recorded reason in Vietnamese and English; a device's own words stand for themselves."""
    return CAME.get(reason) or words.reason(reason)
