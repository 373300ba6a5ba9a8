"""`kernel.events` to the table `kernel_event`.

The file may be cut anywhere or damaged: whole records of known kinds are read, the rest is counted.
"""

import socket
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.model.enums import SOFTIRQS, TCP_STATES
from wiretale.model.kernel_ring import EVENT, EVENT_BYTES, KINDS, RING_HEADER_BYTES
from wiretale.model.raw import KERNEL_EVENT
from wiretale.store.load.kernel_stacks import load_kernel_stacks
from wiretale.store.progress import Progress, silent
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Spool

_RECORD = np.dtype([("length", "<u4"), ("page", "<u4"), *((name, kind) for name, kind, _ in EVENT)])
_BATCH = 1 << 17
_MOST_TIME_NS = (1 << 62) - 1
_FLAG_BITS = 0xC0000000  # BUSY and DISCARD of a ring record's length
_ABSENT = {  # keys of the report's detail: what became of these tracepoints
    "missing_tracepoints": "this kernel has no such tracepoint",
    "refused_tracepoints": "this kernel does not take the program at this tracepoint",
}
_MISSED = (
    "its program ran on this CPU already, for what an interrupt or softirq had interrupted; whether these passages were"
    " about the recorded programs is not known"
)
_GROUPS = tuple(dict.fromkeys(kind.name.partition(":")[0] for kind in KINDS))
_CONTEXTS = ("task", "softirq")
_NO_OTHER = frozenset(k.number for k in KINDS if k.name.split(":")[0] not in ("sched", "signal"))
_AF_INET, _AF_INET6, _TCP = 2, 10, 6

Records = NDArray[np.void]


def load_kernel_events(
    spool: Spool, manifest: Manifest, db: duckdb.DuckDBPyConnection, progress: Progress = silent
) -> None:
    """Fill `kernel_event`, and say in `coverage` how many there are and what could not be read."""
    if not spool.kernel_path.exists():
        return
    if not any(s.source == "ebpf" for s in manifest.sources):
        reason = "the recorder was killed before it could report"
        manifest.sources.append(SourceReport("ebpf", "kernel", ran=True, reason=reason))
    progress("reading kernel events", None)
    records, unread = read_records(spool.kernel_path)
    order = np.argsort(records["time_ns"], kind="stable")  # the ring's order is that of reservation
    report = next(s for s in manifest.sources if s.source == "ebpf")
    stacks = load_kernel_stacks(spool, report, db, records[order])
    devices = {(netns, ifindex): name for netns, ifindex, name in report.detail.get("devices", ())}
    for begin in range(0, len(order), _BATCH):
        _insert(db, records[order[begin : begin + _BATCH]], begin + 1, stacks[begin : begin + _BATCH], devices)
    statements: list[tuple[int, str, str | None]] = [(len(records), "recorded", None)]
    if unread:
        statements.append((unread, "lost", "records of kernel.events that are cut or damaged"))
    db.executemany("INSERT INTO coverage VALUES ('kernel', 'kernel events', ?, ?, ?, NULL)", statements)
    absent = [(n, why) for key, why in _ABSENT.items() for n in report.detail.get(key, ())]
    asked = report.detail.get("groups") or _GROUPS
    absent += [(f"{group} events", "not asked for") for group in _GROUPS if group not in asked]
    if absent:
        db.executemany("INSERT INTO coverage VALUES ('kernel', ?, 0, 'not recorded', ?, NULL)", absent)
    missed = [(f"passages of {name}", count, _MISSED) for name, count in report.detail.get("missed", {}).items()]
    if missed:
        db.executemany("INSERT INTO coverage VALUES ('kernel', ?, ?, 'lost', ?, NULL)", missed)


