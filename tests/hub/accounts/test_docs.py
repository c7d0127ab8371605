"""The page about accounts tells what the code does."""

import re
from pathlib import Path

from hub.accounts.rules import HOMES, ROLES
from hub.command_line import people
from hub.web.principal import PERMISSIONS

PAGE = (Path(__file__).parents[3] / "docs" / "accounts.md").read_text(encoding="utf-8")


def test_the_table_of_roles_is_the_code() -> None:
    rows = dict(re.findall(r"^\| (\w+) \| (/\w+ \| [^|\n]+) \|$", PAGE, re.MULTILINE))
    assert rows == {
        role: f"{HOMES[role]} | {'everything' if held == PERMISSIONS else ', '.join(sorted(held))}"
        for role, held in ROLES.items()
    }


def test_every_command_is_named() -> None:
    for command in (*people.users.registered_commands, *people.tokens.registered_commands):
        assert command.name
        assert re.search(rf"\b{command.name}\b", PAGE), command.name
