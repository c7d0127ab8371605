"""What the hub says can be said in another language: every problem has Vietnamese words."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

import pytest

from hub import advice, errors
from hub.accounts.rules import password_fault
from hub.alarms.alarm import AlarmState
from hub.commands.rules import State as CommandState
from hub.errors import Problem, TooMany
from hub.tickets.rules import State as TicketState
from hub.tickets.rules import Step
from hub.web.problems import document
from hub.wording import accepted, catalogue, in_language, joined, said

HUB = Path(errors.__file__).parent
PLACES = {"Fault": (2, 3), "ViewError": (2, 3), "Refusal": (1,), "ValueError": (0,)}
"""Which arguments of what is not a problem itself are words of one."""
OTHERS_WORDS = {
    "str(wrong)", "str(error)", "wrong.message", "wrong.detail", "wrong.fix", "error.message", "error.detail",
    "each.why", "each.detail", "each.fix", "fault.detail", "no.why", "told(found)", "advice",
    "_fix(name, known)", "fault_of(kind, command, value)", "password_fault(password, username)",
}  # fmt: skip
"""Words of a library, of an agent's package, or of a call whose words are seen where they are made."""
WITHOUT_IMPORT = {"schemas.py"}
"""Modules whose ValueErrors become problems of a request."""


@cache
def modules() -> Mapping[Path, ast.Module]:
    """Gives every module of the hub that makes problems."""
    found = {path: ast.parse(path.read_text()) for path in sorted(HUB.rglob("*.py"))}
    return {path: tree for path, tree in found.items() if names_problems(tree) or path.name in WITHOUT_IMPORT}


def names_problems(tree: ast.Module) -> bool:
    """Whether a module imports the words or the problems of the hub."""
    return any(
        isinstance(each, ast.ImportFrom) and each.module in {"hub.errors", "hub.wording"}
        for each in ast.walk(tree)
    )


def problem_classes() -> set[str]:
    """Gives the names of all kinds of problem, also those that features make."""
    names = {"Problem"}
    while True:
        more = {
            each.name
            for tree in modules().values()
            for each in ast.walk(tree)
            if isinstance(each, ast.ClassDef) and any(ast.unparse(base) in names for base in each.bases)
        } | {
            name
            for name, each in vars(errors).items()
            if isinstance(each, type) and issubclass(each, Problem)
        }
        if more <= names:
            return names
        names |= more


def words_of_problems() -> Iterator[tuple[str, ast.expr, ast.AST]]:
    """Gives every expression that becomes words of a problem: where, what, and the function it is in."""
    problems = problem_classes()
    for path, tree in modules().items():
        if path == HUB / "errors.py":
            continue
        for scope in [
            each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        ]:
            for call in [each for each in ast.walk(scope) if isinstance(each, ast.Call)]:
                name = ast.unparse(call.func).split(".")[-1]
                if name == "ValueError" and path.name != "schemas.py":
                    continue  # only those of a request's model are shown to who asked
                places = (0,) if name in problems else PLACES.get(name, ())
                for place in places:
                    if place < len(call.args):
                        yield f"{path.relative_to(HUB.parent)}:{call.lineno}", call.args[place], scope
                if name in problems:
                    for keyword in call.keywords:
                        if keyword.arg in {"detail", "fix"}:
                            yield f"{path.relative_to(HUB.parent)}:{call.lineno}", keyword.value, scope


def templates(expression: ast.expr, scope: ast.AST, where: str) -> Iterator[str]:
    """Gives the texts that an expression can be; raises AssertionError for words made in another way."""
    if isinstance(expression, ast.Constant):
        yield str(expression.value)
    elif isinstance(expression, ast.IfExp):
        yield from templates(expression.body, scope, where)
        yield from templates(expression.orelse, scope, where)
    elif isinstance(expression, ast.BoolOp):
        for each in expression.values:
            yield from templates(each, scope, where)
    elif isinstance(expression, ast.Call) and ast.unparse(expression.func) == "said":
        yield from templates(expression.args[0], scope, where)
    elif isinstance(expression, ast.Call) and ast.unparse(expression.func) == "joined":
        return
    elif isinstance(expression, ast.Name):
        yield from of_name(expression.id, scope, where)
    else:
        text = ast.unparse(expression)
        assert text in OTHERS_WORDS, f"{where}: {text}: use said()"


def of_name(name: str, scope: ast.AST, where: str) -> Iterator[str]:
    """Gives what a variable can be: what is assigned to it, or what calls give for a parameter."""
    assert isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef)
    assigned = [
        value
        for each in ast.walk(scope)
        if isinstance(each, ast.Assign)
        for target in each.targets
        for value in pairs(target, each.value, name)
    ] + [each.value for each in ast.walk(scope) if isinstance(each, ast.NamedExpr) and each.target.id == name]
    for value in assigned:
        yield from templates(value, scope, where)
    parameters = [each.arg for each in scope.args.args]
    if name in parameters:
        place = parameters.index(name)
        for call, caller in calls().get(scope.name, ()):
            if place < len(call.args):
                yield from templates(call.args[place], caller, f"{scope.name} at line {call.lineno}")
    else:
        assert assigned or name in OTHERS_WORDS, f"{where}: what is {name}?"


