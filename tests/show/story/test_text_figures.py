"""Figures in text: complete, in order, and never wider than they may be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.show.story.stories import EMPTY, ladders, safe_words, timelines
from wiretale.explain.story import Arrow, Figure, Mark, Omission, Ref, Span, Track
from wiretale.show.story import ladder, timeline
from wiretale.show.story.text_figures import as_ascii, figure_lines
from wiretale.show.story.wrap import width

CALL, PACKET = Ref("call", 1, "call 1"), Ref("packet", 1, "packet 1")


def text(figure, columns):
    return ["".join(piece for piece, _ in pieces) for pieces in figure_lines(figure, EMPTY, columns)]


def body(figure, columns):
    """Without title and caption, which are prose."""
    return "\n".join(text(Figure("f", "", "", figure.tracks, figure.left, figure.right, figure.arrows, figure.marks,
                                 figure.omitted), columns))  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.one_of(timelines(safe_words), ladders(safe_words)), st.sampled_from((80, 96, 120)))
def test_no_line_is_wider_than_it_may_be(figure, columns):
    assert [line for line in body(figure, columns).split("\n") if width(line) > columns] == []


@settings(max_examples=25, deadline=None)
@given(timelines(safe_words), st.sampled_from((80, 120)))
def test_every_span_is_told_in_its_bar_or_below(figure, columns):
    found = timeline.laid_out(figure, 0, columns)
    keys = {key for key, _ in found.legend}
    for row in found.rows:
        at = 0.0
        for bar in row.bars:
            assert 0 <= bar.low < bar.high <= found.room
            assert bar.low >= at or bar.high == found.room
            at = bar.high
            assert bar.text == bar.span.text or bar.text.split(" ")[0] in keys
    ends = [tick.column + len(tick.text) for tick in found.ticks]
    assert all(end < tick.column + 1 for end, tick in zip(ends, found.ticks[1:-1], strict=False))


@settings(max_examples=25, deadline=None)
@given(ladders(safe_words))
def test_a_ladder_has_every_packet_and_every_call_in_the_order_of_time(figure):
    rows = ladder.laid_out(figure).rows
    assert sorted(row.arrow.ref.id for row in rows if row.arrow) == sorted(a.ref.id for a in figure.arrows)
    assert {row.mark.ref.id for row in rows if row.mark} == {m.ref.id for m in figure.marks}
    times = [row.time_ns for row in rows if row.time_ns is not None]
    assert times == sorted(times)


def test_a_call_that_held_a_packet_stands_at_its_beginning_and_at_its_return():
    figure = Figure(
        "f", "t", "c", left="a[1] x:1", right="b[2] y:2", arrows=(Arrow(1_000, True, "1 SYN", PACKET),),
        marks=(Mark(500, 2_000, True, "connect(3)", "0", CALL), Mark(3_000, 4_000, True, "close(3)", "0", CALL)),
    )  # fmt: skip
    lines = body(figure, 80).splitlines()
    drawn = [line.split("  ", 2)[-1].split("┃")[0].strip() for line in lines if "0.0000" in line]
    assert drawn == ["connect(3)", "", "connect(3) = 0", "close(3) = 0"]
    (arrow,) = [line for line in lines if "─ 1 SYN ─" in line]
    assert arrow.count("┃") == 1, "the client's line is thick while connect is in the kernel"


def test_what_returned_in_the_omitted_part_has_no_return_and_its_line_stays_thick():
    figure = Figure(
        "f", "t", "c", left="a", right="b", arrows=tuple(Arrow(t, True, f"at {t}", PACKET) for t in (10, 20, 900)),
        marks=(Mark(15, 500, False, "poll()", "1", CALL),), omitted=Omission(20, 900, "7 packets"),
    )  # fmt: skip
    shown = body(figure, 80)
    assert "poll() = 1" not in shown
    assert "7 packets" in shown
    assert "left out" in shown


def test_a_pause_is_said():
    figure = Figure("f", "t", "c", left="a", right="b",
                    arrows=(Arrow(0, True, "1", PACKET), Arrow(2_000_000_000, True, "2", PACKET)))  # fmt: skip
    assert "· 2 s ·" in body(figure, 80)


def test_microseconds_beside_seconds_can_both_be_seen():
    spans = (Span("first", 0, 20_000, "open"), Span("second", 20_000, 3_000_000_000, "closing"))
    lines = body(Figure("f", "t", "c", (Track("one", spans),)), 80).splitlines()
    assert "first" in lines[1]
    assert "second" in lines[1]
    assert "0.000000" in lines[3]
    assert "3.000000" in lines[3]


@pytest.mark.parametrize("inferred", [True, False])
def test_what_was_not_seen_is_marked(inferred):
    figure = Figure("f", "t", "c", (Track("one", (Span("TIME-WAIT", 0, 10, "over", None, "", inferred),)),))
    assert ("TIME-WAIT?" in body(figure, 80)) is inferred


@settings(max_examples=15, deadline=None)
@given(ladders(safe_words), timelines(safe_words))
def test_a_terminal_without_the_characters_gets_ascii(one, two):
    for figure in (one, two):
        for line in text(figure, 80):
            own = "".join(c for c in as_ascii(line) if not c.isascii())
            assert not set(own) & set("─│┃┬└▶◀█▓▒░·…")
            assert width(as_ascii(line)) == width(line)