def read_records(path: Path) -> tuple[Records, int]:
    """The whole records of a file, and how many are cut, damaged or of an unknown kind."""
    assert _RECORD.itemsize == RING_HEADER_BYTES + EVENT_BYTES
    size = path.stat().st_size
    if size < _RECORD.itemsize:
        return np.empty(0, _RECORD), int(size > 0)
    records: Records = np.memmap(path, _RECORD, mode="r", shape=(size // _RECORD.itemsize,))
    good = (records["length"] & ~np.uint32(_FLAG_BITS) == EVENT_BYTES) & (records["length"] & _FLAG_BITS == 0)
    good &= (records["kind"] >= 1) & (records["kind"] <= len(KINDS)) & (records["time_ns"] <= _MOST_TIME_NS)
    whole: Records = records[good]
    return whole, len(records) - len(whole) + int(size % _RECORD.itemsize > 0)


def _insert(
    db: duckdb.DuckDBPyConnection, records: Records, first_id: int, stacks: NDArray[np.int32],
    devices: dict[tuple[int, int], str],
) -> None:  # fmt: skip
    is_packet = records["head"] != 0
    is_segment = is_packet & (records["protocol"] == _TCP) & (records["tcp_flags"] != 0)
    has_socket = (records["sk"] != 0) & (records["state"] != 0)
    no_other = np.isin(records["kind"], list(_NO_OTHER))
    inet = np.isin(records["family"], (_AF_INET, _AF_INET6))
    no_device = records["ifindex"] == 0
    columns = {
        "event_id": np.arange(first_id, first_id + len(records)),
        "time_ns": records["time_ns"].astype(np.int64),
        "cpu": records["cpu"],
        "name": _named(records["kind"], [None, *(k.name for k in KINDS)]),
        "tid": records["tid"].astype(np.int32),
        "pid": records["tgid"].astype(np.int32),
        "context": _named(records["context"], _CONTEXTS),
        "softirq": _named(records["softirq"], (None, *SOFTIRQS)),
        "other_tid": _null(records["other_tid"].astype(np.int32), no_other),
        "other_pid": _null(records["other_tgid"].astype(np.int32), no_other),
        "value": records["value"],
        "value2": records["value2"],
        "sk": _null(records["sk"], records["sk"] == 0),
        "cookie": _null(records["cookie"], records["cookie"] == 0),
        "skb": _null(records["skb"], records["skb"] == 0),
        "head": _null(records["head"], ~is_packet),
        "location": _null(records["location"], records["location"] == 0),
        "ifindex": _null(records["ifindex"].astype(np.int32), no_device),
        "family": _null(records["family"], records["family"] == 0),
        "protocol": _null(records["protocol"], ~inet),
        "src": _addresses(records["family"], records["source"]),
        "dst": _addresses(records["family"], records["destination"]),
        "srcport": _null(records["source_port"], ~inet),
        "dstport": _null(records["destination_port"], ~inet),
        "seq": _null(records["seq"], ~is_segment),
        "ack": _null(records["ack"], ~is_segment),
        "flags": _null(records["tcp_flags"], ~is_segment),
        "bytes": _null(records["bytes"], ~is_packet),
        "stack_id": _null(stacks, stacks == 0),
        "netns": _null(records["other_tgid"].astype(np.uint64), no_device),
        "device": _device_names(records["other_tgid"], records["ifindex"], devices),
        "state": _named(np.where(has_socket & inet, records["state"], 0), [TCP_STATES.get(n) for n in range(16)]),
    }
    batch = {c.name: columns[c.name] for c in KERNEL_EVENT.columns}  # DuckDB finds it by its name
    assert batch
    db.execute("INSERT INTO kernel_event SELECT * FROM batch")


def _device_names(
    netns: NDArray[np.generic], ifindex: NDArray[np.generic], names: dict[tuple[int, int], str]
) -> NDArray[np.object_]:
    """Of each event the name of its device; None where there is none, or it is not known."""
    places = netns.astype(np.uint64) << np.uint64(32) | ifindex.astype(np.uint64)
    distinct, which = np.unique(places, return_inverse=True)
    known = np.array([names.get((int(p) >> 32, int(p) & 0xFFFFFFFF)) for p in distinct], object)
    return known[which]


def _null(values: NDArray[Any], absent: NDArray[np.bool_]) -> "np.ma.MaskedArray[Any, np.dtype[Any]]":
    return np.ma.masked_array(values, mask=absent)


def _named(numbers: NDArray[np.generic], names: "list[str | None] | tuple[str | None, ...]") -> NDArray[np.object_]:
    """The name of each number; None for those beyond the list."""
    table = np.array([*names, *[None] * (256 - len(names))], object)
    return table[np.minimum(numbers.astype(np.int64), 255)]


def _addresses(family: NDArray[np.generic], raw: NDArray[np.void]) -> NDArray[np.object_]:
    texts = np.full(len(raw), None, object)
    for number, name, size in ((_AF_INET, socket.AF_INET, 4), (_AF_INET6, socket.AF_INET6, 16)):
        rows = np.flatnonzero(family == number)
        distinct, which = np.unique(np.ascontiguousarray(raw[rows]), return_inverse=True)
        known = np.array([socket.inet_ntop(name, bytes(a)[:size].ljust(size, b"\0")) for a in distinct], object)
        if len(rows):
            texts[rows] = known[which]
    return texts
