"""The document's columns are the sheets' columns."""

from __future__ import annotations

from pathlib import Path

import hub
from hub.imports.carrying import SHEETS

DOCUMENT = Path(hub.__file__).parent.parent / "docs/importing.md"


def columns() -> str:
    """The tables of columns as they stand in the document."""
    parts = []
    for sheet in SHEETS.values():
        parts.append(f"### {sheet.en} (`{sheet.id}`)\n\n| column | Vietnamese | English | holds | example |")
        parts.append("|---|---|---|---|---|")
        for each in sheet.columns:
            name = f"`{each.name}`{' *' if each.required else ''}"
            parts.append(
                f"| {name} | {', '.join((each.vi, *each.also))} | {each.en} | {each.type} | {each.example} |"
            )
        parts.append("")
    return "\n".join(parts)


def test_the_document_lists_the_columns() -> None:
    assert columns() in DOCUMENT.read_text()
