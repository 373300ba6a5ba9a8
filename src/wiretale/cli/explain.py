"""`wiretale explain`: the story of a capture; or what a word means, and where it occurs in a capture."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretale.cli.output import Output, output_of, print_json, print_table
from wiretale.errors import Exit, UsageFault

if TYPE_CHECKING:
    from wiretale.explain.entry import Entry, ErrorCase, Reader
    from wiretale.show.entry import TextLine

HELP = """
\b
  wiretale explain demo.wiretale
  wiretale explain SO_REUSEPORT
  wiretale explain ECONNREFUSED demo.wiretale
  wiretale explain --list tcp-states

Tells what happened in a capture, step by step. Or explains a word: a call, socket option, error, signal, TCP state,
flag, event or idea; with a capture, also says where it occurs in it. Case, dashes and the usual prefixes do not
matter: close-wait, reuseport and 111 are words, too.
"""
USAGE = "wiretale explain CAPTURE, or wiretale explain WORD [CAPTURE]; wiretale explain --list names the words"
PROSE_COLUMNS = 80  # prose is set this wide in a pipe, as man does, and never wider than MOST_COLUMNS
MOST_COLUMNS = 100
_STYLES = {"title": "bold", "heading": "bold cyan", "name": "bold", "dim": "dim", "warning": "yellow"}


@click.command(name="explain", help=HELP)
@click.argument("word", metavar="CAPTURE|WORD", required=False)
@click.argument("capture", metavar="[CAPTURE]", required=False)
@click.option(
    "--for", "reader_text", type=click.Choice(["beginner", "engineer"]),
    help="How much background to give, and how much detail.  [default: beginner for a story, engineer for a word]",
)  # fmt: skip
@click.option("--list", "as_list", is_flag=True, help="List the subjects, or the words of the subject named by WORD.")
@click.option(
    "--limit", type=click.IntRange(0, 1000), default=5, show_default=True, metavar="N",
    help="At most N lines of the capture for each way in which the word occurs.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object (keys: docs/explain.md).")
@click.option(
    "--format", "format_text", type=click.Choice(["text", "markdown", "json", "html"]),
    help="What a story is written as.  [default: as the file's name ends (.html, .md, .json), else text]",
)  # fmt: skip
@click.option("-o", "--output", "into", type=click.Path(path_type=Path, dir_okay=False, readable=False), metavar="FILE",
              help="Write the story to a file.")  # fmt: skip
@click.option("--figures", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="Also write the figures of a story as SVG files into a folder.")  # fmt: skip
@click.option("--connection", "connection_id", type=click.IntRange(0), metavar="N",
              help="The story of one connection only (wiretale connections numbers them).")  # fmt: skip
@click.option("--odd", "only_odd", is_flag=True, help="Of a story only what is odd: what to read first after trouble.")
@click.option("--brief", is_flag=True, help="Of each step of a story its title and first sentence only.")
@click.pass_context
def command(
    context: click.Context,
    word: str | None,
    capture: str | None,
    reader_text: str | None,
    as_list: bool,
    limit: int,
    as_json: bool,
    format_text: str | None,
    into: Path | None,
    figures: Path | None,
    connection_id: int | None,
    only_odd: bool,
    brief: bool,
) -> int:
    from wiretale.explain.entry import Reader

    output, reader = output_of(context), Reader(reader_text or Reader.ENGINEER)
    if as_list:
        return _print_list(word, output, as_json=as_json)
    if word is None:
        raise UsageFault("which capture or word?", USAGE)
    if _is_capture(word):
        if capture is not None:
            raise UsageFault(f"{click.format_filename(word)} is a capture: its story needs no second argument", USAGE)
        from wiretale.cli.story import StoryFormat, StoryRequest, print_story

        chosen = StoryFormat(format_text or (StoryFormat.JSON if as_json else StoryFormat.of_file(into)))
        teller = Reader(reader_text or Reader.BEGINNER)
        if only_odd and connection_id is not None:
            raise UsageFault("--odd looks at all connections together", "leave out --connection, or --odd")
        request = StoryRequest(Path(word), teller, chosen, connection_id, into, figures, only_odd, brief)
        return print_story(request, output)
    if any(given is not None for given in (format_text, into, figures, connection_id)) or only_odd or brief:
        raise UsageFault("--format, -o, --figures, --connection, --odd and --brief are for a story of a capture", USAGE)
    if capture is not None and capture.isdecimal() and word.lower() in ("errno", "signal"):
        word, capture = f"{word} {capture}", None
    found = _entries(word)
    if len(found) > 1 and as_json:
        raise UsageFault(f"{word!r} names {len(found)} entries: {', '.join(e.name for e in found)}", "name one of them")
    if len(found) > 1:
        _print_choice(word, found, output)
        return Exit.OK
    if as_json:
        return _print_json(found[0], reader, capture, limit)
    _print_text(found[0], reader, capture, limit, output)
    return Exit.OK


def _is_capture(argument: str) -> bool:
    """Whether an argument names a capture rather than a word. A file that is called like a word is given as ./word."""
    from wiretale.explain.lookup import find

    if argument.endswith(".wiretale") or "/" in argument:
        return True
    return not find(argument) and Path(argument).exists()


def _entries(word: str) -> "list[Entry]":
    """The entries that `word` names; a usage fault with the nearest ones if there are none."""
    from wiretale.explain.lookup import entry, find, near

    found = [entry(reference) for reference in find(word)]
    if not found:
        similar = near(word)
        hint = f"did you mean {_either(similar)}? ({USAGE})" if similar else USAGE
        raise UsageFault(f"there is no entry {click.format_filename(word)!r}", hint)
    return found


def _either(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _prose_columns(output: Output) -> int:
    return min(output.width or PROSE_COLUMNS, MOST_COLUMNS)


def _print_lines(lines: "Iterable[TextLine]", output: Output) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(
        force_terminal=output.color, color_system="standard" if output.color else None, no_color=not output.color,
        highlight=False, markup=False, emoji=False, soft_wrap=True,
    )  # fmt: skip
    for line in lines:
        # What `show` laid out may hold its own colours; everything from the capture in it is escaped already.
        text = Text.from_ansi(line.text) if line.role == "row" else Text(line.text, _STYLES.get(line.role, ""))
        console.print(text, soft_wrap=True)


def _print_text(found: "Entry", reader: "Reader", capture: str | None, limit: int, output: Output) -> None:
    from wiretale.show.entry import EntryText

    if capture is None:
        _print_lines(EntryText(found, reader, _prose_columns(output), _context(found)).lines(), output)
        return
    from wiretale.explain.occurrences import occurrences
    from wiretale.show.lines import Style
    from wiretale.show.occurrences import Printer
    from wiretale.store.capture import open_capture

    with open_capture(Path(capture)) as db:
        printer = Printer.of(db, Style(color=output.color, width=output.width))
        rows = list(printer.lines(occurrences(db, found, limit), capture))
    _print_lines(EntryText(found, reader, _prose_columns(output), _context(found)).lines(), output)
    _print_lines(rows, output)


def _context(found: "Entry") -> "tuple[tuple[str, ErrorCase], ...]":
    from wiretale.explain.entry import Kind
    from wiretale.explain.load import error_cases

    return error_cases(found.name) if found.kind is Kind.ERROR else ()


def _print_json(found: "Entry", reader: "Reader", capture: str | None, limit: int) -> int:
    from wiretale.show.entry import as_json

    value = as_json(found, reader, _context(found))
    if capture is not None:
        from wiretale.explain.occurrences import occurrences
        from wiretale.show.lines import Style
        from wiretale.show.occurrences import Printer
        from wiretale.store.capture import open_capture

        with open_capture(Path(capture)) as db:
            printer = Printer.of(db, Style())
            value["occurrences"] = [printer.objects(one) for one in occurrences(db, found, limit)]
    print_json(value)
    return Exit.OK


def _print_choice(word: str, found: "list[Entry]", output: Output) -> None:
    """A word that is several: one line for each, with what to type."""
    from wiretale.show.entry import TextLine, title

    lines = [TextLine(f"{click.format_filename(word)} can mean:", "heading")]
    for one in found:
        lines += [TextLine(f"  {title(one)}", "name"), TextLine(f"    wiretale explain {one.name}", "dim")]
    _print_lines(lines, output)


def _print_list(subject: str | None, output: Output, *, as_json: bool) -> int:
    from wiretale.explain.load import entries
    from wiretale.explain.lookup import references
    from wiretale.explain.subjects import SUBJECTS

    if subject is None:
        counts = {name: len(references(name)) for name in SUBJECTS}
        if as_json:
            for name, about in SUBJECTS.items():
                print_json({"subject": name, "title": about.title, "entries": counts[name]})
            return Exit.OK
        rows = [(name, str(counts[name]), about.title) for name, about in SUBJECTS.items()]
        print_table(("subject", "words", "about"), rows, output, right=(1,))
        return Exit.OK
    if subject.lower() not in SUBJECTS:
        raise UsageFault(f"there is no subject {subject!r}", f"one of {', '.join(SUBJECTS)}")
    listed = entries(subject.lower()).values()
    if as_json:
        for one in listed:
            print_json({"name": one.name, "aliases": list(one.aliases), "meaning": one.meaning})
        return Exit.OK
    _print_meanings(list(listed), output)
    return Exit.OK


def _print_meanings(listed: "list[Entry]", output: Output) -> None:
    """Name and meaning in two columns, the meaning broken at the width."""
    import textwrap

    from wiretale.show.entry import TextLine

    width = max(len(one.name) for one in listed) + 2
    lines = []
    for one in listed:
        room = max(30, _prose_columns(output) - width)
        first, *rest = textwrap.wrap(one.meaning, room, break_on_hyphens=False)
        lines.append(TextLine(f"{one.name:<{width}}{first}"))
        lines += [TextLine(" " * width + more) for more in rest]
    _print_lines(lines, output)
