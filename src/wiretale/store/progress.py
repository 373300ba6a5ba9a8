"""How far work on a capture is: the callable that loaders and joins report to."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Told the name of what is being done, and how much of it is done (0 to 1; None: not known)."""

    def __call__(self, text: str, done: float | None = None, /) -> None: ...


def silent(_text: str, _done: float | None = None, /) -> None:
    """Report to nobody."""


def tracked(progress: Progress, text: str, items: Iterable[T], count: float) -> Iterator[T]:
    """`items`, about `count` of them, reported as they are taken."""
    for number, item in enumerate(items):
        progress(text, min(number / count, 1.0) if count else None)
        yield item
