"""Stories made of whatever text there is: what a figure or a page makes of it must not depend on what it says."""

from hypothesis import strategies as st

from wiretale.decode.escape import escape_text
from wiretale.explain.story import (
    Argument,
    Arrow,
    Chapter,
    Figure,
    Gap,
    Hop,
    Mark,
    Omission,
    Ref,
    Section,
    Span,
    Step,
    Story,
    Track,
)  # fmt: skip
from wiretale.explain.words import CODE_BEGIN, CODE_END, code

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'; --", "</pre></style></svg><!--", "]]>",
    "&amp;lt;", "\x1b[31mred\x07\x00", "\u202egnp.exe", "\u2066hidden\u2069", "\ufeff\u200b", "\ud800",
    "javascript:alert(1)", "日本語 😀", "אבג 123", "a" * 300, "",
)  # fmt: skip

words = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_characters=CODE_BEGIN + CODE_END), max_size=40),
)
safe_words = words.map(escape_text)  # as a story's texts are by contract
prose = st.one_of(words, words.map(code))
LANES = ("", "wire", "client")
KINDS = ("open", "closing", "waiting", "listening", "over", "file")


@st.composite
def timelines(draw, words=words):
    """Tracks whose spans follow each other."""
    tracks = []
    for i in range(draw(st.integers(1, 5))):
        spans, at = [], draw(st.integers(0, 10**9))
        for _ in range(draw(st.integers(1, 6))):
            at += draw(st.sampled_from((0, 1, 70_000, 10**9)))
            end = at + draw(st.sampled_from((0, 1, 900, 5_000_000, 3 * 10**9)))
            label, kind = draw(words), draw(st.sampled_from(KINDS))
            spans.append(Span(label, at, end, kind, None, draw(words), draw(st.booleans())))
            at = end
        if draw(st.booleans()):
            spans.append(Span(draw(words), at, None, "open"))
        tracks.append(Track(draw(words) or "x", tuple(spans), draw(st.sampled_from(("", "one", "two"))) if i else ""))
    tracks.sort(key=lambda track: track.group)
    return Figure("fig-t", draw(words), draw(words), tuple(tracks))


@st.composite
def ladders(draw, words=words):
    """Packets and calls at any time, in any number."""
    times = st.integers(0, 2 * 10**9)
    arrows = [
        Arrow(draw(times), draw(st.booleans()), draw(words), Ref("packet", i, f"packet {i}"), "data")
        for i in range(draw(st.integers(1, 12)))
    ]
    marks = []
    for i in range(draw(st.integers(0, 12))):
        begin = draw(times)
        end = draw(st.one_of(st.none(), st.integers(begin, 2 * 10**9)))
        marks.append(Mark(begin, end, draw(st.booleans()), draw(words), draw(words), Ref("call", i, f"call {i}")))
    omitted = Omission(3 * 10**9, 4 * 10**9, "5 packets") if draw(st.booleans()) else None
    return Figure("fig-l", "Packets", "c", (), draw(words), draw(words), tuple(arrows), tuple(marks), omitted)


@st.composite
def steps(draw, anchor):
    """One step with everything in it."""
    ref = Ref("call", draw(st.integers(1, 9)), "call 1")
    return Step(
        anchor, draw(prose), (draw(prose), draw(prose)), draw(st.one_of(st.none(), st.integers(0, 10**9))), draw(words),
        (Argument(draw(words), draw(words), ((draw(words), 300),), draw(prose)),),
        (Hop(5, draw(words), draw(prose), draw(prose), (ref,), draw(st.booleans()), draw(st.sampled_from(LANES))),),
        draw(words), (ref,), draw(st.booleans()), (), (draw(prose),), draw(words),
    )  # fmt: skip


@st.composite
def stories(draw):
    """A story with a figure of each kind."""
    told = tuple(draw(steps(f"c1.{i}")) for i in range(draw(st.integers(1, 3))))
    chapter = Chapter(
        "c1", draw(prose), (draw(prose),), (Section(draw(prose), told),), (draw(timelines()), draw(ladders()))
    )
    gaps = (Gap(draw(prose), draw(words)),) if draw(st.booleans()) else ()
    return Story(draw(words), 0, 100, (draw(prose),), (draw(prose),), (chapter,), gaps)


EMPTY = Story("x", 0, 0, (), (), ())
