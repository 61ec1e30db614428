"""The memory that all requests share: nobody takes all of it, and nothing of it is lost."""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from relay.web.limits import Limits
from relay.web.multipart import Part
from relay.web.received import Collector, Received, Room, Share

WHOLE = 150


def filled(room: Room, held: ExitStack, *holders: str, requests: int, size: int = 50) -> int:
    """How much so many requests of these holders get, byte by byte as it arrives."""
    shares = [held.enter_context(room.share(*holders)) for _ in range(requests)]
    for share in shares:
        for _ in range(size):
            if not share.take(1):
                break
    return sum(share.taken for share in shares)


def test_one_network_leaves_room_for_another() -> None:
    """A few slow uploads from one place would be the end of all uploads, of all practices."""
    room = Room(WHOLE)
    with ExitStack() as held:
        assert filled(room, held, "network a", "practice x", requests=20) == 100
        assert filled(room, held, "network b", "practice y", requests=1) == 50


def test_one_practice_leaves_room_for_another() -> None:
    """Whoever floods one practice from many places would end the uploads of all others."""
    room = Room(WHOLE)
    with ExitStack() as held:
        taken = sum(filled(room, held, f"network {n}", "practice x", requests=1) for n in range(20))
        assert taken == 100
        assert filled(room, held, "network 7", "practice y", requests=1) == 50


def test_a_single_request_may_use_all_that_is_free() -> None:
    """Where memory is short, a file that the form allows could never be sent."""
    room = Room(WHOLE)
    with ExitStack() as held:
        assert filled(room, held, "network a", "practice x", requests=1, size=WHOLE) == WHOLE
    with ExitStack() as held:
        assert filled(room, held, requests=3) == WHOLE, "where nobody can be told apart"


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["take", "give", "end"]), st.integers(0, 80)),
        max_size=60,
    )
)
def test_nothing_of_it_is_lost(steps: list[tuple[int, str, int]]) -> None:
    """After some uploads that were broken off nobody could send a file any more."""
    room = Room(WHOLE)
    with ExitStack() as held:
        shares = [held.enter_context(room.share(f"network {n % 2}", f"practice {n % 3}")) for n in range(6)]
        for number, step, size in steps:
            share = shares[number]
            if step == "take":
                share.take(size)
            else:
                share.give_back(min(size, share.taken) if step == "give" else share.taken)
            assert 0 <= sum(each.taken for each in shares) <= WHOLE
    with room.share("network 0") as share:
        assert share.take(WHOLE)
    assert not room._held


def collector(share: Share, into: Received) -> Collector:
    """One for texts of 1,000 bytes."""
    return Collector(into, Limits(text=1_000), {"datei": 100}, share, most=10)


def test_texts_that_are_too_long_are_kept_only_where_there_is_room() -> None:
    """Hundreds of them together would take more memory than the service may have."""
    room = Room(8_000)
    received = [Received() for _ in range(3)]
    with ExitStack() as held:
        for into in received:
            collecting = collector(held.enter_context(room.share()), into)
            collecting.begin(Part("anliegen", None, ""))
            for _ in range(20):
                collecting.content(b"x" * 100)
            collecting.end()
            assert collecting.refusal
            assert collecting.refusal.code == "TOO_LARGE"
        lengths = [len(into.texts["anliegen"][0]) for into in received]
        assert lengths[0] == 2_000, "while there is room it comes back whole"
        assert 900 <= lengths[2] < 2_000, "then as much as may be sent"
    with room.share() as share:
        assert share.take(8_000)


def test_letting_go_of_files_keeps_the_account_of_texts() -> None:
    """Memory would be given away that is still in use."""
    room = Room(5_000)
    with room.share() as share:
        collecting = collector(share, Received())
        collecting.begin(Part("anliegen", None, ""))
        collecting.content(b"x" * (1_000 - len("anliegen")))
        collecting.content(b"x" * 500)
        collecting.end()
        assert share.taken == 4 * 500
        collecting._share.take(100)
        collecting._files_kept = 100
        collecting._let_go()
        assert share.taken == 4 * 500
