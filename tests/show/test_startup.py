import itertools

import pytest

from tests.show.synthetic import MS, SERVER, US, Builder, insert
from wiretale.decode.record_types import Datum, RawCall
from wiretale.model.enums import Arch
from wiretale.model.raw import CAPTURE_VERSION
from wiretale.model.tables import TABLES
from wiretale.show.order import places
from wiretale.show.selected import Selection
from wiretale.show.startup_live import Judgement, Program
from wiretale.store.capture import create_capture, open_capture, write_meta

ENOENT = -2


ON_DESCRIPTOR = ("read", "close", "fstat", "ioctl", "getdents64")


def opened(db, calls):
    """Rows of `file` and `call_file`, as the joins would make them of these calls."""
    for table in TABLES:
        if table.name in {"file", "call_file"}:
            db.execute(table.ddl)
    names, files = {}, {}
    for i, (name, args, retval, data) in enumerate(calls, 1):
        if name == "openat" and retval >= 0:
            files[i], names[retval] = data[0]["bytes"].decode(), i
        elif name in ON_DESCRIPTOR and args[0] in names:
            insert(db, "call_file", {"call_id": i, "file_id": names[args[0]]})
    insert(db, "file", *({"file_id": i, "kind": "file", "name": n, "from_ns": 0} for i, n in files.items()))


def path(text):
    return ({"role": "string", "arg": 1, "bytes": text.encode()},)


def shown(tmp_path, calls, **program):
    """The lines that a program's calls give: calls as (name, args, retval, data)."""
    with create_capture(tmp_path / "c.wiretale") as db:
        write_meta(db, {"version": CAPTURE_VERSION})
        insert(db, "task", {
            "task_id": 1, "tid": SERVER, "pid": SERVER, "is_leader": True, "traced": True, "how": "execve",
            "start_ns": 0, **program,
        })  # fmt: skip
        builder = Builder(db)
        for i, (name, args, retval, data) in enumerate(calls):
            builder.call(
                SERVER, name, 0, args, retval, MS + i * 100 * US, US, args[0] if name in ON_DESCRIPTOR else None, data
            )
        opened(db, calls)
    with open_capture(tmp_path / "c.wiretale") as db:
        return [(p.kind.value, p.count) for batch in places(db, Selection()) for p in batch]


LIBRARY = ("openat", (0, 0, 0), 3, path("/lib/x86_64-linux-gnu/libc.so.6"))
MISSING = ("openat", (0, 0, 0), ENOENT, path("/usr/lib/tls/libnss_db.so.2"))
MAP = ("mmap", (0, 1, 2), 0x7000, ())
OWN_FILE = ("openat", (0, 0, 0), 3, path("/home/me/secrets.txt"))
OWN_READ = ("read", (3, 0, 10), 10, ())
BEFORE = ("read", (7, 0, 10), 10, ())
FORK = ("fork", (), 77, ())
PIPE = ("pipe2", (0, 0), 0, ())
EPOLL = ("epoll_create1", (0,), 5, ())
CLOSE = ("close", (5,), 0, ())
ASK_TERMINAL = ("ioctl", (1, 0x5401, 0), -25, ())
BYTES_WAITING = ("ioctl", (3, 0x541B, 0), 0, ())
STDIN = ("read", (0, 0, 10), 0, ())


def test_the_start_folds_up_to_the_first_call_of_the_programs_own(tmp_path):
    assert shown(tmp_path, [LIBRARY, MAP, MAP, ASK_TERMINAL, MAP, OWN_FILE, FORK]) == [
        ("start", 5), ("call", 1), ("call", 1)
    ]  # fmt: skip


@pytest.mark.parametrize("own", [OWN_FILE, FORK, BYTES_WAITING, STDIN, ("socket", (2, 1, 6), 3, ())])
def test_what_a_reader_may_want_is_never_folded(tmp_path, own):
    kinds = shown(tmp_path, [LIBRARY, MAP, MAP, MAP, MAP, *[own] * 6])
    assert kinds == [("start", 5), *[("call", 1)] * 6]


def test_fewer_than_five_calls_stay(tmp_path):
    assert shown(tmp_path, [LIBRARY, MAP, MAP, MAP, FORK]) == [("call", 1)] * 5


def test_a_later_search_for_libraries_folds_and_memory_alone_does_not(tmp_path):
    assert shown(tmp_path, [FORK, *[MISSING] * 5, FORK]) == [("call", 1), ("look", 5), ("call", 1)]
    assert shown(tmp_path, [FORK, *[MAP] * 6]) == [("call", 1)] * 7


def test_an_unfinished_call_is_shown(tmp_path):
    assert shown(tmp_path, [LIBRARY, MAP, MAP, MAP, ("read", (3, 0, 1), None, ())]) == [("call", 1)] * 5


@pytest.mark.parametrize("call", [PIPE, EPOLL])
def test_what_a_start_makes_is_shown_and_does_not_end_it(tmp_path, call):
    assert shown(tmp_path, [*[MAP] * 5, call, *[MAP] * 5, FORK, *[MAP] * 5]) == [
        ("start", 5), ("call", 1), ("start", 5), *[("call", 1)] * 6
    ]  # fmt: skip


