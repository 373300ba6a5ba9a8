"""`kernel.stacks` to rows: every stack finds its event, and what is damaged is counted."""

from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.load.test_kernel_events import NUMBER, record
from wiretale.model.kernel_ring import RING_HEADER_BYTES, STACK, STACK_BYTES, STACK_FRAMES
from wiretale.model.raw import COVERAGE, KERNEL_EVENT, KERNEL_FRAME, KERNEL_STACK
from wiretale.store.load.kernel_events import load_kernel_events
from wiretale.store.load.kernel_stacks import read_stacks
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Spool

LAYOUT = np.dtype([("length", "<u4"), ("page", "<u4"), *((name, kind) for name, kind, _ in STACK)])
STRIDE = RING_HEADER_BYTES + STACK_BYTES
READY, WAKING = "sock:sk_data_ready", "sched:sched_waking"
NAMES = (
    "bpf_trace_run1", "sock_def_readable", "tcp_v4_rcv", "handle_softirqs", "__irq_exit_rcu", "asm_common_interrupt",
    "ext4_create",
)  # fmt: skip
START = 0xFFFFFFFF81000000
AT = {name: START + 0x100 * place + 1 for place, name in enumerate(NAMES)}
KALLSYMS = "".join(f"{AT[name] - 1:x} T {name}\n" for name in NAMES)


def stack(name: str, *functions: str, size: int | None = None, **fields: int) -> bytes:
    """One record as the ring holds it; behind the filled frames there is what was there before."""
    row = np.zeros(1, LAYOUT)
    row["length"], row["kind"] = STACK_BYTES, NUMBER[name]
    row["frames"] = 0xDEAD
    row["frames"][0, : len(functions)] = [AT[f] for f in functions]
    row["bytes"] = 8 * len(functions) if size is None else size
    for field, value in fields.items():
        row[field] = value
    return row.tobytes()


def loaded(
    folder: Path, events: bytes, stacks: bytes, kallsyms: str | None = KALLSYMS, **detail: object
) -> duckdb.DuckDBPyConnection:
    spool = Spool(folder)
    spool.kernel_path.write_bytes(events)
    spool.stacks_path.write_bytes(stacks)
    if kallsyms is not None:
        spool.symbols_path.write_text(kallsyms)
    db = duckdb.connect()
    for table in (KERNEL_EVENT, KERNEL_STACK, KERNEL_FRAME, COVERAGE):
        db.execute(table.ddl)
    manifest = Manifest(sources=[SourceReport("ebpf", "kernel", ran=True, detail=dict(detail))])
    load_kernel_events(spool, manifest, db)
    return db


