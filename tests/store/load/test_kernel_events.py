"""`kernel.events` to rows: whole records are read, everything else is counted."""

from pathlib import Path

import duckdb
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.model.kernel_ring import EVENT, EVENT_BYTES, KINDS, RING_HEADER_BYTES
from wiretale.model.raw import COVERAGE, KERNEL_EVENT
from wiretale.store.load.kernel_events import load_kernel_events, read_records
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Spool

STRIDE = RING_HEADER_BYTES + EVENT_BYTES
LAYOUT = np.dtype([("length", "<u4"), ("page", "<u4"), *((name, kind) for name, kind, _ in EVENT)])
NUMBER = {kind.name: kind.number for kind in KINDS}


def record(name: str, **fields: object) -> bytes:
    """One record as the ring holds it."""
    row = np.zeros(1, LAYOUT)
    row["length"], row["kind"] = EVENT_BYTES, NUMBER[name]
    for field, value in fields.items():
        row[field] = np.void(value) if isinstance(value, bytes) else value
    return row.tobytes()


def loaded(folder: Path, data: bytes, **detail: object) -> duckdb.DuckDBPyConnection:
    spool = Spool(folder)
    spool.kernel_path.write_bytes(data)
    db = duckdb.connect()
    db.execute(KERNEL_EVENT.ddl)
    db.execute(COVERAGE.ddl)
    manifest = Manifest()
    manifest.sources.append(SourceReport("ebpf", "kernel", ran=True, detail=detail))
    load_kernel_events(spool, manifest, db)
    return db


def test_events_come_in_the_order_of_time_with_words_for_numbers(tmp_path: Path) -> None:
    address = bytes([127, 0, 0, 1]) + bytes(12)
    later = record(
        "net:netif_receive_skb", time_ns=20, head=7, family=2, protocol=6, tcp_flags=0x12, seq=9, ack=8, bytes=5,
        source=address, destination=address, source_port=4000, destination_port=4444, context=1, softirq=4,
    )  # fmt: skip
    earlier = record("sched:sched_waking", time_ns=10, tid=3, tgid=3, other_tid=5, other_tgid=5)
    db = loaded(tmp_path, later + earlier)
    names = "name, context, softirq, other_tid, src, srcport, dstport, seq, ack, flags, bytes"
    assert db.execute(f"SELECT {names} FROM kernel_event ORDER BY event_id").fetchall() == [
        ("sched:sched_waking", "task", None, 5, None, None, None, None, None, None, None),
        ("net:netif_receive_skb", "softirq", "NET_RX", None, "127.0.0.1", 4000, 4444, 9, 8, 0x12, 5),
    ]


def test_what_is_cut_busy_or_unknown_is_counted(tmp_path: Path) -> None:
    good = record("sock:sk_data_ready", time_ns=1)
    busy = np.frombuffer(good, LAYOUT).copy()
    busy["length"] |= np.uint32(0x80000000)
    unknown = np.frombuffer(good, LAYOUT).copy()
    unknown["kind"] = len(KINDS) + 1
    db = loaded(tmp_path, good + busy.tobytes() + unknown.tobytes() + good[:-1])
    assert db.execute("SELECT count, state FROM coverage ORDER BY count").fetchall() == [(1, "recorded"), (3, "lost")]


def test_passages_that_ran_no_program_are_counted_by_tracepoint(tmp_path: Path) -> None:
    db = loaded(tmp_path, record("skb:consume_skb", time_ns=1), missed={"consume_skb": 3})
    found = db.execute("SELECT item, count, state FROM coverage WHERE item LIKE 'passages%'").fetchall()
    assert found == [("passages of consume_skb", 3, "lost")]


@settings(deadline=None)
@given(st.binary(max_size=4 * STRIDE), st.integers(0, 3))
def test_any_bytes_give_rows_or_counts(tmp_path_factory: object, data: bytes, whole: int) -> None:
    folder = tmp_path_factory.mktemp("spool")  # type: ignore[attr-defined]
    db = loaded(folder, record("tcp:tcp_probe", time_ns=5, family=10, state=255) * whole + data)
    records, unread = read_records(Spool(folder).kernel_path)
    assert db.execute("SELECT count(*) FROM kernel_event").fetchone() == (len(records),)
    assert len(records) >= whole
    assert unread >= int(len(data) % STRIDE > 0)
