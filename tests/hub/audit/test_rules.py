"""The chain: whatever is done to it shows, and nothing else does."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from hub.audit.rules import (
    FIRST,
    HIDDEN,
    START,
    Head,
    Proof,
    Sealed,
    canonical,
    hash_of,
    storable,
)

words = st.text(max_size=12).map(storable)
entries = st.builds(
    Sealed,
    previous=st.just(""),
    id=st.just(0),
    at_ms=st.integers(0, 2**53),
    actor=words,
    actor_kind=st.sampled_from(["account", "token", "loop"]),
    address=words,
    action=words,
    object=words,
    unit=st.none() | words,
    before=st.none() | words,
    after=st.none() | words,
    text=words,
    hash=st.just(""),
)


def chained(unsealed: list[Sealed]) -> list[Sealed]:
    """What the trail makes of notes."""
    head, chain = START, []
    for each in unsealed:
        sealed = each._replace(previous=head.hash, id=head.id + 1)
        sealed = sealed._replace(hash=hash_of(sealed))
        chain.append(sealed)
        head = Head(sealed.id, sealed.hash)
    return chain


def broken(chain: list[Sealed], *noted: Head) -> list[int]:
    proof = Proof(noted=noted)
    for each in chain:
        proof.read(each)
    proof.end()
    return [each.id for each in proof.breaks]


chains = st.lists(entries, min_size=2, max_size=8).map(chained)


@given(chains)
def test_an_untouched_chain_is_whole(chain: list[Sealed]) -> None:
    heads = [Head(each.id, each.hash) for each in chain]
    assert broken(chain, *heads) == []
    assert chain[0].previous == FIRST


@given(chains, st.data())
def test_a_changed_field_names_its_entry_and_no_other(chain: list[Sealed], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(chain) - 1))
    name = data.draw(
        st.sampled_from([each for each in Sealed._fields if each not in ("id", "previous", "hash")])
    )
    other: Any = data.draw(st.integers(0, 2**53) if name == "at_ms" else words)
    touched = list(chain)
    touched[at] = chain[at]._replace(**{name: other})
    expected = [] if other == getattr(chain[at], name) else [at + 1]
    assert broken(touched) == expected


@given(chains, st.data())
def test_a_changed_entry_with_a_new_hash_breaks_the_next(chain: list[Sealed], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(chain) - 1))
    touched = list(chain)
    forged = chain[at]._replace(text=chain[at].text + "!")
    touched[at] = forged._replace(hash=hash_of(forged))
    if at + 1 < len(chain):
        assert broken(touched) == [at + 2]
    else:  # the last one: only a head noted outside knows
        assert broken(touched) == []
        assert broken(touched, Head(chain[at].id, chain[at].hash)) == [at + 1]


@given(chains, st.data())
def test_a_removed_entry_is_named(chain: list[Sealed], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(chain) - 1))
    noted = Head(chain[-1].id, chain[-1].hash)
    assert broken(chain[:at] + chain[at + 1 :], noted) == [at + 1]


@given(chains, st.data())
def test_a_removed_entry_shows_although_the_others_close_ranks(
    chain: list[Sealed], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(chain) - 2))
    closed = chain[:at] + [each._replace(id=each.id - 1) for each in chain[at + 1 :]]
    assert broken(closed) == list(range(at + 1, len(chain)))


@given(chains, st.data())
def test_entries_that_change_places_are_both_named(chain: list[Sealed], data: st.DataObject) -> None:
    one, other = sorted(
        data.draw(st.lists(st.integers(0, len(chain) - 1), min_size=2, max_size=2, unique=True))
    )
    touched = list(chain)
    touched[one] = chain[other]._replace(id=one + 1)
    touched[other] = chain[one]._replace(id=other + 1)
    assert {one + 1, other + 1} <= set(broken(touched))


@given(chains, entries, st.data())
def test_an_inserted_entry_shows(chain: list[Sealed], new: Sealed, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(chain) - 1))
    before = Head(at, chain[at - 1].hash) if at else START
    forged = new._replace(previous=before.hash, id=at + 1)
    forged = forged._replace(hash=hash_of(forged))
    touched = [*chain[:at], forged, *(each._replace(id=each.id + 1) for each in chain[at:])]
    assert at + 2 in broken(touched)


@given(chains, st.data())
def test_a_chain_cut_off_at_its_end_shows_by_the_noted_head_alone(
    chain: list[Sealed], data: st.DataObject
) -> None:
    keep = data.draw(st.integers(0, len(chain) - 1))
    assert broken(chain[:keep]) == []
    assert broken(chain[:keep], Head(chain[-1].id, chain[-1].hash)) == [keep + 1]


@given(chains)
def test_what_only_a_stranger_could_have_stored_is_a_break_and_no_crash(chain: list[Sealed]) -> None:
    strange: list[dict[str, Any]] = [{"text": b"raw"}, {"at_ms": 2**70}, {"hash": None}]
    for each in strange:
        assert broken([chain[0]._replace(**each), *chain[1:]])[0] == 1


def test_the_documented_serialisation_gives_the_hash() -> None:
    (entry,) = chained(
        [Sealed("", 0, 1_764_000_000_000, "lan", "account", "10.0.0.9", "asset.move", "asset:17", "S1",
                '{"room":"P1"}', '{"room":"P2"}', "Đổi phòng\n", "")]
    )  # fmt: skip
    bytes_of_it = (
        '["' + "0" * 64 + '",1,1764000000000,"lan","account","10.0.0.9","asset.move","asset:17","S1",'
        '"{\\"room\\":\\"P1\\"}","{\\"room\\":\\"P2\\"}","Đổi phòng\\n"]'
    )
    assert orjson.dumps(entry[:-1]).decode() == bytes_of_it
    assert entry.hash == "4645daabe02d1357e49e54e8b5faca3b9ae34425ac07b7c8e76411458519713e"


@dataclass
class Odd:
    def __str__(self) -> str:
        return "odd"


def test_facts_are_canonical_and_hide_secrets() -> None:
    facts = {
        "z": date(2026, 1, 2), "a": {"temporary_password": "hunter2", "must_change_password": True},
        "list": [{"recovery_codes": ["x"]}, float("nan"), Odd()],
        "units": frozenset({"b", "a"}), "nul": "a\x00b",
    }  # fmt: skip
    assert canonical(facts) == (
        f'{{"a":{{"must_change_password":true,"temporary_password":"{HIDDEN}"}},'
        f'"list":[{{"recovery_codes":"{HIDDEN}"}},"nan","odd"],'
        '"nul":"a\\u0000b","units":["a","b"],"z":"2026-01-02"}'
    )
    assert canonical(None) is None
