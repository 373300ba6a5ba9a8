"""Progress of work that may take a while: one changing line on a terminal, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """A function to call with the name of each step; the line disappears at the end."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("wiretale") as status:
        yield lambda text: status.update(f"wiretale: {text}")
