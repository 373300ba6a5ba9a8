"""What all commands print with: colour or not, width, JSON, and how an error looks."""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TextIO

import click

from wiretale.decode.escape import escape_text
from wiretale.light import dataclass

MIN_COLUMNS = 40


class ColorChoice(StrEnum):
    """Values of --color."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Output:
    """How this run of wiretale may write."""

    choice: ColorChoice = ColorChoice.AUTO
    columns: int | None = None  # as ordered by --width

    @property
    def color(self) -> bool:
        """Whether standard output may hold colour codes."""
        return self.color_on(sys.stdout)

    def color_on(self, stream: TextIO) -> bool:
        """Whether `stream` may hold colour codes. https://no-color.org: NO_COLOR set and not empty means never."""
        if self.choice is not ColorChoice.AUTO:
            return self.choice is ColorChoice.ALWAYS
        return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int | None:
        """Columns to lay text out in; None when not on a terminal (lines are then never broken)."""
        if self.columns is not None:
            return self.columns
        return max(MIN_COLUMNS, shutil.get_terminal_size((100, 24)).columns) if is_terminal(sys.stdout) else None


def is_terminal(stream: TextIO) -> bool:
    """Whether `stream` is one; a closed stream is not."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def output_of(context: click.Context) -> Output:
    """The settings of the group; the defaults when a command is invoked alone."""
    found = context.find_object(Output)
    return found if found is not None else Output()


def abandon_stdout() -> None:
    """Its reader has gone, or it is full: point standard output at nothing, or Python complains while it exits."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def print_error(message: str, hint: str = "") -> None:
    """One sentence, and what to type next, on standard error."""
    lines = [escape_text(line) for line in message.split("\n")]
    text = f"wiretale: {lines[0]}\n" + "".join(f"  {line}\n" for line in lines[1:])
    if hint:
        text += f"try: {escape_text(hint)}\n" if not hint.startswith("did you mean") else f"{escape_text(hint)}\n"
    try:
        sys.stdout.flush()
    except OSError:
        abandon_stdout()
    sys.stderr.write(text)
    sys.stderr.flush()


def print_json(value: object) -> None:
    """One JSON value on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, separators=(", ", ": ")) + "\n")


def print_notes(notes: Iterable[str]) -> None:
    """Lines for people that are no data: to standard error."""
    for note in notes:
        sys.stderr.write(escape_text(note) + "\n")


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], output: Output, right: Sequence[int] = ()
) -> None:
    """Columns padded to their widest cell; the last is not padded. `right` names the columns of numbers."""
    cells = [[escape_text(cell) for cell in row] for row in rows]
    widths = [max([len(h), *(len(row[i]) for row in cells)]) for i, h in enumerate(headers)]
    lines = [_row(headers, widths, right)]
    if output.color:
        lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
    lines += [_row(row, widths, right) for row in cells]
    sys.stdout.write("".join(line + "\n" for line in lines))


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> str:
    last = len(cells) - 1
    parts = [
        cell.rjust(w) if i in right else (cell if i == last else cell.ljust(w))
        for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(parts).rstrip()
