"""The story of a capture, as `wiretale explain CAPTURE` and `wiretale demo` print it."""

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from wiretale.cli.output import Output
from wiretale.errors import CaptureError, Exit

if TYPE_CHECKING:
    from wiretale.explain.entry import Reader
    from wiretale.explain.story import Story

COLUMNS = 96  # in a pipe; what a step holds is a table, and needs more than prose


class StoryFormat(StrEnum):
    """Values of --format."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class StoryRequest:
    """What is asked for: `connection_id` None means all; `into` None means standard output."""

    capture: Path
    reader: "Reader"
    format: StoryFormat = StoryFormat.TEXT
    connection_id: int | None = None
    into: Path | None = None
    brief: bool = False


def print_story(request: StoryRequest, output: Output) -> int:
    """Tell the story and write it where it shall go."""
    from wiretale.explain.tell import Options, tell
    from wiretale.store.capture import open_capture

    with open_capture(request.capture) as db:
        story = tell(db, Options(str(request.capture), request.reader, request.connection_id))
    _write(_lines(story, request, output), request.into)
    return Exit.OK


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


def _write(lines: Iterable[str], into: Path | None) -> None:
    with ExitStack() as stack:
        out = sys.stdout
        if into is not None:
            try:
                out = stack.enter_context(into.open("w", encoding="utf-8"))
            except OSError as fault:
                raise CaptureError(f"{into} cannot be written: {fault.strerror}", "choose another place") from fault
        out.writelines(line + "\n" for line in lines)
