"""Progress of work that may take a while: one changing line on a terminal, nothing elsewhere."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wiretale.store.progress import Progress, silent

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

_SHOWN_AFTER_S = 0.5  # what is done sooner shows nothing: a line that only flickers disturbs


@contextmanager
def steps() -> Iterator[Progress]:
    """What to report progress to: a bar where it is known how much is done, and the time so far. It disappears at the
    end."""
    if not sys.stderr.isatty():
        yield silent
        return
    line = _Line()
    # One long query reports nothing while it runs, so the line comes from another thread.
    timer = threading.Timer(_SHOWN_AFTER_S, line.show)
    timer.daemon = True
    timer.start()
    try:
        yield line.report
    finally:
        timer.cancel()
        line.hide()


class _Line:
    """The line. What it is made with is loaded when it is shown: most work is done sooner."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._lock = threading.Lock()
        self._bars: Bars | None = None
        self._is_over = False
        self._text, self._done = "", None  # type: str, float | None

    def report(self, text: str, done: float | None = None, /) -> None:
        self._text, self._done = text, done
        if self._bars is not None:
            self._update(self._bars)

    def _update(self, bars: "Bars") -> None:
        total, completed = (None, 0.0) if self._done is None else (1.0, self._done)
        bars.update(bars.task_ids[0], description=self._text, total=total, completed=completed)

    def show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("wiretale: {task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
        # What the command prints meanwhile goes where it would go without a line.
        bars = Bars(
            *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False,
            get_time=time.monotonic,
        )  # fmt: skip
        bars.add_task(self._text, total=None)
        bars.tasks[0].start_time = self._begin
        self._update(bars)
        with self._lock:
            if not self._is_over:
                bars.start()
                self._bars = bars

    def hide(self) -> None:
        with self._lock:
            self._is_over = True
            if self._bars is not None:
                self._bars.stop()
