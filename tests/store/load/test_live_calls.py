"""Following a recording that grows."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.load.ptrace_spool import EXECVE, READ, WRITE, PtraceSpool
from wiretale.model.spool import EventKind, Role
from wiretale.store.load.live_calls import CallReader
from wiretale.store.spool import Spool


def test_calls_appear_as_they_are_committed(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.event(EventKind.ATTACHED)
    made.chunk(Role.COMM, b"nc\n")
    made.entry(WRITE, 3, 0x1000, 6)
    made.chunk(Role.PAYLOAD, b"salam\n", arg=1)
    reader = CallReader(made.write(tmp_path))
    attached, entry = reader.read()
    assert attached.comm == "nc" and attached.call is None
    assert entry.kind is EventKind.ENTRY and entry.call is not None
    assert (entry.call.name, entry.call.retval, entry.call.data[0].bytes) == ("write", None, b"salam\n")
    assert reader.read() == []
    made.exit(WRITE, -32)
    made.write(tmp_path)
    (done,) = reader.read()
    assert done.call is not None and done.entry_ns == 10
    assert (done.call.retval, done.call.errno, done.call.args[0]) == (-32, 32, 3)
    assert done.call.data == entry.call.data


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=20))
def test_no_piece_is_missed_wherever_a_read_ends(tmp_path: Path, steps: list[tuple[int, bool]]) -> None:
    """Each step is an event with so many pieces; True: the reader looks just then."""
    made = PtraceSpool()
    reader = CallReader(made.write(tmp_path))
    seen = []
    for pieces, looks in [*steps, (0, True)]:
        made.entry(READ, 3)
        for n in range(pieces):
            made.chunk(Role.PAYLOAD, b"x", arg=1, index=n)
        if looks:
            made.write(tmp_path)
            seen += [len(event.call.data) for event in reader.read() if event.call is not None]
    assert seen == [pieces for pieces, _ in steps] + [0]


def test_execve_of_a_thread_keeps_its_entry(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.entry(EXECVE, 5, tid=11)
    made.event(EventKind.EXEC, 10, number=11)
    made.exit(EXECVE, 0, tid=10)
    events = CallReader(made.write(tmp_path)).read()
    assert events[-1].entry_ns == 0 and events[-1].call is not None and events[-1].call.args[0] == 5


def test_an_exit_alone_is_shown_without_its_entry(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.exit(READ, 4)
    (event,) = CallReader(made.write(tmp_path)).read()
    assert event.entry_ns is None and event.call is not None and event.call.retval == 4


def test_before_there_are_files_there_is_nothing(tmp_path: Path) -> None:
    assert CallReader(Spool(tmp_path)).read() == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["events_path", "chunks_path", "data_path"]),
    st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), max_size=30),
    st.integers(0, 6000),
)
def test_damage_is_survived(tmp_path: Path, name: str, damage: list[tuple[int, int]], cut: int) -> None:
    made = PtraceSpool()
    for i in range(6):
        made.entry(WRITE, i)
        made.chunk(Role.PAYLOAD, b"x" * i, arg=1)
        made.exit(WRITE, i)
    spool = made.write(tmp_path)
    path: Path = getattr(spool, name)
    raw = bytearray(path.read_bytes())
    for at, value in damage:
        raw[at % len(raw)] = value
    path.write_bytes(raw[: len(raw) - cut])
    reader = CallReader(spool)
    assert len(reader.read()) <= 12
    reader.read()
