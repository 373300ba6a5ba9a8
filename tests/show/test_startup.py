import pytest

from tests.show.synthetic import MS, SERVER, US, Builder, insert
from wiretale.decode.record_types import Datum, RawCall
from wiretale.model.enums import Arch
from wiretale.show.order import Selection, places
from wiretale.show.startup import continues_start
from wiretale.store.capture import create_capture, open_capture, write_meta

ENOENT = -2


def path(text):
    return ({"role": "string", "arg": 1, "bytes": text.encode()},)


def shown(tmp_path, calls):
    """The lines that a program's calls give: calls as (name, args, retval, data)."""
    with create_capture(tmp_path / "c.wiretale") as db:
        write_meta(db, {"version": "1"})
        insert(db, "task", {
            "task_id": 1, "tid": SERVER, "pid": SERVER, "is_leader": True, "traced": True, "how": "execve",
            "start_ns": 0,
        })  # fmt: skip
        builder = Builder(db)
        for i, (name, args, retval, data) in enumerate(calls):
            builder.call(
                SERVER, name, 0, args, retval, MS + i * 100 * US, US, args[0] if name == "read" else None, data
            )
    with open_capture(tmp_path / "c.wiretale") as db:
        return [(p.kind.value, p.count) for batch in places(db, Selection()) for p in batch]


LIBRARY = ("openat", (0, 0, 0), 3, path("/lib/x86_64-linux-gnu/libc.so.6"))
MISSING = ("openat", (0, 0, 0), ENOENT, path("/usr/lib/tls/libnss_db.so.2"))
MAP = ("mmap", (0, 1, 2), 0x7000, ())
OWN_FILE = ("openat", (0, 0, 0), 3, path("/home/me/secrets.txt"))
PARENT = ("getppid", (), 1, ())
ASK_TERMINAL = ("ioctl", (1, 0x5401, 0), -25, ())
BYTES_WAITING = ("ioctl", (3, 0x541B, 0), 0, ())
STDIN = ("read", (0, 0, 10), 0, ())


def test_the_start_folds_up_to_the_first_call_of_the_programs_own(tmp_path):
    assert shown(tmp_path, [LIBRARY, MAP, MAP, ASK_TERMINAL, MAP, OWN_FILE, PARENT]) == [
        ("start", 5), ("call", 1), ("call", 1)
    ]  # fmt: skip


@pytest.mark.parametrize("own", [OWN_FILE, PARENT, BYTES_WAITING, STDIN, ("socket", (2, 1, 6), 3, ())])
def test_what_a_reader_may_want_is_never_folded(tmp_path, own):
    kinds = shown(tmp_path, [LIBRARY, MAP, MAP, MAP, MAP, *[own] * 6])
    assert kinds == [("start", 5), *[("call", 1)] * 6]


def test_fewer_than_five_calls_stay(tmp_path):
    assert shown(tmp_path, [LIBRARY, MAP, MAP, MAP, PARENT]) == [("call", 1)] * 5


def test_a_later_search_for_libraries_folds_and_memory_alone_does_not(tmp_path):
    assert shown(tmp_path, [PARENT, *[MISSING] * 5, PARENT]) == [("call", 1), ("look", 5), ("call", 1)]
    assert shown(tmp_path, [PARENT, *[MAP] * 6]) == [("call", 1)] * 7


def test_an_unfinished_call_is_shown(tmp_path):
    assert shown(tmp_path, [LIBRARY, MAP, MAP, MAP, ("read", (3, 0, 1), None, ())]) == [("call", 1)] * 5


@pytest.mark.parametrize(
    ("call", "belongs"),
    [(LIBRARY, True), (MISSING, True), (MAP, True), (ASK_TERMINAL, True), (OWN_FILE, False), (PARENT, False),
     (BYTES_WAITING, False), (STDIN, False)],
)  # fmt: skip
def test_the_live_rule_is_the_same(call, belongs):
    name, args, retval, data = call
    padded = (*args, 0, 0, 0, 0, 0, 0)[:6]
    pieces = tuple(Datum(False, d["role"], d["arg"], 0, 0, 0, len(d["bytes"]), 0, d["bytes"]) for d in data)
    raw = RawCall(name, Arch.X86_64, padded, retval, -retval if retval < 0 else None, pieces)
    assert continues_start(raw) is belongs
