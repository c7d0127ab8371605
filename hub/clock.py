"""The present: the only place that reads the clock for rules, services and routes."""

import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

LOCAL_TIME = ZoneInfo("Asia/Ho_Chi_Minh")


def now_ms() -> int:
    """Gives the present in milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def today() -> date:
    """Gives the present day in the province."""
    return datetime.fromtimestamp(now_ms() / 1000, UTC).astimezone(LOCAL_TIME).date()
