"""Matching two lists of datagrams: what is certain, what is not, and what was cut into segments."""

from hypothesis import given
from hypothesis import strategies as st

from wiretale.join.datagram import Datagram, align, doubtful


def datagrams(*contents: str, at: int = 0, step: int = 10, whole: int | None = None) -> list[Datagram]:
    return [
        Datagram((n, 0), len(c), len(c) if whole is None else whole, c.encode(), at + n * step, at + n * step)
        for n, c in enumerate(contents)
    ]


def test_equal_datagrams_are_matched_in_order() -> None:
    sent, seen = datagrams("tick", "tick", "tock"), datagrams("tick", "tick", "tock", at=1)
    pairs = align(sent, seen, 0)
    assert pairs == [(0, 0), (1, 1), (2, 2)]
    assert not doubtful(sent, seen, pairs, 0)


def test_a_loss_leaves_open_only_which_of_the_equal_ones_arrived() -> None:
    sent, seen = datagrams("a", "tick", "tick", "tick", "b"), datagrams("a", "tick", "tick", "b", at=100)
    pairs = align(sent, seen, 0)
    assert [j for _, j in pairs] == [0, 1, 2, 3]
    assert doubtful(sent, seen, pairs, 0) == {1, 2}


def test_one_that_was_sent_after_the_read_does_not_make_it_doubtful() -> None:
    sent, seen = datagrams("tick", "tick", step=1000), datagrams("tick", at=1)
    pairs = align(sent, seen, 0)
    assert pairs == [(0, 0)]
    assert not doubtful(sent, seen, pairs, 0)


def test_a_buffer_that_was_too_small_does_not_hide_which_datagram_it_was() -> None:
    sent = datagrams("one....", "two....", "three..")
    seen = [*datagrams("one"), *datagrams("two.", whole=-1), *datagrams("th", whole=-1)]
    assert align(sent, seen, 100) == [(1, 1), (2, 2)]


def test_segments_of_one_datagram_belong_to_it_both_ways() -> None:
    whole, parts = datagrams("before", "aaaabbbbcc", "after"), datagrams("before", "aaaa", "bbbb", "cc", "after")
    assert align(whole, parts, 100) == [(0, 0), (1, 1), (1, 2), (1, 3), (2, 4)]
    assert align(parts, whole, 100) == [(0, 0), (1, 1), (2, 1), (3, 1), (4, 2)]


def test_parts_of_another_total_are_no_segments() -> None:
    assert align(datagrams("aaaabbbbcc"), datagrams("aaaa", "bbbb", "c"), 100) == []


@given(
    times=st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.sampled_from([b"a", b"b"])), max_size=12),
    later=st.integers(-5, 5),
)
def test_doubtful_is_what_may_as_well_be_one_that_was_left(times: list[tuple[int, bool, bytes]], later: int) -> None:
    sent = [Datagram((n,), 1, 1, content, at, at) for n, (at, _, content) in enumerate(times)]
    kept = [n for n, (_, arrived, _) in enumerate(times) if arrived]
    seen = [Datagram((n,), 1, 1, sent[n].prefix, 0, sent[n].early_ns + later) for n in kept]
    left = [n for n in range(len(sent)) if n not in kept]
    assert doubtful(sent, seen, [(n, j) for j, n in enumerate(kept)], 1) == {
        j
        for j, n in enumerate(kept)
        if any(o > n and sent[o].prefix == sent[n].prefix and sent[o].early_ns <= seen[j].late_ns + 1 for o in left)
    }
