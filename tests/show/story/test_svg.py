"""Figures as SVG: well-formed whatever the texts are, complete in themselves, and no label over another."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.show.story.stories import EMPTY, HOSTILE, ladders, safe_words, timelines
from wiretale.decode.escape import escape_text
from wiretale.explain.story import Arrow, Figure, Mark, Ref, Span, Track
from wiretale.show.story.svg import COLUMN, svg
from wiretale.show.story.wrap import width

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {SVG + name for name in ("svg", "style", "rect", "g", "line", "path", "text", "title")}


@settings(max_examples=25, deadline=None)
@given(st.one_of(timelines(), ladders()), st.booleans())
def test_it_is_well_formed_and_needs_nothing_else(figure, alone):
    text = svg(figure, EMPTY, alone=alone)
    root = ElementTree.fromstring(text)
    assert {element.tag for element in root.iter()} <= ALLOWED
    assert root.get("role") == "img"
    assert root.get("aria-label")
    names = {name for element in root.iter() for name in element.attrib}
    assert not {n for n in names if n.startswith("on") or n in ("href", "style", "src")}
    assert not re.search(r"url\(|@import", text)
    shown = re.sub(r"<style>.*?</style>", "", text, flags=re.S)
    assert escape_text(shown) == shown, "a character that acts instead of being shown"


def extents(root):
    """The labels: from where to where, by the line they stand on."""
    lines = {}
    for element in root.iter(SVG + "text"):
        x, long = float(element.get("x")), width(element.text or "") * COLUMN
        long = float(element.get("textLength", long))
        left = {"end": x - long, "middle": x - long / 2}.get(element.get("text-anchor", ""), x)
        lines.setdefault(element.get("y"), []).append((left, left + long, element.text))
    return lines


@settings(max_examples=25, deadline=None)
@given(st.one_of(timelines(safe_words), ladders(safe_words)))
def test_no_label_lies_over_another_or_outside(figure):
    root = ElementTree.fromstring(svg(figure, EMPTY))
    wide = float(root.get("width"))
    for labels in extents(root).values():
        labels.sort()
        for (_, end, one), (start, _, two) in pairwise(labels):
            assert end <= start + COLUMN, (one, two)
        assert labels[0][0] >= -1
        assert labels[-1][1] <= wide + 1


@pytest.mark.parametrize("hostile", HOSTILE)
def test_every_text_comes_out_as_text(hostile):
    figure = Figure("f", hostile, "c", (Track("t", (Span(hostile, 0, 10**9, "open"),)),))
    root = ElementTree.fromstring(svg(figure, EMPTY, alone=True))
    assert any(escape_text(hostile) in (e.text or "") for e in root.iter(SVG + "title"))


def test_what_is_drawn_has_its_title():
    call, packet = Ref("call", 7, "call 7"), Ref("packet", 4, "packet 4")
    figure = Figure("f", "t", "c", left="a", right="b", arrows=(Arrow(5_000, False, "4 ACK", packet),),
                    marks=(Mark(1_000, 9_000, True, "read(3)", "6", call),))  # fmt: skip
    titles = [e.text for e in ElementTree.fromstring(svg(figure, EMPTY)).iter(SVG + "title")]
    assert titles == ["read(3) = 6, 0.000001 to 0.000009", "packet 4: 4 ACK at 0.000005"]
