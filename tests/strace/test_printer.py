"""The printer on events that no program has to make."""

import io

import pytest

from wiretale.model.enums import Arch
from wiretale.model.spool import EventFlag, EventKind, Role
from wiretale.store.load.tracer_events import TracerChunk, TracerEvent
from wiretale.strace.options import Precision, StraceOptions
from wiretale.strace.output import Outputs
from wiretale.strace.printer import StracePrinter

_CLOSE, _READ = 3, 0
_TWO = TracerChunk(int(Role.PAYLOAD), 1, 0, 0x1000, 2, 0, 0, b"ab")


def _event(kind: EventKind, tid: int, number: int, value: int = 0, chunks: tuple[TracerChunk, ...] = ()) -> TracerEvent:
    flags = EventFlag.ERROR if value < 0 else 0
    return TracerEvent(1, 2, tid, tid, kind, flags, Arch.X86_64, number, value, (4, 0x1000, 2, 0, 0, 0), 0, chunks)


def _call(tid: int, number: int, value: int, chunks: tuple[TracerChunk, ...] = ()) -> list[TracerEvent]:
    return [_event(EventKind.ENTRY, tid, number), _event(EventKind.EXIT, tid, number, value, chunks)]


_MANY = [
    _event(EventKind.ATTACHED, 10, 0),
    *_call(10, _READ, 2, (_TWO,)),
    *_call(10, _READ, 2, (_TWO,)),
    *_call(10, _CLOSE, 0),
    *_call(10, _CLOSE, -9),
    _event(EventKind.ATTACHED, 11, 0),
    *_call(11, _READ, 2, (_TWO,)),
    *_call(10, _READ, 2, (_TWO,)),
    _event(EventKind.ENTRY, 11, _READ),
    *_call(10, _CLOSE, -9),
    *_call(10, _CLOSE, -9),
    _event(EventKind.EXIT, 11, _READ, 0),
    *_call(11, _CLOSE, 0),
    _event(EventKind.END, 11, 0),
    *_call(10, _READ, 2, (_TWO,)),
    _event(EventKind.ENTRY, 10, _READ),
    _event(EventKind.END, 10, 9),
]


def _lines(options: StraceOptions, *, at_once: bool) -> list[str]:
    out = io.StringIO()
    outputs = Outputs(options, out)
    printer = StracePrinter(options, outputs, 0)
    if at_once:
        printer.take_all(_MANY)
    else:
        for event in _MANY:
            printer.take(event)
    outputs.flush()
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    "options",
    [
        StraceOptions(command=["x"], quiet=frozenset({"attach"})),
        StraceOptions(command=["x"], quiet=frozenset({"attach"}), follow=True),
        StraceOptions(command=["x"], quiet=frozenset({"attach"}), took=Precision.US),
        StraceOptions(command=["x"], quiet=frozenset({"attach"}), trace=lambda name, _: name == "close"),
        StraceOptions(command=["x"], quiet=frozenset({"attach"}), statuses=frozenset({"failed"})),
    ],
)
def test_lines_of_many_events_are_those_of_each(options: StraceOptions) -> None:
    assert _lines(options, at_once=True) == _lines(options, at_once=False)


def test_a_repeated_call_has_the_head_of_its_own_task() -> None:
    lines = _lines(StraceOptions(command=["x"], quiet=frozenset({"attach"}), follow=True), at_once=True)
    assert lines[:4] == [
        '10    read(4, "ab", 2)                  = 2',
        '10    read(4, "ab", 2)                  = 2',
        "10    close(4)                          = 0",
        "10    close(4)                          = -1 EBADF (Bad file descriptor)",
    ]
    assert lines[4].startswith("11 ")
    assert lines[6:12] == [
        "11    read(4,  <unfinished ...>",
        "10    close(4)                          = -1 EBADF (Bad file descriptor)",
        "10    close(4)                          = -1 EBADF (Bad file descriptor)",
        '11    <... read resumed>"", 2)          = 0',
        "11    close(4)                          = 0",
        "11    +++ exited with 0 +++",
    ]
    assert lines[-2:] == [
        "10    read(4,  <unfinished ...>)        = ?",
        "10    +++ killed by SIGKILL +++",
    ]


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (_CLOSE, "close(4)                                = ?"),
        (7, "poll(0x4, 4096, 2 <unfinished ...>)     = ?"),
        (_READ, "read(4,  <unfinished ...>)              = ?"),
    ],
)
def test_a_call_that_never_returns_lacks_what_the_kernel_would_have_filled_in(number: int, line: str) -> None:
    options = StraceOptions(command=["x"])
    out = io.StringIO()
    outputs = Outputs(options, out)
    printer = StracePrinter(options, outputs, 0)
    printer.take_all([_event(EventKind.ATTACHED, 10, 0), _event(EventKind.ENTRY, 10, number)])
    printer.take_all([_event(EventKind.END, 10, 9)])
    outputs.flush()
    assert out.getvalue().splitlines()[0] == line
