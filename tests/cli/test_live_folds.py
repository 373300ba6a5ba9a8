"""The live view holds the same calls back that `show` folds, on real programs."""

import shutil
import subprocess
import sys
from collections import Counter

import pytest

from tests.conftest import require
from wiretale.cli.live_folds import Folds, LiveCall
from wiretale.decode.record_types import RawCall
from wiretale.model.enums import Arch
from wiretale.model.spool import EventKind
from wiretale.show.order import LineKind, places
from wiretale.show.records import Actor, CallRecord
from wiretale.show.selected import Selection
from wiretale.show.startup_live import Judgement
from wiretale.store.capture import open_capture
from wiretale.store.load.live_calls import CallReader
from wiretale.store.spool import Spool

MS = 1_000_000
PROGRAMS = {
    "python": [sys.executable, "-c", "import json, socket; socket.socket().close(); open('/etc/hosts').read()"],
    "perl": ["perl", "-e", "use POSIX; use IO::Socket; print STDERR getppid();"],
    "bash": ["bash", "-c", "read x < /etc/hosts; cat /etc/hosts; (exit 3)"],
    "nc": ["nc.openbsd", "127.0.0.1", "1"],
}


def live(spool):
    """What the live view shows of a spool that is read as it grew: number of single calls, and the folded lines."""
    shown, folded, open_calls = [], [], {}
    folds = Folds(shown.append, lambda actor, run: folded.append((run.what, run.calls)))
    reader = CallReader(Spool(spool))
    while events := reader.read():
        for event in events:
            if event.kind is EventKind.ENTRY:
                call = LiveCall(CallRecord(0, Actor(event.pid, event.tid, ""), event.call, event.time_ns))
                open_calls[event.tid] = call
                folds.enter(event.tid, call)
            elif event.kind is EventKind.EXIT and event.tid in open_calls:
                call = open_calls.pop(event.tid)
                folds.leave(event.tid, returned(call, event), event.call, event.time_ns)
            elif event.kind is EventKind.EXEC:
                folds.program_starts(event.tid, event.exe, event.argv, event.cwd)
            elif event.kind is EventKind.CLONE:
                folds.child_begins(event.tid, event.number)
            elif event.kind is EventKind.END:
                folds.forget(event.tid)
    return len(shown), Counter(folded)


def returned(call, event):
    record = call.record
    call.record = CallRecord(0, record.actor, event.call, record.entry_ns, event.time_ns)
    return call


@pytest.mark.e2e
@pytest.mark.parametrize("name", PROGRAMS)
def test_live_and_afterwards_the_same_calls_fold(tmp_path, name):
    command = PROGRAMS[name]
    require(shutil.which(command[0]), f"{command[0]} is not installed")
    capture = tmp_path / "c.wiretale"
    subprocess.run(
        [sys.executable, "-m", "wiretale", "record", "-q", "--no-packets", "--keep-spool", "-o", str(capture), "--",
         *command],
        stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    with open_capture(capture) as db:
        lines = [place for batch in places(db, Selection()) for place in batch]
    what = {LineKind.START: Judgement.START, LineKind.LOOK: Judgement.LOOK}
    folded = Counter((what[p.kind], p.count) for p in lines if p.kind in what)
    calls = sum(p.kind in {LineKind.CALL, LineKind.ENTER} for p in lines)
    assert live(tmp_path / "c.wiretale.spool") == (calls, folded)
    assert folded[next(iter(folded))], "something folds at all"


def call(name, entry_ns, *args):
    padded = (*args, 0, 0, 0, 0, 0, 0)[:6]
    return LiveCall(CallRecord(0, Actor(1, 1, "x"), RawCall(name, Arch.X86_64, padded, None, None), entry_ns))


def whole(name, *args, retval=0):
    return RawCall(name, Arch.X86_64, (*args, 0, 0, 0, 0, 0, 0)[:6], retval, None)


@pytest.fixture
def folds():
    shown, folded = [], []
    folds = Folds(shown.append, lambda actor, run: folded.append(run.calls))
    folds.program_starts(1, "/bin/x", ("x",), "/")
    return folds, shown, folded


def start(folds, count, at):
    for i in range(count):
        folds.enter(1, one := call("brk", at + i))
        folds.leave(1, returned_at(one, at + i), whole("brk"), at + i)


def returned_at(one, at):
    one.record = CallRecord(0, one.record.actor, whole(one.record.raw.name), one.record.entry_ns, at)
    return one


def test_a_call_that_blocks_in_a_start_is_shown_while_it_blocks(folds):
    folds, shown, folded = folds
    start(folds, 6, 0)
    folds.enter(1, blocked := call("openat", 10))
    assert folds.release(20) == 0, "nothing younger may be printed yet"
    assert not shown
    assert folds.release(10 + 101 * MS) is None
    assert folded == [6]
    assert shown == [blocked]


def test_a_long_start_is_printed_in_parts(folds):
    folds, shown, folded = folds
    start(folds, 6, 0)
    assert folds.release(900 * MS) == 0
    assert folds.release(1001 * MS) is None
    start(folds, 5, 1002 * MS)
    folds.enter(1, own := call("socket", 1003 * MS))
    assert folded == [6, 5]
    assert shown == [own]


def test_a_descriptor_that_is_kept_is_shown_in_its_place(folds):
    folds, shown, folded = folds
    start(folds, 5, 0)
    folds.enter(1, made := call("epoll_create1", 10))
    made.record = CallRecord(0, made.record.actor, whole("epoll_create1", retval=5), 10, 11)
    folds.leave(1, made, whole("epoll_create1", retval=5), 11)
    start(folds, 5, 20)
    folds.flush(1)
    assert folded == [5, 5]
    assert shown == [made]
