"""Captured bytes and names are hostile: nothing of them acts on a terminal, in Markdown or as a mark of code."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.explain.story.recordings import told
from tests.show.synthetic import make
from wiretale.decode.escape import escape_text
from wiretale.explain.entry import Reader
from wiretale.explain.story import Chapter, Section, Step, Story
from wiretale.explain.words import CODE_BEGIN, CODE_END, code
from wiretale.show.story.json_story import story_json
from wiretale.show.story.markdown import markdown_lines
from wiretale.show.story.terminal import Terminal

ATTACKS = (
    "\x1b]0;owned\x07", "\r\nHTTP", "`x` ```\n# h", "<script>alert(1)</script>", "[a](http://x)", "![i](x)",
    "**b** _i_", "\u202eabc", CODE_BEGIN + "x" + CODE_END, "| a | b |", "&amp;", "a\\`b",
)  # fmt: skip
HOSTILE = (
    st.lists(st.sampled_from(ATTACKS) | st.text(max_size=8), min_size=1, max_size=5).map("".join).filter(str.strip)
)
MARKUP = {"html_inline", "html_block", "link_open", "image", "em_open", "strong_open", "heading_open", "hardbreak"}


def one_step(text: str) -> Story:
    """A story that says a hostile text in prose, as code and in a title, as the modules of `explain` put it in."""
    said = (f"pid 1 ({escape_text(text)}) wrote {code(text)}.",)
    step = Step("c1.1", f"pid 1 ({escape_text(text)})", said, 0, f"write(3, {escape_text(text)!r}) = 1")
    chapter = Chapter("c1", "One", (), (Section("", (step,)),))
    return Story("capture", 0, 0, said, (), (chapter,), (), Reader.ENGINEER)


@given(HOSTILE)
def test_a_terminal_gets_only_what_it_can_print(text: str) -> None:
    for line in Terminal(one_step(text), 80, color=False).lines():
        assert line.isprintable(), line
    json.loads(json.dumps(story_json(one_step(text))))


@given(HOSTILE)
def test_markdown_shows_the_text_and_takes_no_markup_from_it(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse("\n".join(markdown_lines(one_step(text))))
    shown = escape_text(text)
    said = next(t for t in tokens if t.type == "inline" and "wrote" in t.content and t.children)
    assert not {child.type for child in said.children or ()} & MARKUP
    (as_code,) = [child.content for child in said.children or () if child.type == "code_inline"]
    assert as_code == shown or as_code.strip() == shown.strip()
    # The only markup of the page is its own: two headings, two anchors, the bold anchor and title of the step.
    kinds = [child.type for token in tokens for child in token.children or ()]
    assert kinds.count("strong_open") == 2
    assert kinds.count("html_inline") + sum(t.type == "html_block" for t in tokens) in (2, 4)
    assert [t.tag for t in tokens if t.type == "heading_open"] == ["h1", "h2"]


def test_a_whole_story_of_hostile_bytes_is_printable(tmp_path: Path) -> None:
    payload = "".join(ATTACKS).encode() + bytes(range(256))
    command = "".join(ATTACKS).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    with told(make(tmp_path / "c.wiretale", command=command, payload=payload), Reader.BEGINNER) as (_, story):
        for line in [*Terminal(story, 100, color=False).lines(), *markdown_lines(story)]:
            assert line.isprintable(), line
