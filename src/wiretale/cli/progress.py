"""Progress of work that may take a while: one changing line on a terminal, nothing elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wiretale.store.progress import Progress, silent

_SHOWN_AFTER_S = 0.5  # what is done sooner shows nothing: a line that only flickers disturbs


@contextmanager
def steps() -> Iterator[Progress]:
    """What to report progress to: a bar where it is known how much is done, and the time so far. It disappears at the
    end."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("wiretale: {task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    bars = Bars(*columns, console=Console(stderr=True), transient=True)
    task = bars.add_task("", total=1.0)
    begin, started = time.monotonic(), False

    def report(text: str, done: float | None = None, /) -> None:
        nonlocal started
        if not started and time.monotonic() - begin >= _SHOWN_AFTER_S:
            bars.start()
            started = True
        bars.update(task, description=text, total=None if done is None else 1.0, completed=done or 0.0)

    try:
        yield report
    finally:
        if started:
            bars.stop()
