"""The page: valid HTML whatever was captured, complete in itself, and nothing in it can act."""

import base64
import hashlib
import re

import html5lib
import pytest
from hypothesis import HealthCheck, given, settings

from tests.show.story.stories import HOSTILE, stories
from tests.show.synthetic import make
from wiretale.decode.escape import escape_text
from wiretale.explain.story import Chapter, Gap, Ref, Section, Step, Story
from wiretale.explain.tell import Options, tell
from wiretale.explain.words import code
from wiretale.show.story.evidence import Line
from wiretale.show.story.evidence_rows import evidence_lines
from wiretale.show.story.html import page
from wiretale.store.capture import open_capture

ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "footer", "section", "article", "aside",
    "div", "h1", "h2", "h3", "h4", "p", "a", "span", "b", "br", "code", "samp", "pre", "ol", "ul", "li", "table",
    "tbody", "caption", "tr", "th", "td", "figure", "figcaption", "details", "summary",
    "svg", "rect", "g", "line", "path", "text",
}  # fmt: skip


def parsed(text):
    """The document; any error of the syntax is a failure."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def name(element):
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else "comment"


def written(story, rows=None):
    return "".join(page(story, rows or {}))


def story_of(*steps, name="x"):
    return Story(name, 0, 0, (), (), (Chapter("c1", "Chapter", (), (Section("Section", steps),)),))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(stories())
def test_it_is_valid_and_nothing_in_it_can_act(story):
    text = written(story, {Ref("call", 1, "call 1"): (Line(1, story.name),)})
    root = parsed(text)
    assert {name(e) for e in root.iter()} <= ALLOWED
    ids = [e.get("id") for e in root.iter() if e.get("id") is not None]
    assert len(ids) == len(set(ids))
    for element in root.iter():
        for attribute, value in element.attrib.items():
            assert not str(attribute).startswith("on")
            assert attribute not in ("style", "src", "srcset", "action")
            if attribute == "href":
                assert value.startswith("#")
                assert value[1:] in ids
    assert all(escape_text(line) == line for line in text.split("\n")), "a character that acts instead of being shown"


def test_a_capture_of_hostile_bytes_becomes_a_page_of_text(tmp_path):
    attacks = "".join(HOSTILE)
    payload = attacks.encode("utf-8", "surrogatepass") + bytes(range(256))
    capture = make(tmp_path / "c.wiretale", command=attacks.replace("\0", "").replace("\ud800", ""), payload=payload)
    with open_capture(capture) as db:
        story = tell(db, Options(attacks))
        text = written(story, evidence_lines(db, [ref for step in story.steps() for ref in step.evidence]))
    root = parsed(text)
    assert {name(e) for e in root.iter()} <= ALLOWED
    assert all(line.isprintable() for line in text.split("\n"))
    captured = "".join("".join(e.itertext()) for e in root.iter("samp"))
    assert "<script>alert(1)</script>" in captured


def test_its_policy_allows_its_own_style_and_nothing_else():
    root = parsed(written(story_of()))
    (policy,) = [e.get("content") for e in root.iter("meta") if e.get("http-equiv") == "Content-Security-Policy"]
    (style,) = root.iter("style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"url\(|@import", style.text)
    assert "prefers-color-scheme: dark" in style.text
    assert "@media print" in style.text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_shown_as_text(hostile):
    shown = escape_text(hostile)
    step = Step("c1.1", hostile, (f"It says {code(hostile)}.",), 0, excerpt=hostile)
    root = parsed(written(story_of(step, name=hostile)))
    (article,) = root.iter("article")
    assert [e.text or "" for e in article.iter("samp")] == [shown] * bool(hostile)
    assert [e.text or "" for e in article.iter("code")] == [shown]


def test_captured_bytes_are_set_apart_and_addresses_are_not():
    call = r'sendto(3, "a\"<b>\n"..., 9, 0, {sin_addr=inet_addr("10.0.0.1")}, 16) = 9'
    root = parsed(written(story_of(Step("c1.1", "t", (), 0, call))))
    (article,) = root.iter("article")
    assert [e.text for e in article.iter("samp")] == [r'"a\"<b>\n"...']
    assert "".join(article.find(".//pre").itertext()) == call


def test_each_step_has_its_anchor_and_opens_what_it_rests_on():
    ref, other = Ref("wait", 2, "wait 2"), Ref("connection", 3, "connection 3")
    rows = {ref: (Line(9, '  0.9 call x #13 read(3, "b")'), Line(1, '  0.1 call x #12 read(3, "a")')), other: ()}
    root = parsed(written(story_of(Step("c1.1", "t", ("s",), 0, refs=(ref, other))), rows))
    (article,) = root.iter("article")
    assert article.get("id") == "c1.1"
    (details,) = article.iter("details")
    assert details.get("open") is None
    assert details.find("summary").text == "Rests on wait 2; connection 3"
    assert "".join(details.find("pre").itertext()) == '  0.1 call x #12 read(3, "a")\n  0.9 call x #13 read(3, "b")'


def test_what_the_story_cannot_tell_is_said_with_its_remedy():
    story = Story("x", 0, 0, (), (), (), (Gap("No packets.", "wiretale record <x>"),))
    text = "".join(parsed(written(story)).itertext())
    assert "No packets." in text
    assert "wiretale record <x>" in text
