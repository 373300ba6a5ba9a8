import itertools
from types import SimpleNamespace
from typing import Any, cast

from wiretale.show.labels import Labels


def labels(spans: list[tuple[int, int | None]]) -> Labels:
    """Of descriptor 3 of process 7, open for files named by their numbers."""
    rows = [
        (7, 3, begin, end, "file", str(i), None, None, None, None, None, None, None, None, None, None, None, None)
        for i, (begin, end) in enumerate(spans)
    ]
    query = SimpleNamespace(fetchall=lambda: rows)
    return Labels(cast(Any, SimpleNamespace(execute=lambda *_: query)), 0, 99)


def test_a_descriptor_is_what_was_opened_first_and_still_open() -> None:
    choices = [(0, 3), (0, None), (2, 2), (2, 5), (4, 6)]
    for count in range(4):
        for spans in itertools.combinations_with_replacement(choices, count):
            named = labels(list(spans))
            for time_ns in range(8):
                open_ = (str(i) for i, (a, b) in enumerate(spans) if a <= time_ns and (b is None or time_ns <= b))
                first = next(open_, None)
                assert named.at(7, time_ns)(3) == ("3" if first is None else f"3<{first}>")
    assert labels([(0, 3)]).at(8, 1)(3) == "3"
