"""Kinds know no library: only a driver that is made loads the one of its protocol."""

import subprocess
import sys

import pytest

LIBRARIES = ("aiopjlink", "samsung_mdc", "aionut", "pymodbus")


def loaded_after(program: str) -> set[str]:
    """Which of the libraries a fresh interpreter has loaded after this program."""
    program += f"\nimport sys; print(*(name for name in {LIBRARIES!r} if name in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_kinds_and_checked_options_load_no_library() -> None:
    program = "from devices.kind import kinds\nfor one in kinds().values(): assert one.label_en\n"
    assert loaded_after(program + "kinds()['projector'].driver.check({'host': '10.1.2.3'})") == set()


@pytest.mark.parametrize(
    ("kind_id", "options", "library"),
    [
        ("projector", {}, "aiopjlink"),
        ("wall_cell", {}, "samsung_mdc"),
        ("ups", {}, "aionut"),
        ("air_conditioner", {"registers": [{"metric": "Energy", "address": 0}]}, "pymodbus"),
    ],
)
def test_a_driver_loads_its_own_library_alone(kind_id: str, options: dict[str, object], library: str) -> None:
    given = {"host": "10.1.2.3", **options}
    program = f"from devices.kind import kind\nassert kind({kind_id!r}).driver(**{given!r})"
    assert loaded_after(program) == {library}
