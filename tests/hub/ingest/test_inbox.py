"""Who pays when the inbox is full."""

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.inbox import Inbox, fair_share, node_part, shed


def _message(node: str, number: int = 0) -> tuple[bytes, bytes]:
    return f"spBv1.0/S/DDATA/{node}/d".encode(), str(number).encode()


@given(
    st.dictionaries(st.binary(min_size=1, max_size=2), st.integers(1, 50), min_size=1), st.integers(1, 200)
)
def test_the_fair_share_fits_and_could_not_be_larger(counts: dict[bytes, int], room: int) -> None:
    share = fair_share(counts, room)
    assert sum(min(count, share) for count in counts.values()) <= max(room, 0)
    if share < max(counts.values()):
        assert sum(min(count, share + 1) for count in counts.values()) > room


def test_one_flooding_node_pays_alone() -> None:
    quiet = [_message(f"quiet-{n}", i) for i in range(10) for n in range(20)]
    flood = [_message("loud", i) for i in range(5000)]
    kept, lost = shed(quiet + flood, 1000)
    assert lost == Counter({b"S/loud": 4200})
    assert [m for m in kept if b"quiet" in m[0]] == quiet
    assert [m for m in kept if b"loud" in m[0]] == flood[:800], "the oldest stay, in order"


def test_a_full_inbox_sheds_counts_and_stays_bounded() -> None:
    async def fill() -> Inbox:
        inbox = Inbox(100)
        for number in range(50):
            inbox.put([_message("loud", number)] * 10)
        return inbox

    inbox = asyncio.run(fill())
    assert len(inbox) <= 100
    assert inbox.received == 500 == len(inbox) + inbox.dropped_total


def test_hostile_senders_do_not_grow_the_table_of_losses() -> None:
    async def fill() -> Inbox:
        inbox = Inbox(10)
        for number in range(30_000):
            inbox.put([(b"x%d/y" % number, b"")])
        return inbox

    inbox = asyncio.run(fill())
    assert len(inbox.dropped) < 12_000
    assert inbox.dropped_total + len(inbox) == 30_000


def test_the_sender_of_a_topic() -> None:
    assert node_part(b"spBv1.0/G/DDATA/N/D") == node_part(b"spBv1.0/G/NBIRTH/N") == b"G/N"
    assert node_part(b"nonsense") == b"nonsense"
