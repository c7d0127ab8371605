"""Keeps docs/devices.md in step with the kinds: the tables between its markers are made from them.

`--write` makes them anew; without it, exit code 1 says that they differ.
"""

from __future__ import annotations

import sys
from pathlib import Path

from devices.kind import kinds
from devices.protocols.options import DriverChoice, Drivers, Options

PAGE = Path(__file__).parents[1] / "docs" / "devices.md"
BEGIN, END = "<!-- made from the kinds: begin -->\n", "<!-- made from the kinds: end -->\n"


def generated() -> str:
    """The table of kinds, and one of options for each protocol."""
    rows, choices = ["| kind | is | protocols | commands |", "|---|---|---|---|"], {}
    for one in kinds().values():
        found = one.driver.choices if isinstance(one.driver, Drivers) else ()
        choices |= {choice.protocol: choice for choice in found}
        protocols = ", ".join(f"[{choice.protocol}](#{choice.protocol})" for choice in found) or "none yet"
        commands = ", ".join(command.metric for command in one.commands) or "–"
        rows.append(f"| `{one.id}` | {one.label_en} · {one.label_vi} | {protocols} | {commands} |")
    return "\n".join([*rows, "", *(_section(choice) for choice in choices.values())])


def _section(choice: DriverChoice) -> str:
    lines = [f"### {choice.protocol}", "", *_table(choice.options)]
    return "\n".join(lines) + "\n"


def _table(model: type[Options]) -> list[str]:
    rows = ["| option | default | is |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        said = (field.description or "").replace("|", "\\|")
        rows.append(f"| `{name}` | {default} | {said} |")
    for name, field in model.model_fields.items():
        for inner in getattr(field.annotation, "__args__", ()):
            if isinstance(inner, type) and issubclass(inner, Options):
                rows += ["", f"Each of `{name}`:", "", *_table(inner)]
    return rows


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"`{key}` = `{one}`" for key, one in value.items()) or "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def main() -> int:
    """0 if the page is right or was written, 1 if it differs."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page = f"{before}{BEGIN}\n{generated()}\n{END}{after}"
    if "--write" in sys.argv:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if page != PAGE.read_text(encoding="utf-8"):
        print(f"{PAGE}: differs from the kinds; run .venv/bin/python .ci/check_devices.py --write")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