def test_a_descriptor_made_only_to_see_whether_that_works_folds(tmp_path):
    assert shown(tmp_path, [MAP, MAP, EPOLL, CLOSE, MAP, FORK]) == [("start", 5), ("call", 1)]


def load(code):
    """An interpreter opens, looks at, reads and closes a file."""
    return [
        ("openat", (0, 0, 0), 3, path(code)), ("fstat", (3, 0), 0, ()), ("ioctl", (3, 0x5401, 0), -25, ()),
        ("read", (3, 0, 10), 10, ()), ("close", (3,), 0, ()),
    ]  # fmt: skip


PYTHON = {"exe": "/usr/bin/python3.11", "argv": ["python3", "./tool"], "cwd": "/home/me"}
DIRECTORY = [
    ("openat", (0, 0, 0o200000), 3, path("/home/me")), ("getdents64", (3, 0, 0), 0, ()), ("close", (3,), 0, ())
]  # fmt: skip


@pytest.mark.parametrize(
    ("program", "code", "folds"),
    [
        (PYTHON, "/home/me/lib/mine.py", True),
        (PYTHON, "/home/me/tool", True),
        (PYTHON, "/home/me/tool.txt", False),
        (PYTHON, "/home/me/python/notes", False),
        (PYTHON, "/home/me/mine.js", False),
        ({"exe": "/usr/bin/node", "argv": ["node", "x"]}, "/srv/app/server.mjs", True),
        ({"exe": "/usr/bin/perl", "argv": ["perl", "-w", "x"]}, "x", True),
        ({"exe": "/usr/bin/bash", "argv": ["bash", "x", "y"]}, "y", False),
        ({"exe": "/usr/bin/cat", "argv": ["cat", "a.py"]}, "a.py", False),
        ({"exe": "/usr/bin/netstat", "argv": ["netstat"]}, "/proc/net/tcp", False),
    ],
)
def test_an_interpreter_loads_its_code_in_its_start_and_nothing_else(tmp_path, program, code, folds):
    kinds = shown(tmp_path, [*[MAP] * 5, *load(code), FORK], **program)
    assert kinds == ([("start", 10), ("call", 1)] if folds else [("start", 5), *[("call", 1)] * 6])


def test_an_interpreter_looks_through_directories(tmp_path):
    assert shown(tmp_path, [MAP, MAP, *DIRECTORY, FORK], **PYTHON) == [("start", 5), ("call", 1)]
    shown_of_ls = shown(tmp_path, [*[MAP] * 5, *DIRECTORY, FORK], exe="/usr/bin/ls", argv=["ls"])
    assert shown_of_ls == [("start", 5), *[("call", 1)] * 4]


SEQUENCES = [
    ([LIBRARY, MAP, ASK_TERMINAL], {}),
    ([OWN_FILE, OWN_READ], {}),
    ([FORK], {}), ([BYTES_WAITING], {}), ([STDIN], {}), ([BEFORE], {}), ([PIPE, MAP], {}), ([EPOLL, CLOSE, MAP], {}),
    ([MISSING, MAP], {}),
    ([FORK, *load("/usr/lib/x.so"), MISSING], {}), ([FORK, *load("/home/me/x")], {}),
    (load("/home/me/tool"), PYTHON), (load("/home/me/tool.txt"), PYTHON), (DIRECTORY, PYTHON), (DIRECTORY, {}),
    ([FORK, ("stat", (0, 0), 0, path("/home/me")), MISSING], PYTHON), ([FORK, *load("/home/me/mine.py")], PYTHON),
]  # fmt: skip


@pytest.mark.parametrize(("calls", "program"), SEQUENCES)
def test_the_live_rule_is_the_same(tmp_path, calls, program):
    # Each call five times, so that what may fold does.
    calls = [call for call in calls for _ in range(5 if call[0] not in {"openat", "close", "epoll_create1"} else 1)]
    calls = [*[MAP] * 5, *calls]
    live = Program(program.get("exe", ""), tuple(program.get("argv", ())), program.get("cwd", ""), starting=True)
    judged = []
    for name, args, retval, data in calls:
        padded = (*args, 0, 0, 0, 0, 0, 0)[:6]
        pieces = tuple(Datum(False, d["role"], d["arg"], 0, 0, 0, len(d["bytes"]), 0, d["bytes"]) for d in data)
        raw = RawCall(name, Arch.X86_64, padded, retval, -retval if retval < 0 else None, pieces)
        judged.append(live.judge(raw))
    folding = {Judgement.START: "start", Judgement.PROBES: "start", Judgement.LOOK: "look"}
    expected = [folding.get(j, "call") for j in judged]
    if EPOLL in calls and CLOSE not in calls:
        expected[calls.index(EPOLL)] = "call"
    lines = shown(tmp_path, calls, **program)
    assert lines == runs(expected)


def runs(kinds):
    """As `places` gives them: calls one by one, what folds in runs of at least five."""
    found = []
    for kind, group in itertools.groupby(kinds):
        count = len(list(group))
        found += [(kind, count)] if kind != "call" and count >= 5 else [("call", 1)] * count
    return found
