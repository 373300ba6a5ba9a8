"""Rows of `call_data`, `descriptor_sample`, `socket_sample` and `signal`, from the chunks of events."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.decode.constants import names as constant_name
from wiretale.decode.constants import signal_name
from wiretale.decode.sockaddr import decode_sockaddr
from wiretale.light import dataclass
from wiretale.model.raw import CALL_DATA, DESCRIPTOR_SAMPLE, SIGNAL, SOCKET_SAMPLE
from wiretale.model.spool import EventKind, Role
from wiretale.store.bulk import BATCH_ROWS, Batch, Coded, coded, insert
from wiretale.store.load.ptrace_files import SOCKET_TYPE, Array, Numbers, Records
from wiretale.store.load.rows import insert_rows
from wiretale.store.load.tasks import Tasks, text
from wiretale.store.progress import Progress, silent, tracked

_OF_CALLS = (EventKind.ENTRY, EventKind.EXIT)
_SAMPLES = (Role.SOCKET, Role.LINK, Role.NAME, Role.OTHER_END)
_ROLE_NAMES = ["", *(Role(i).name.lower() for i in range(1, max(Role) + 1))]
_INSERT = f"INSERT INTO call_data SELECT {', '.join(CALL_DATA.quoted_names)} FROM batch"  # noqa: S608 (of the model)
# asm-generic/siginfo.h: codes that name a sender; of SIGCHLD all do
_SI_USER, _SI_QUEUE, _SI_TKILL = 0, -1, -6
_SIGCHLD = 17
_SENDER_CODES = frozenset({_SI_USER, _SI_QUEUE, _SI_TKILL})


@dataclass(slots=True)
class Owners:
    """For each event the call it belongs to (call_id), 0 if none."""

    call_id: Numbers

    @classmethod
    def of(cls, events: int, entry: Numbers, exit_: Numbers) -> "Owners":
        """For `events` records; `entry` and `exit_` are the records of each call, -1 where it did not return."""
        ids = np.zeros(events, np.int64)
        number = np.arange(1, len(entry) + 1)
        ids[entry] = number
        done = exit_ >= 0
        ids[exit_[done]] = number[done]
        return cls(ids)


def insert_call_data(
    db: duckdb.DuckDBPyConnection, records: Records, owners: Owners, progress: Progress = silent
) -> int:
    """Fill `call_data`, in order of calls. Returns how many payloads were cut at snaplen."""
    call = owners.call_id[records.event_of]
    role = records.role
    wanted = np.flatnonzero((call > 0) & ~np.isin(role, _SAMPLES))
    batches = _data_batches(records, call, wanted)
    insert(db, _INSERT, tracked(progress, "reading what calls carried", batches, len(wanted) / BATCH_ROWS))
    payload = wanted[role[wanted] == Role.PAYLOAD]
    cut = 0
    for at in range(0, len(payload), BATCH_ROWS):
        part = records.chunks[payload[at : at + BATCH_ROWS]]
        cut += int(np.count_nonzero((part["captured_bytes"] < part["full_bytes"]) & (part["error"] == 0)))
        records.forget()
    return cut


def _data_batches(records: Records, call: Numbers, wanted: Numbers) -> Iterator[Batch]:
    for begin in range(0, len(wanted), BATCH_ROWS):
        which = wanted[begin : begin + BATCH_ROWS]
        chunk = records.chunks[which]
        yield {
            "call_id": call[which],
            "at_exit": records.kind[records.event_of[which]] == EventKind.EXIT,
            "role": Coded(chunk["role"].astype(np.int32), _ROLE_NAMES),
            "arg": chunk["arg"].astype(np.int32),
            "idx": (chunk["index"] & 0x7FFFFFFF).astype(np.int32),
            "address": chunk["address"],
            "offset": np.where(chunk["role"] == Role.PAYLOAD, chunk["detail"], 0).astype(np.int64),
            "full_bytes": chunk["full_bytes"].astype(np.int64),
            "error": chunk["error"],
            "bytes": records.slices(which),
        }
        records.forget()


@lru_cache(maxsize=4096)
def _inode(target: str) -> int | None:
    """The number in socket:[123] and pipe:[123]."""
    kind, _, rest = target.partition(":[")
    digits = rest.removesuffix("]")
    return int(digits) if kind in ("socket", "pipe") and digits.isdigit() and len(digits) < 20 else None


def insert_samples(db: duckdb.DuckDBPyConnection, records: Records, owners: Owners) -> None:
    """Fill `descriptor_sample` and `socket_sample` with what descriptors were right at a stop."""
    chunks, events = records.chunks, records.events
    role = records.role
    which = np.flatnonzero((role == Role.SOCKET) | (role == Role.LINK))
    is_link = role[which] == Role.LINK
    whole = is_link | (chunks["captured_bytes"][which] == SOCKET_TYPE.itemsize)
    kept = whole & (chunks["detail"][which] < 1 << 31)
    which, is_socket = which[kept], ~is_link[kept]
    if not len(which):
        return
    event = records.event_of[which]
    time_ns, call = events["time_ns"][event].astype(np.int64), owners.call_id[event]
    call_id = np.ma.masked_equal(call, 0)
    sockets = _sockets(records, which[is_socket])
    targets = np.empty(len(which), object)
    inodes = np.ma.masked_array(np.zeros(len(which), np.uint64), True)
    targets[is_socket] = [f"socket:[{inode}]" for inode in sockets["inode"].tolist()]
    inodes[is_socket] = sockets["inode"]
    links = [text(raw) for raw in records.bytes_of(which[~is_socket])]
    targets[~is_socket] = links
    linked = [_inode(target) for target in links]
    inodes[~is_socket] = np.ma.masked_array([i or 0 for i in linked], [i is None for i in linked], np.uint64)
    columns: Batch = {
        "time_ns": time_ns,
        "pid": events["tgid"][event].astype(np.int32),
        "fd": chunks["detail"][which].astype(np.int32),
        "call_id": call_id,
        "target": coded(targets),
        "inode": inodes,
    }
    insert(db, DESCRIPTOR_SAMPLE.insertion(tuple(columns)), [columns])
    if len(sockets):
        columns = _socket_columns(sockets, time_ns[is_socket], call_id[is_socket])
        insert(db, SOCKET_SAMPLE.insertion(tuple(columns)), [columns])


def _sockets(records: Records, which: Numbers) -> Array:
    """struct wt_socket of the chunks at `which`."""
    slices = records.slices(which)
    size = SOCKET_TYPE.itemsize
    raw: NDArray[np.uint8] = slices.buffer[slices.start[:, None] + np.arange(size)]
    return raw.view(SOCKET_TYPE).reshape(len(which))


@lru_cache(maxsize=65536)
def _address(raw: bytes) -> tuple[str | None, int | None]:
    """Address and port as the table holds them. An unbound unix socket has neither."""
    if not raw:
        return None, None
    found = decode_sockaddr(raw)
    return found.address, found.port


def _socket_columns(sockets: Array, time_ns: Numbers, call_id: Numbers) -> Batch:
    """Columns of `socket_sample`. A socket without cookies has 0 there."""
    columns: dict[str, NDArray[Any] | Coded] = {
        "time_ns": time_ns,
        "call_id": call_id,
        "inode": sockets["inode"],
        "cookie": np.ma.masked_equal(sockets["cookie"], 0),
        "netns_cookie": np.ma.masked_equal(sockets["netns_cookie"], 0),
        "family": coded(constant_name("family", n) for n in sockets["family"].tolist()),
        "type": coded(constant_name("socket_kind", n) for n in sockets["type"].tolist()),
        "protocol": sockets["protocol"],
        "state": Coded(np.where(sockets["listening"] == 1, 0, -1), ["LISTEN"]),
    }
    most = SOCKET_TYPE["local"].itemsize
    for end in ("local", "peer"):
        sizes = np.minimum(sockets[f"{end}_bytes"], most).tolist()
        raws = sockets[end].tolist()  # of type void: bytes, with their zeros
        found = [_address(bytes(raw)[:size]) for raw, size in zip(raws, sizes, strict=True)]
        columns[f"{end}_addr"] = coded(address for address, _ in found)
        ports = [port for _, port in found]
        columns[f"{end}_port"] = np.ma.masked_array([p or 0 for p in ports], [p is None for p in ports], np.int64)
    return columns


def insert_signals(db: duckdb.DuckDBPyConnection, records: Records, tasks: Tasks) -> None:
    """Fill `signal`."""
    events = records.events
    which = np.flatnonzero(np.isin(records.kind, (EventKind.SIGNAL, EventKind.GROUP_STOP)))
    if not len(which):
        return
    ids = tasks.ids_of(events["tid"][which].astype(np.int64), events["seq"][which].astype(np.int64))
    details = np.flatnonzero(records.role == Role.SIGINFO)
    siginfo = dict(zip(records.event_of[details].tolist(), records.bytes_of(details), strict=True))
    rows: list[dict[str, object]] = []
    for i, task_id in zip(which.tolist(), ids.tolist(), strict=True):
        event = events[i]
        number = int(event["number"]) & 0x7F
        rows.append({
            "time_ns": int(event["time_ns"]),
            "task_id": task_id,
            "tid": int(event["tid"]),
            "number": number,
            "name": signal_name(number),
            "stopped": int(event["kind"]) == EventKind.GROUP_STOP,
            **_sender(number, siginfo.get(i, b"")),
        })  # fmt: skip
    insert_rows(db, SIGNAL, rows)


def _sender(number: int, raw: bytes) -> dict[str, object]:
    """si_code, and si_pid and si_uid where the code has them. Offsets of a 64-bit siginfo_t (asm-generic/siginfo.h)."""
    if len(raw) < 24:
        return {}
    code, pid, uid = (int(v) for v in np.frombuffer(raw, np.int32, 6)[[2, 4, 5]])
    if code in _SENDER_CODES or (number == _SIGCHLD and code > 0):
        return {"code": code, "sender_pid": pid, "sender_uid": uid}
    return {"code": code}
