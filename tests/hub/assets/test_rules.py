"""What counts as complete, as a computer, as seen."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from hub.assets.documents import name_of
from hub.assets.labels import QR_SIZE, Label, fitted, set_out
from hub.assets.rules import (
    REQUIRED,
    TAG,
    Completeness,
    Computer,
    Registered,
    Scan,
    below,
    count_computers,
    derived_tag,
    gaps_of,
    missing_fields,
    reconcile,
    tag_of,
)

codes = st.sampled_from("ABCDEFG")


@given(st.dictionaries(st.sampled_from(REQUIRED), st.sampled_from(["", None, "x"])))
def test_exactly_the_empty_required_fields_are_missing(values: dict[str, str | None]) -> None:
    record = dict.fromkeys(REQUIRED, "") | values
    assert missing_fields(gaps_of(record)) == [name for name in REQUIRED if not record[name]]


@given(st.lists(st.tuples(st.integers(0, 63), st.integers(1, 50))), st.integers(0, 20))
def test_completeness_adds_up_however_it_is_divided(counted: list[tuple[int, int]], cut: int) -> None:
    whole, one, other = Completeness(), Completeness(), Completeness()
    for number, (gaps, count) in enumerate(counted):
        whole.add(gaps, count)
        (one if number < cut else other).add(gaps, count)
    one.include(other)
    assert one == whole
    assert whole.met is (None if not whole.total else whole.complete / whole.total >= 0.8)
    assert max(whole.missing.values()) <= whole.total - whole.complete <= sum(whole.missing.values())


@given(st.dictionaries(codes, codes), st.frozensets(codes))
def test_what_stands_below_is_found_also_in_a_tree_with_cycles(
    parents: dict[str, str | None], roots: frozenset[str]
) -> None:
    found = below("ABCDEFG", parents, roots)
    for unit, root in found.items():
        assert root in roots
        assert unit in roots or found[parents[unit] or ""] == root
    assert roots <= found.keys()


@given(st.lists(st.builds(Computer, codes, st.sampled_from(["in_use", "repair"]), st.none() | st.booleans())))
def test_labs_never_lack_more_than_their_seats(computers: list[Computer]) -> None:
    count = count_computers(100, {"A": 10, "B": None}, computers)
    assert count.working <= count.computers == len(computers)
    assert [lab.shortfall is None for lab in count.labs] == [False, True]
    assert 0 <= count.shortfall <= 10
    assert sum(lab.computers for lab in count.labs) == sum(each.room in "AB" for each in computers)


@given(
    st.lists(codes, unique=True),
    st.lists(st.tuples(codes, st.sampled_from(["", "P1", "P2"])), max_size=12),
    st.frozensets(codes),
)
def test_a_stock_taking_has_one_line_for_each_thing(
    expected: list[str], read: Sequence[tuple[str, str]], elsewhere: frozenset[str]
) -> None:
    def known(tag: str, room: str) -> Registered:
        return Registered(ord(tag), tag, room)

    here = [known(tag, "P1") for tag in expected]
    others = {ord(tag): known(tag, "P9") for tag in elsewhere if tag not in expected}
    ours = {*expected, *elsewhere}
    scans = [Scan(tag, ord(tag) if tag in ours else None, room) for tag, room in read]
    lines = reconcile(here, others, scans)
    assert sorted(line.tag for line in lines) == sorted({*expected, *(tag for tag, _ in read)})
    last = dict(read)
    for line in lines:
        if line.outcome == "missing":
            assert line.tag in expected
            assert line.tag not in last
        elif line.outcome == "unexpected":
            assert line.tag not in ours
        else:
            assert line.seen_room == (last[line.tag] or line.room)
            assert (line.outcome == "moved") is (line.seen_room != line.room)
    assert reconcile(here, others, [*scans, *scans]) == lines


@given(st.integers(0, 2**45 - 1), st.integers(0, 2**45 - 1))
def test_tags_are_labels_and_as_many_as_numbers(one: int, other: int) -> None:
    assert TAG.fullmatch(tag_of(one))
    assert (tag_of(one) == tag_of(other)) is (one == other)
    assert derived_tag("AC", "x", None) == derived_tag("AC", "x", "") != derived_tag("AC", "", "x")


@given(st.text())
def test_a_document_has_a_harmless_name_that_says_what_it_is(name: str) -> None:
    kept = name_of(name, "pdf")
    assert kept.endswith(".pdf")
    assert not set(kept) & set('/\\"<>\r\n\0')
    assert 4 < len(kept) < 130
    assert not kept.startswith(".")


@given(st.text(st.sampled_from("ăâđ ươ xyz0"), max_size=80), st.integers(1, 3))
def test_a_label_says_what_fits_and_shows_that_there_is_more(text: str, lines: int) -> None:
    found = fitted(text, "be-vietnam-pro-700", 9, 90, lines)
    assert len(found) <= lines
    said, whole = "".join(found).replace(" ", ""), "".join(text.split())
    assert said == whole or (said.endswith("…") and whole.startswith(said[:-1]))


WORDS = st.text(st.sampled_from("ĂâđỄ ươ xyz0"), min_size=1, max_size=120).filter(str.strip)


@given(WORDS, WORDS, st.lists(st.from_regex(r"[A-Z0-9-]{1,24}", fullmatch=True), max_size=3))
def test_a_labels_lines_stand_below_each_other_beside_the_code(
    heading: str, title: str, lines: list[str]
) -> None:
    found, gap = set_out(Label("https://hub/a/1", heading, title, tuple(lines)))
    assert sum(line.height for line in found) + gap * sum(line.opens for line in found) <= QR_SIZE + 0.01
    assert all(line.height > 1.25 * line.size for line in found), "letters with marks need as much"
    assert [line.words for line in found[len(found) - len(lines) :]] == lines, "a tag is never cut short"


def test_a_label_with_few_words_fills_its_place() -> None:
    found, gap = set_out(Label("https://hub/a/1", "THCS An Cơ", "Máy chiếu", ("P101", "7K2M-04QXT")))
    assert sum(line.height for line in found) + gap * sum(line.opens for line in found) > 0.85 * QR_SIZE
    assert [line.opens for line in found] == [0, 1, 1, 0]
