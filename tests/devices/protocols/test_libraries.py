"""A protocol's library is loaded by the first device that needs it, and by nothing before."""

import subprocess
import sys

import pytest

from devices.kind import DeviceKind, kinds
from devices.protocols.options import Drivers

LIBRARIES = (
    "pysnmp",
    "gufo",
    "aiomqtt",
    "paho",
    "websockets",
    "asyncssh",
    "wakeonlan",
    "onvif",
    "zeep",
    "aiohttp",
    "lxml",
    "pymodbus",
    "aionut",
    "aiopjlink",
    "samsung_mdc",
)
LOAD_ALL = f"""
import sys
from devices.kind import kinds
for kind in kinds().values():
    for choice in kind.driver.choices if kind.driver else ():
        choice.options.model_json_schema()
print(sorted({set(LIBRARIES)!r} & set(sys.modules)))
"""


def test_all_kinds_and_their_options_load_no_library() -> None:
    done = subprocess.run([sys.executable, "-c", LOAD_ALL], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("one", [one for one in kinds().values() if one.driver], ids=lambda one: one.id)
def test_drivers_are_where_the_kind_says_and_options_say_how_to_mend_them(one: DeviceKind) -> None:
    assert isinstance(one.driver, Drivers)
    assert len({choice.protocol for choice in one.driver.choices}) == len(one.driver.choices)
    for choice in one.driver.choices:
        assert callable(choice.load())
        for name, option in choice.options.model_fields.items():
            assert option.description, f"{choice.protocol}: {name}"