def said(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    rows = db.execute("SELECT coalesce(reason, state), count FROM coverage WHERE item = 'kernel stacks'").fetchall()
    return dict(rows)


def test_a_stack_belongs_to_the_event_with_its_time_cpu_and_kind(tmp_path: Path) -> None:
    """Two CPUs pass an event in the same nanosecond; equal stacks are one."""
    events = (
        record(READY, time_ns=10, cpu=0), record(READY, time_ns=10, cpu=1), record(WAKING, time_ns=10, cpu=1),
        record(READY, time_ns=20, cpu=0), record(READY, time_ns=30, cpu=0),
    )  # fmt: skip
    short, long = ("bpf_trace_run1", "tcp_v4_rcv"), ("sock_def_readable", "tcp_v4_rcv")
    stacks = (
        stack(READY, *short, time_ns=10, cpu=1), stack(WAKING, *long, time_ns=10, cpu=1),
        stack(READY, *short, time_ns=20, cpu=0),
    )  # fmt: skip
    db = loaded(tmp_path, b"".join(events), b"".join(stacks))
    got = db.execute(
        "SELECT e.time_ns, e.cpu, e.name, list(f.function ORDER BY depth) FROM kernel_event e"
        " JOIN kernel_frame f USING (stack_id) GROUP BY ALL ORDER BY 1, 2, 3"
    ).fetchall()
    assert got == [
        (10, 1, WAKING, list(long)), (10, 1, READY, list(short)), (20, 0, READY, list(short)),
    ]  # fmt: skip
    assert db.execute("SELECT count(*) FROM kernel_stack").fetchone() == (2,)
    assert said(db) == {"recorded": 3}


def test_frames_say_what_they_are(tmp_path: Path) -> None:
    db = loaded(tmp_path, record(READY, time_ns=1), stack(READY, *NAMES, time_ns=1))
    assert db.execute("SELECT context, backlog, frames, truncated FROM kernel_stack").fetchall() == [
        ("softirq after an interrupt", False, len(NAMES), False)
    ]
    frames = db.execute("SELECT part, function, address, offset_bytes FROM kernel_frame ORDER BY depth").fetchall()
    parts = ("tracing", "work", "work", "entry", "entry", "entry", "interrupted")
    assert frames == [(part, name, AT[name], 1) for part, name in zip(parts, NAMES, strict=True)]


@pytest.mark.parametrize("kallsyms", [None, "".join(f"{0:016x} T {name}\n" for name in NAMES)])
def test_without_names_the_addresses_remain_and_coverage_says_why(tmp_path: Path, kallsyms: str | None) -> None:
    hidden = {"hidden": "kernel.kptr_restrict is 2"}
    db = loaded(tmp_path, record(READY, time_ns=1), stack(READY, "tcp_v4_rcv", time_ns=1), kallsyms, symbols=hidden)
    assert db.execute("SELECT context FROM kernel_stack").fetchall() == [("unknown",)]
    assert db.execute("SELECT address, function, offset_bytes, module FROM kernel_frame").fetchall() == [
        (AT["tcp_v4_rcv"], None, None, None)
    ]
    (reason,) = said(db).keys() - {"recorded"}
    assert "kptr_restrict is 2" in reason


def test_what_is_lost_cut_or_damaged_is_counted(tmp_path: Path) -> None:
    good = stack(READY, "tcp_v4_rcv", time_ns=1)
    records = (
        good, stack(READY, "tcp_v4_rcv", time_ns=2), stack(READY, time_ns=1, size=-14),
        stack(READY, "tcp_v4_rcv", time_ns=1, length=STACK_BYTES | 0x80000000),
        stack(READY, "tcp_v4_rcv", time_ns=1, size=STACK_BYTES + 8), stack(READY, "tcp_v4_rcv", time_ns=1, kind=200),
    )  # fmt: skip
    db = loaded(tmp_path, record(READY, time_ns=1), b"".join(records) + good[:-1], stacks_lost=7)
    assert said(db) == {
        "recorded": 1, "the ring of stacks was full": 7, "stacks whose event was lost": 1,
        "the kernel could not walk the stack": 2, "records of kernel.stacks that are cut or damaged": 3,
    }  # fmt: skip


def test_a_stack_that_fills_its_room_is_truncated(tmp_path: Path) -> None:
    full = stack(READY, *["tcp_v4_rcv"] * STACK_FRAMES, time_ns=1)
    db = loaded(tmp_path, record(READY, time_ns=1), full)
    assert db.execute("SELECT frames, truncated FROM kernel_stack").fetchall() == [(STACK_FRAMES, True)]


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=2 * STRIDE), st.lists(st.integers(0, STACK_FRAMES), max_size=3), st.integers(0, STRIDE))
def test_any_bytes_give_rows_or_counts(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, sizes: list[int], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    events = b"".join(record(READY, time_ns=t) for t in range(len(sizes)))
    stacks = b"".join(stack(READY, *["tcp_v4_rcv"] * n, time_ns=t) for t, n in enumerate(sizes))
    db = loaded(folder, events, stacks + data[: len(data) - cut])
    records, unread = read_stacks(Spool(folder).stacks_path)
    counts = said(db)
    assert sum(counts.values()) == len(records) + unread
    assert counts["recorded"] == sum(n > 0 for n in sizes)
    assert db.execute("SELECT count(*) FROM kernel_event WHERE stack_id > 0").fetchone() == (counts["recorded"],)


def real_stacks() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Context, event, and (function, part) from the innermost on, of real_stacks.txt."""
    found: list[tuple[str, str, list[tuple[str, str]]]] = []
    part = ""
    for line in (Path(__file__).parent / "real_stacks.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        if not line.startswith(" "):
            context, _, event = line.partition(" | ")
            found.append((context, event, []))
            continue
        head, colon, rest = line.partition(":")
        part = head.strip() if colon else part
        found[-1][2].extend((name, part) for name in (rest if colon else line).split())
    return found


def test_stacks_of_a_real_kernel_are_divided_between_event_and_bystander(tmp_path: Path) -> None:
    """A spool as this kernel wrote it: what belongs to the event, to whom it ran in, and to nobody."""
    wanted = real_stacks()
    contexts = {context for context, _, _ in wanted}
    assert len(wanted) >= 30 and {"task", "softirq in a call", "softirq after an interrupt"} <= contexts
    names = sorted({name for _, _, frames in wanted for name, _ in frames})
    at = {name: START + 0x100 * place for place, name in enumerate(names)}
    events, stacks = [], []
    for time_ns, (_, event, frames) in enumerate(wanted, 1):
        row = np.zeros(1, LAYOUT)
        row["length"], row["kind"], row["time_ns"], row["bytes"] = STACK_BYTES, NUMBER[event], time_ns, 8 * len(frames)
        row["frames"][0, : len(frames)] = [at[name] + 5 for name, _ in frames]
        events.append(record(event, time_ns=time_ns))
        stacks.append(row.tobytes())
    kallsyms = "".join(f"{address:x} t {name}\n" for name, address in at.items())
    db = loaded(tmp_path, b"".join(events), b"".join(stacks), kallsyms)
    got = db.execute(
        "SELECT s.context, e.name, list((f.function, f.part) ORDER BY f.depth) FROM kernel_event e"
        " JOIN kernel_stack s USING (stack_id) JOIN kernel_frame f USING (stack_id)"
        " GROUP BY e.event_id, s.context, e.name ORDER BY e.event_id"
    ).fetchall()
    assert [(context, event, [tuple(f) for f in frames]) for context, event, frames in got] == wanted
