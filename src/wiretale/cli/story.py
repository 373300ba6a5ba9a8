"""The story of a capture, as `wiretale explain CAPTURE` and `wiretale demo` print it."""

import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from wiretale.cli.output import Output
from wiretale.errors import CaptureError, Exit
from wiretale.light import dataclass

if TYPE_CHECKING:
    from wiretale.explain.entry import Reader
    from wiretale.explain.story import Story

COLUMNS = 96  # in a pipe; what a step holds is a table, and needs more than prose


class StoryFormat(StrEnum):
    """Values of --format."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"

    @classmethod
    def of_file(cls, path: Path | None) -> "StoryFormat":
        """What a file's name asks for."""
        return _SUFFIXES.get(path.suffix.lower(), cls.TEXT) if path is not None else cls.TEXT


_SUFFIXES = {
    ".html": StoryFormat.HTML, ".htm": StoryFormat.HTML, ".md": StoryFormat.MARKDOWN, ".json": StoryFormat.JSON,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoryRequest:
    """What is asked for. None means: all connections, standard output, no files of figures."""

    capture: Path
    reader: "Reader"
    format: StoryFormat = StoryFormat.TEXT
    connection_id: int | None = None
    into: Path | None = None
    figures: Path | None = None
    only_odd: bool = False
    brief: bool = False


def print_story(request: StoryRequest, output: Output) -> int:
    """Tell the story and write it where it shall go."""
    from wiretale.cli.progress import steps
    from wiretale.explain.tell import Options, tell
    from wiretale.store.capture import open_capture

    with open_capture(request.capture) as db:
        with steps() as progress:
            progress("telling the story")
            story = tell(db, Options(str(request.capture), request.reader, request.connection_id, request.only_odd))
        if request.figures is not None:
            _draw(story, request.figures)
        if request.format is StoryFormat.HTML:
            from wiretale.show.story.evidence_rows import evidence_lines
            from wiretale.show.story.html import page

            with steps() as progress:
                progress("fetching what the story rests on")
                rows = evidence_lines(db, (ref for step in story.steps() for ref in step.evidence))
            pieces: Iterable[str] = page(story, rows)
            if request.into is None:
                encoding = sys.stdout.encoding
                pieces = (piece.encode(encoding, "xmlcharrefreplace").decode(encoding) for piece in pieces)
            _write(pieces, request.into)
            return Exit.OK
    lines = _lines(story, request, output)
    if request.into is None:
        lines = _encodable(lines, sys.stdout.encoding)
    _write((line + "\n" for line in lines), request.into)
    return Exit.OK


def _draw(story: "Story", folder: Path) -> None:
    """Every figure as a file of its own, named after its anchor."""
    from wiretale.show.story.svg import svg

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise CaptureError(f"{folder} cannot be made: {fault.strerror}", "choose another place") from fault
    for figure in story.figures():
        _write([svg(figure, story, alone=True), "\n"], folder / f"{figure.anchor}.svg")


def _encodable(lines: Iterable[str], encoding: str) -> Iterable[str]:
    """As they are; for a terminal that lacks the characters of figures in ASCII."""
    from wiretale.show.story.text_figures import OWN_CHARACTERS, as_ascii

    try:
        OWN_CHARACTERS.encode(encoding)
    except UnicodeEncodeError:
        return (as_ascii(line).encode(encoding, "backslashreplace").decode(encoding) for line in lines)
    return lines


def _lines(story: "Story", request: StoryRequest, output: Output) -> Iterable[str]:
    if request.format is StoryFormat.JSON:
        import json

        from wiretale.show.story.json_story import story_json

        return [json.dumps(story_json(story), ensure_ascii=True)]
    if request.format is StoryFormat.MARKDOWN:
        from wiretale.show.story.markdown import markdown_lines

        return markdown_lines(story)
    from wiretale.show.story.terminal import Terminal

    color = output.color and request.into is None
    return Terminal(story, output.width or COLUMNS, color=color, brief=request.brief).lines()


def _write(pieces: Iterable[str], into: Path | None) -> None:
    with ExitStack() as stack:
        out = sys.stdout
        if into is not None:
            try:
                out = stack.enter_context(open(into, "w", encoding="utf-8", opener=_private))
            except OSError as fault:
                raise CaptureError(f"{into} cannot be written: {fault.strerror}", "choose another place") from fault
        out.writelines(pieces)


def _private(path: str, flags: int) -> int:
    """What was captured is for its owner's eyes, as the capture is."""
    return os.open(path, flags, 0o600)
