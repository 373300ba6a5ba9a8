"""A story as Markdown (CommonMark and tables of none): captured text cannot start markup, in prose or in code."""

import re
from collections.abc import Iterable, Iterator

from wiretale.explain.story import Chapter, Figure, Hop, Step, Story
from wiretale.explain.words import CODE_BEGIN, CODE_END, plain
from wiretale.show.story.arguments import argument_rows
from wiretale.show.story.evidence import evidence_text
from wiretale.show.story.text_figures import figure_lines
from wiretale.show.story.wrap import padded, width

FIGURE_COLUMNS = 88
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>&#|~!+])")
_CODE = re.compile(f"{CODE_BEGIN}([^{CODE_END}]*){CODE_END}")


def escaped(text: str) -> str:
    """Prose: everything that could begin markup is escaped, marks of code become code spans."""
    parts, at = [], 0
    for match in _CODE.finditer(text):
        parts += [_ACTIVE.sub(r"\\\1", text[at : match.start()]), _span(match[1])]
        at = match.end()
    return plain("".join([*parts, _ACTIVE.sub(r"\\\1", text[at:])]))


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _span(text: str) -> str:
    """A code span whose delimiter is longer than any run of backticks in it."""
    if not text:
        return ""
    fence = "`" * (_longest_run(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def _block(lines: Iterable[str]) -> Iterator[str]:
    """A fenced block whose fence is longer than any run of backticks in it."""
    found = [plain(line) for line in lines]
    fence = "`" * max(3, max((_longest_run(line) for line in found), default=0) + 1)
    yield from (f"{fence}text", *found, fence, "")


def markdown_lines(story: Story) -> Iterator[str]:
    """All lines, without line ends."""
    yield from (f"# The story of {escaped(story.name)}", "", escaped(" ".join(story.summary)), "")
    yield from (escaped(" ".join(story.about)), "")
    for number, chapter in enumerate(story.chapters, 1):
        yield from _chapter(story, number, chapter)
    if story.gaps:
        yield from ("## What this story cannot tell", "")
        for gap in story.gaps:
            yield f"- {escaped(gap.text)}" + (f" Try {_span(plain(gap.remedy))}" if gap.remedy else "")
        yield ""


def _chapter(story: Story, number: int, chapter: Chapter) -> Iterator[str]:
    yield from (f'<a id="{chapter.anchor}"></a>', "", f"## {number}. {escaped(chapter.title)}", "")
    if chapter.intro:
        yield from (escaped(" ".join(chapter.intro)), "")
    for figure in chapter.figures:
        yield from _figure(story, figure)
    for section in chapter.sections:
        if section.title:
            yield from (f"### {escaped(section.title)}", "")
        for step in section.steps:
            yield from _step(story, step)
        for figure in section.figures:
            yield from _figure(story, figure)


def _figure(story: Story, figure: Figure) -> Iterator[str]:
    yield from _block("".join(text for text, _ in line) for line in figure_lines(figure, story, FIGURE_COLUMNS))


def _seconds(story: Story, time_ns: int) -> str:
    return f"{(time_ns - story.origin_ns) / 1e9:.6f}"


def _step(story: Story, step: Step) -> Iterator[str]:
    at = f", {_seconds(story, step.time_ns)} s" if step.time_ns is not None else ""
    guess = " (inferred)" if step.inferred else ""
    yield from (f'<a id="{step.anchor}"></a>', "", f"**{step.anchor}**{at}: **{escaped(step.title)}**{guess}", "")
    yield from (escaped(" ".join(step.sentences)), "")
    if step.call:
        yield from _block([step.call])
    rows = argument_rows(step.arguments, story.reader)
    yield from (f"- {_span(name)}: {escaped(text)}" for name, text in rows)
    if rows:
        yield ""
    if step.hops:
        yield from _block(_hops(story, step.hops))
    for text in step.background:
        yield from (f"> {escaped(text)}", "")
    if step.remedy:
        yield from (f"Try {_span(plain(step.remedy))}", "")
    if step.evidence:
        yield from (f"*Rests on {escaped(evidence_text(step.evidence))}.*", "")


def _hops(story: Story, hops: tuple[Hop, ...]) -> Iterator[str]:
    names = max(width(h.where) for h in hops)
    for hop in hops:
        note = f"  {hop.note}" if hop.note else ""
        guess = " (inferred)" if hop.inferred else ""
        yield f"{_seconds(story, hop.time_ns)}  {padded(hop.where, names)}  {hop.what}{note}{guess}"
