"""Checks the translations: every language has every text, with the same placeholders, none of them fuzzy."""

import re
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")


def mistakes(root: Path) -> list[str]:
    """Returns what is wrong with the catalogues below a folder, one line each."""
    catalogues = {path: _read(path) for path in sorted(root.glob("**/locale/*/LC_MESSAGES/*.po"))}
    every_id = {message.id for catalogue in catalogues.values() for message in catalogue if message.id}
    found = []
    for path, catalogue in catalogues.items():
        for each in sorted(every_id, key=str):
            message = catalogue.get(each)
            if message is None:
                found.append(f"{path}: {each!r} is missing")
            elif message.fuzzy:
                found.append(f"{path}: {each!r} is fuzzy")
            elif not all(message.string if isinstance(message.string, tuple | list) else [message.string]):
                found.append(f"{path}: {each!r} is not translated")
            elif isinstance(each, str) and isinstance(message.string, str) and _differ(each, message.string):
                found.append(f"{path}: {each!r} has other placeholders than {message.string!r}")
    return found


def _differ(source: str, translation: str) -> bool:
    return sorted(_PLACEHOLDER.findall(source)) != sorted(_PLACEHOLDER.findall(translation))


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


if __name__ == "__main__":
    lines = mistakes(Path("dashboards"))
    for line in lines:
        print(line, file=sys.stderr)
    sys.exit(bool(lines))
