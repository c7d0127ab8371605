"""The sentences of alarms in both languages, and numbers as each language writes them."""

from __future__ import annotations

from devices.kind import Metric
from hub.alarms.alarm import Plain
from hub.alarms.conditions import Condition, Side, Step
from hub.registry.reasons import REASONS

SCHOOL_DOWN = ("Trường mất kết nối", "School offline")
LINK_DOWN = ("Đường truyền báo đứt", "The link reports down")


def reason(code: str) -> tuple[str, str]:
    """Vietnamese and English words for a reason code; an unknown code shows as itself."""
    return REASONS.get(code, (code, code))


def number(value: Plain, decimals: int, language: str) -> str:
    """A value as people read it: `1.320,5` in Vietnamese, `1,320.5` in English, `–` for none."""
    if value is None:
        return "–"
    if isinstance(value, (bool, str)):
        return str(value)
    text = f"{value:,.{decimals}f}"
    return text.translate(_SWAP) if language == "vi" else text


def measured(value: Plain, unit: str | None, limit: Plain, decimals: int) -> tuple[str, str]:
    """`1.320 ppm · ngưỡng 1.000 ppm` and the same in English."""
    tail = f" {unit}" if unit else ""
    return (
        f"{number(value, decimals, 'vi')}{tail} · ngưỡng {number(limit, decimals, 'vi')}{tail}",
        f"{number(value, decimals, 'en')}{tail} · limit {number(limit, decimals, 'en')}{tail}",
    )


_SWAP = str.maketrans(",.", ".,")


def stated(metric: Metric, value: Plain) -> tuple[str, str]:
    """The name of a state of a metric that has states, else its label and value."""
    named = (metric.states or {}).get(value) if isinstance(value, (int, str)) else None
    if named:
        return named
    if isinstance(value, bool):
        return metric.label_vi, metric.label_en
    return f"{metric.label_vi}: {value}", f"{metric.label_en}: {value}"


def old(metric: Metric) -> tuple[str, str]:
    """`Nhiệt độ: không có giá trị mới trong 36 giờ` and the same in English."""
    seconds = metric.stale_after_s or 0
    count, vi, en = (seconds / 3600, "giờ", "h") if seconds >= 7200 else (seconds / 60, "phút", "min")
    return (
        f"{metric.label_vi}: không có giá trị mới trong {count:.0f} {vi}",
        f"{metric.label_en}: no new value for {count:.0f} {en}",
    )


def drifted(metric: Metric, wanted: Plain, value: Plain) -> tuple[str, str]:
    """`Nguồn: đã yêu cầu Bật, đang là Tắt` and the same in English."""
    asked, now = _named(metric, wanted), _named(metric, value)
    return (
        f"{metric.label_vi}: đã yêu cầu {asked[0]}, đang là {now[0]}",
        f"{metric.label_en}: {asked[1]} was asked for, {now[1]} is observed",
    )


def _named(metric: Metric, value: Plain) -> tuple[str, str]:
    named = (metric.states or {}).get(value) if isinstance(value, int | str) else None
    if named:
        return named
    if isinstance(value, bool):
        return ("bật", "on") if value else ("tắt", "off")
    tail = f" {metric.unit}" if metric.unit and value is not None else ""
    return number(value, metric.decimals, "vi") + tail, number(value, metric.decimals, "en") + tail


def sentence(text: str) -> str:
    """The same with a capital letter."""
    return text[:1].upper() + text[1:]


def said(condition: Condition, step: Step) -> dict[str, Plain]:
    """Title, detail, value, limit and unit as the alarm shows them."""
    metric = condition.definition
    if metric is None:
        vi, en = reason(condition.reason)
        vi, en = sentence(vi), sentence(en)
    elif step.side is Side.STALE:
        vi, en = old(metric)
        return {"title_vi": step.title_vi, "title_en": step.title_en, "detail_vi": vi, "detail_en": en,
                "value": None, "limit": step.threshold, "unit": "s"}  # fmt: skip
    elif step.side is Side.DRIFT:
        vi, en = drifted(metric, step.threshold, condition.value)
    elif step.side in (Side.ABOVE, Side.BELOW):
        vi, en = measured(condition.value, metric.unit, step.threshold, metric.decimals)
    else:
        vi, en = stated(metric, condition.value)
    return {"title_vi": step.title_vi, "title_en": step.title_en, "detail_vi": vi, "detail_en": en,
            "value": condition.value, "limit": step.threshold,
            "unit": metric.unit if metric else None}  # fmt: skip


def school_said(cause: Condition) -> dict[str, Plain]:
    """What the alarm of a school that cannot be reached says."""
    vi, en = LINK_DOWN if cause.metric else reason(cause.reason)
    return {"title_vi": SCHOOL_DOWN[0], "title_en": SCHOOL_DOWN[1], "detail_vi": sentence(vi),
            "detail_en": sentence(en), "value": cause.value, "limit": None, "unit": None}  # fmt: skip
