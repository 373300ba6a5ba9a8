"""A story as one HTML page that needs nothing else: no script, no other file, no network.

Every text is escaped here, whatever was done to it before; the page's policy forbids everything but its own style.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files

from wiretale import __version__
from wiretale.explain.entry import Reader
from wiretale.explain.story import Argument, Chapter, Figure, Hop, Ref, Section, Step, Story
from wiretale.explain.words import CODE_BEGIN, CODE_END
from wiretale.show.story.arguments import argument_rows
from wiretale.show.story.evidence import Line, evidence_text
from wiretale.show.story.svg import figure_css, safe, svg
from wiretale.show.story.text_figures import caption, figure_lines
from wiretale.show.story.timeline import seconds

ROWS_SHOWN = 60  # of the evidence of one step
_TEXT_COLUMNS = 100
_INFERRED = ' <span class="inferred">inferred</span>'
# Captured bytes, as decode.escape writes them. An address is quoted too, but it is text of our own; and what
# begins before code does not end in it.
_LITERAL = re.compile(rf'(?<!inet_addr\()(?<!inet_pton\(AF_INET6, )"(?:[^"\\{CODE_BEGIN}{CODE_END}]|\\.)*"(?:\.\.\.)?')


def page(story: Story, rows: Mapping[Ref, tuple[Line, ...]]) -> Iterator[str]:
    """The page in pieces. `rows` are those of the evidence, as `wiretale show` prints them."""
    style = figure_css() + files(__package__).joinpath("page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f'<meta name="generator" content="wiretale {safe(__version__)}">\n'
        f"<title>The story of {safe(story.name)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
    )
    yield f'<header>\n<h1>The story of <span class="file">{safe(story.name)}</span></h1>\n'
    yield f'<p class="lead">{_prose(" ".join(story.summary))}</p>\n'
    yield f'<p class="about">{_prose(" ".join(story.about))}</p>\n</header>\n'
    yield _contents(story)
    yield "<main>\n"
    for number, chapter in enumerate(story.chapters, 1):
        yield from _chapter(number, chapter, story, rows)
    yield _gaps(story)
    yield f"</main>\n<footer><p>Made by wiretale {safe(__version__)}. Strings like "
    yield f"{_bytes(chr(34) + 'abc' + chr(34))} are bytes as they were captured, written as in C.</p></footer>\n"
    yield "</body>\n</html>\n"


_TAGS = {CODE_BEGIN: "<code>", CODE_END: "</code>"}
_MARKS = re.compile(f"([{CODE_BEGIN}{CODE_END}])")


def _prose(text: str) -> str:
    """A text with its code marked."""
    return "".join(_TAGS.get(part) or safe(part) for part in _MARKS.split(text))


def _bytes(text: str) -> str:
    return f'<samp class="captured">{safe(text)}</samp>'


def _call(text: str) -> str:
    """A call or a row, with its captured bytes and its code set apart."""
    parts, at = [], 0
    for found in _LITERAL.finditer(text):
        parts += [_prose(text[at : found.start()]), _bytes(found[0])]
        at = found.end()
    return "".join([*parts, _prose(text[at:])])


def _contents(story: Story) -> str:
    items = []
    for chapter in story.chapters:
        inner = "".join(
            f'<li><a href="#{safe(f.anchor)}">Figure: {safe(f.title)}</a></li>' for f in chapter.all_figures
        )
        inner += "".join(
            f'<li><a href="#{_section_id(chapter, i)}">{_prose(s.title)}</a></li>'
            for i, s in enumerate(chapter.sections, 1) if s.title
        )  # fmt: skip
        below = f"<ol>{inner}</ol>" if inner else ""
        items.append(f'<li><a href="#{safe(chapter.anchor)}">{_prose(chapter.title)}</a>{below}</li>')
    if story.gaps:
        items.append('<li><a href="#gaps">What this story cannot tell</a></li>')
    return f'<nav aria-label="Contents"><h2>Contents</h2>\n<ol>{"".join(items)}</ol>\n</nav>\n'


def _section_id(chapter: Chapter, number: int) -> str:
    return safe(f"{chapter.anchor}-part{number}")


def _chapter(number: int, chapter: Chapter, story: Story, rows: Mapping[Ref, tuple[Line, ...]]) -> Iterator[str]:
    yield f'<section class="chapter" id="{safe(chapter.anchor)}">\n<h2>{number}. {_prose(chapter.title)}</h2>\n'
    if chapter.intro:
        yield f"<p>{_prose(' '.join(chapter.intro))}</p>\n"
    for figure in chapter.figures:
        yield _figure(figure, story)
    for part, section in enumerate(chapter.sections, 1):
        yield from _section(section, _section_id(chapter, part), story, rows)
    yield "</section>\n"


def _section(section: Section, anchor: str, story: Story, rows: Mapping[Ref, tuple[Line, ...]]) -> Iterator[str]:
    yield f'<section id="{anchor}">\n<h3>{_prose(section.title)}</h3>\n' if section.title else "<div>\n"
    for step in section.steps:
        yield _step(step, story, rows)
    for figure in section.figures:
        yield _figure(figure, story)
    yield "</section>\n" if section.title else "</div>\n"


def _figure(figure: Figure, story: Story) -> str:
    lines = (safe("".join(text for text, _ in pieces)) for pieces in figure_lines(figure, story, _TEXT_COLUMNS))
    text = "\n".join(lines)
    title = safe(figure.title)
    return (
        f'<figure id="{safe(figure.anchor)}">\n<figcaption><b>{title}.</b> {_prose(caption(figure))}</figcaption>\n'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{title}">{svg(figure, story)}</div>\n'
        f"<details><summary>The same as text</summary><pre>{text}</pre></details>\n</figure>\n"
    )


def _step(step: Step, story: Story, rows: Mapping[Ref, tuple[Line, ...]]) -> str:
    anchor = safe(step.anchor)
    at = f'<span class="time">{seconds(step.time_ns, story.origin_ns)} s</span> ' if step.time_ns is not None else ""
    guess = _INFERRED if step.inferred else ""
    link = f'<a class="anchor" href="#{anchor}">{anchor}</a>'
    return "".join([
        f'<article id="{anchor}">\n<h4>{link} {at}{_prose(step.title)}{guess}</h4>\n',
        f"<p>{_prose(' '.join(step.sentences))}</p>\n" if step.sentences else "",
        f'<pre class="call">{_call(step.call)}</pre>\n' if step.call else "",
        _arguments(step.arguments, story.reader),
        f'<p class="excerpt">{_bytes(step.excerpt)}</p>\n' if step.excerpt else "",
        _hops(step.hops, story),
        "".join(f'<aside>{_prose(text)}</aside>\n' for text in step.background),
        f'<p class="remedy">Try: <code>{safe(step.remedy)}</code></p>\n' if step.remedy else "",
        _evidence(step.evidence, rows),
        "</article>\n",
    ])  # fmt: skip


def _arguments(arguments: tuple[Argument, ...], reader: Reader) -> str:
    lines = [
        f'<tr><th scope="row">{safe(name)}</th><td>{_call(text)}</td></tr>\n'
        for name, text in argument_rows(arguments, reader)
    ]
    return f'<table class="arguments"><caption>Arguments</caption>\n{"".join(lines)}</table>\n' if lines else ""


def _hops(hops: Iterable[Hop], story: Story) -> str:
    lines = []
    for hop in hops:
        note = _prose(hop.note) + (_INFERRED if hop.inferred else "")
        lines.append(
            f'<tr class="{safe(hop.lane or "other")}"><td class="time">{seconds(hop.time_ns, story.origin_ns)}</td>'
            f"<td>{_prose(hop.where)}</td><td>{_call(hop.what)}</td><td>{note}</td></tr>\n"
        )
    return f'<table class="hops"><caption>In the order of time</caption>\n{"".join(lines)}</table>\n' if lines else ""


def _evidence(refs: tuple[Ref, ...], rows: Mapping[Ref, tuple[Line, ...]]) -> str:
    if not refs:
        return ""
    summary = f"Rests on {safe(evidence_text(refs))}"
    lines = sorted({line for ref in refs for line in rows.get(ref, ())})
    if not lines:
        return f'<p class="evidence">{summary}</p>\n'
    shown = "\n".join(_call(line.text) for line in lines[:ROWS_SHOWN])
    left = f"\n({len(lines) - ROWS_SHOWN:,} more)" if len(lines) > ROWS_SHOWN else ""
    return f'<details class="evidence"><summary>{summary}</summary><pre>{shown}{left}</pre></details>\n'


def _gaps(story: Story) -> str:
    if not story.gaps:
        return ""
    items = []
    for gap in story.gaps:
        remedy = f'<br><span class="remedy">Try: <code>{safe(gap.remedy)}</code></span>' if gap.remedy else ""
        items.append(f"<li>{_prose(gap.text)}{remedy}</li>\n")
    head = '<section class="chapter" id="gaps">\n<h2>What this story cannot tell</h2>\n'
    return f"{head}<ul>{''.join(items)}</ul>\n</section>\n"