@cache
def calls() -> Mapping[str, list[tuple[ast.Call, ast.AST]]]:
    """Gives the calls of every function by its plain name, each with the function it is made in."""
    found: dict[str, list[tuple[ast.Call, ast.AST]]] = defaultdict(list)
    for tree in modules().values():
        for caller in ast.walk(tree):
            if isinstance(caller, ast.FunctionDef | ast.AsyncFunctionDef):
                for call in ast.walk(caller):
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                        found[call.func.id].append((call, caller))
    return found


def pairs(target: ast.expr, value: ast.expr, name: str) -> list[ast.expr]:
    """Gives what a name gets in an assignment, also in one of several names."""
    if isinstance(target, ast.Name):
        return [value] if target.id == name else []
    if isinstance(target, ast.Tuple):
        if not isinstance(value, ast.Tuple):
            return [value] if any(ast.unparse(each) == name for each in target.elts) else []
        return [each for to, each in zip(target.elts, value.elts, strict=True) if ast.unparse(to) == name]
    return []


def every_text() -> dict[str, list[str]]:
    """Gives every text of a problem with the places it is said at."""
    found: dict[str, list[str]] = defaultdict(list)
    for where, expression, scope in words_of_problems():
        for text in templates(expression, scope, where):
            found[text].append(where)
    for tree in modules().values():
        for call in ast.walk(tree):
            if (
                isinstance(call, ast.Call)
                and ast.unparse(call.func) == "said"
                and isinstance(call.args[0], ast.Constant)
            ):
                found[str(call.args[0].value)].append("said")
    for template in advice.TOLD.values():
        found[template].append("advice.TOLD")
    for name in problem_classes() & set(vars(errors)):
        found[getattr(errors, name).title].append(name)
    return {text: places for text, places in found.items() if text}


def test_every_problem_has_vietnamese_words() -> None:
    without = {text: places for text, places in every_text().items() if text not in catalogue("vi")}
    assert not without, f"add to hub/locale/vi/LC_MESSAGES/hub.po: {without}"


def test_a_translation_names_no_place_that_the_text_does_not_fill() -> None:
    braces = re.compile(r"\{(\w+)\}")
    for english, vietnamese in catalogue("vi").items():
        assert set(braces.findall(vietnamese)) <= set(braces.findall(english)), english


def test_the_walk_sees_problems_of_every_kind() -> None:
    seen = set(every_text())
    assert {
        "there is no such ticket",  # by a variable
        "{who} acknowledged this alarm already",  # by a function of the module
        "it has fewer than {least} different characters",  # by a rule
        "give either unit or nodes",  # by a model of a request
        "use {today} or a day before",
        "too many wrong codes",
    } <= seen


@pytest.mark.parametrize("values", [AlarmState, CommandState, TicketState, Step])
def test_states_in_problems_have_vietnamese_words(values: type[StrEnum]) -> None:
    assert [each.value for each in values if each.value not in catalogue("vi")] == []


def test_words_made_of_words_are_said_in_one_language() -> None:
    text = joined("; ", [said("the alarm is not shelved but {state}", state="normal"), "leave it out"])
    assert text == "the alarm is not shelved but normal; leave it out"
    vietnamese = in_language(text, "vi")
    assert vietnamese == "Cảnh báo không ở trạng thái tạm gác mà là “bình thường”; bỏ đi"
    assert in_language(said("{name} is missing", name="{braces}"), "en") == "{braces} is missing"


def test_a_problem_keeps_its_type_field_and_value_in_every_language() -> None:
    problem = TooMany("too many failed logins", retry_after_s=7)
    english, vietnamese = document(problem, "/x"), document(problem, "/x", "vi")
    assert english["type"] == vietnamese["type"] == "/problems/too-many-requests"
    assert (english["detail"], english["fix"]) == ("too many failed logins", "wait 7 seconds and try again")
    assert (vietnamese["detail"], vietnamese["fix"]) == (
        "Đăng nhập sai quá nhiều lần",
        "chờ 7 giây rồi thử lại",
    )
    assert "1 second and" in str(document(TooMany("x", retry_after_s=1), "/x")["fix"])
    assert in_language(password_fault("short"), "vi") == "cần từ 10 đến 256 ký tự"


@pytest.mark.parametrize(
    ("header", "language"),
    [("", "en"), ("vi", "vi"), ("vi-VN,vi;q=0.9,en;q=0.8", "vi"), ("en-GB, vi;q=0.5", "en"),
     ("fr;q=x, vi", "vi"), ("fr", "en")],
)  # fmt: skip
def test_english_is_spoken_unless_another_language_is_asked_for(header: str, language: str) -> None:
    assert accepted(header) == language
