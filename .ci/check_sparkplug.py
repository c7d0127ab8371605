"""Checks that every assertion of the Sparkplug specification is held by a test, or said why not.

    python .ci/check_sparkplug.py            # what is wrong, one line each
    python .ci/check_sparkplug.py --write    # docs/sparkplug.md anew

The assertions stand in docs/sparkplug/assertions.tsv, what does not apply or is not kept in
docs/sparkplug/verdicts.toml, and a test names the ids it covers: `@pytest.mark.sparkplug("tck-id-…")`.
"""

import ast
import csv
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

DATA = Path("docs/sparkplug")
PAGE = Path("docs/sparkplug.md")
OURS = frozenset({"Both", "Edge Node", "Host Application"})
HELD, NOT_APPLICABLE, DEVIATES = "held", "not applicable", "deviates"


@dataclass(frozen=True)
class Test:
    """One test function that names assertions."""

    path: Path
    name: str


@dataclass
class Known:
    """Everything the table is made of: assertions by id, tests by id, (verdict, why) by id."""

    assertions: dict[str, dict[str, str]]
    tests: Mapping[str, list[Test]]
    verdicts: dict[str, tuple[str, str]]
    mistakes: list[str] = field(default_factory=list)


def read(root: Path) -> Known:
    """Reads assertions, verdicts and tests below a folder, with what contradicts itself."""
    with (root / DATA / "assertions.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        assertions = {row["tck_id"]: row for row in rows}
    document = tomllib.loads((root / DATA / "verdicts.toml").read_text(encoding="utf-8"))
    tests = defaultdict(list)
    mistakes = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        for test_id, name in _marked(ast.parse(path.read_text(encoding="utf-8"))):
            if test_id not in assertions:
                mistakes.append(f"{path.relative_to(root)}: {name} names {test_id}, which does not exist")
            else:
                tests[test_id].append(Test(path.relative_to(root), name))
    verdicts = {}
    for kind, key in ((NOT_APPLICABLE, "not_applicable"), (DEVIATES, "deviates")):
        for group in document[key]:
            for each in group["ids"]:
                if each not in assertions:
                    mistakes.append(f"verdicts.toml: {each} does not exist")
                elif each in verdicts:
                    mistakes.append(f"verdicts.toml: {each} stands there twice")
                verdicts[each] = (kind, " ".join(group["why"].split()))
    return Known(assertions, tests, verdicts, mistakes)


def _marked(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Finds (assertion id, test name) in the decorators of a module's tests; skipped tests hold nothing."""
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        calls = [each for each in function.decorator_list if isinstance(each, ast.Call)]
        marks = {ast.unparse(call.func).rpartition("mark.")[2]: [] for call in calls}
        for call in calls:
            marks[ast.unparse(call.func).rpartition("mark.")[2]] += call.args
        if {"skip", "xfail"} & marks.keys():
            continue
        for argument in marks.get("sparkplug", ()):
            yield str(ast.literal_eval(argument)), function.name


def mistakes(known: Known) -> list[str]:
    """Returns what is wrong, one line each."""
    found = list(known.mistakes)
    for each, row in known.assertions.items():
        verdict, tests = known.verdicts.get(each), known.tests.get(each)
        must = row["level"].startswith("MUST") and row["binds"] in OURS
        if verdict is None and not tests:
            found.append(f"{each}: no test holds it, and verdicts.toml does not say why")
        elif verdict and verdict[0] == NOT_APPLICABLE and tests:
            found.append(f"{each}: verdicts.toml says it does not apply, but {tests[0].name} holds it")
        elif verdict and verdict[0] == DEVIATES and must and not tests:
            found.append(f"{each}: we deviate from a {row['level']} and no test says what we do instead")
        elif verdict and verdict[0] == NOT_APPLICABLE and not verdict[1]:
            found.append(f"{each}: verdicts.toml gives no reason")
    return found


def page(known: Known) -> str:
    """Returns the whole document."""
    counts: dict[str, int] = defaultdict(int)
    areas: dict[str, list[str]] = defaultdict(list)
    for each, row in known.assertions.items():
        kind, why = known.verdicts.get(each, (HELD, ""))
        counts[kind] += 1
        links = ", ".join(
            f"[{test.name.removeprefix('test_')}](../{test.path.as_posix()})"
            for test in known.tests.get(each, ())
        )
        said = {HELD: links, NOT_APPLICABLE: f"*not applicable:* {why}"}.get(
            kind, f"**deviates:** {why} {links}"
        )
        name = each.removeprefix("tck-id-")
        requirement = row["requirement"].replace("|", "\\|").replace("<", "&lt;")
        areas[row["area"]].append(
            f"| **{name}**<br>{requirement} | {row['binds']}<br>{row['level']} | {said.strip()} |"
        )
    lines = [
        _HEAD.format(
            total=len(known.assertions),
            held=counts[HELD],
            not_applicable=counts[NOT_APPLICABLE],
            deviating=counts[DEVIATES],
        )
    ]
    for area, rows in areas.items():
        lines += [
            f"## {area[:1].upper()}{area[1:]}\n",
            "| assertion | binds | held by |",
            "|---|---|---|",
            *rows,
            "",
        ]
    return "\n".join(lines)


_HEAD = """<!-- Made by .ci/check_sparkplug.py --write; changes here are lost. -->
# Sparkplug B 3.0, assertion by assertion

All {total} assertions of the specification: **{held} held**, each by the tests named;
**{not_applicable} not applicable** and **{deviating} deviating**, each with the reason
([verdicts.toml](sparkplug/verdicts.toml)). `./run check` fails when an assertion has neither, when a test
names one that does not exist, and when this page is out of date. Assertions are quoted from the
[Eclipse Sparkplug Specification 3.0.0](https://sparkplug.eclipse.org/specification/), EPL-2.0
([notice](sparkplug/NOTICE.txt)).

What the hub takes from foreign nodes beyond the specification is in
[test_foreign_habits.py](../tests/sparkplug/test_foreign_habits.py).
"""


def main(arguments: list[str]) -> int:
    """Writes the page, or says what is wrong; returns the exit code."""
    root = Path.cwd()
    known = read(root)
    found = mistakes(known)
    text = page(known)
    if "--write" in arguments:
        (root / PAGE).write_text(text, encoding="utf-8")
    elif not (root / PAGE).exists() or (root / PAGE).read_text(encoding="utf-8") != text:
        found.append(f"{PAGE} is out of date: python .ci/check_sparkplug.py --write")
    for line in found:
        print(line, file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
