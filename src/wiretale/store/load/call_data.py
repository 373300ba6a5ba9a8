"""Rows of `call_data`, `descriptor_sample`, `socket_sample` and `signal`, from the chunks of events."""

from dataclasses import dataclass
from functools import lru_cache

import duckdb
import numpy as np

from wiretale.decode.constants import names as constant_name
from wiretale.decode.constants import signal_name
from wiretale.decode.sockaddr import decode_sockaddr
from wiretale.model.raw import SIGNAL, SOCKET_SAMPLE
from wiretale.model.spool import EventKind, Role
from wiretale.store.load.ptrace_files import SOCKET_TYPE, Numbers, Records
from wiretale.store.load.tasks import Tasks, text

_BATCH = 1 << 18
_OF_CALLS = (EventKind.ENTRY, EventKind.EXIT)
_SAMPLES = (Role.SOCKET, Role.LINK)
_ROLE_NAMES = np.array(["", *(Role(i).name.lower() for i in range(1, max(Role) + 1))], object)
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
        ids = np.zeros(events, np.int64)
        number = np.arange(1, len(entry) + 1)
        ids[entry] = number
        done = exit_ >= 0
        ids[exit_[done]] = number[done]
        return cls(ids)


def insert_call_data(db: duckdb.DuckDBPyConnection, records: Records, owners: Owners) -> int:
    """Fill `call_data`, in order of calls. Returns how many payloads were cut at snaplen."""
    chunks = records.chunks
    call = owners.call_id[records.event_of]
    wanted = np.flatnonzero((call > 0) & ~np.isin(chunks["role"], _SAMPLES))
    for begin in range(0, len(wanted), _BATCH):
        _insert_data(db, records, call, wanted[begin : begin + _BATCH])
    payload = chunks[wanted][chunks["role"][wanted] == Role.PAYLOAD]
    return int(np.count_nonzero((payload["captured_bytes"] < payload["full_bytes"]) & (payload["error"] == 0)))


def _insert_data(db: duckdb.DuckDBPyConnection, records: Records, call: Numbers, which: Numbers) -> None:
    chunk = records.chunks[which]
    kind = records.events["kind"][records.event_of[which]]
    # DuckDB finds `batch` by its name in this function.
    batch = {
        "call_id": call[which],
        "at_exit": kind == EventKind.EXIT,
        "role": _ROLE_NAMES[chunk["role"]],
        "arg": chunk["arg"].astype(np.int32),
        "idx": chunk["index"].astype(np.int64),
        "address": chunk["address"].copy(),
        "offset": np.where(chunk["role"] == Role.PAYLOAD, chunk["detail"], 0).astype(np.int64),
        "full_bytes": chunk["full_bytes"].astype(np.int64),
        "error": chunk["error"].copy(),
        "bytes": records.bytes_of(which),
    }
    assert batch
    db.execute(
        'INSERT INTO call_data SELECT call_id, at_exit, role, arg, (idx & 2147483647)::INTEGER, address, "offset",'
        " full_bytes, error, bytes::BLOB FROM batch"
    )


@lru_cache(maxsize=4096)
def _inode(target: str) -> int | None:
    """The number in socket:[123] and pipe:[123]."""
    kind, _, rest = target.partition(":[")
    digits = rest.removesuffix("]")
    return int(digits) if kind in ("socket", "pipe") and digits.isdigit() and len(digits) < 20 else None


def insert_samples(db: duckdb.DuckDBPyConnection, records: Records, owners: Owners) -> None:
    """Fill `descriptor_sample` and `socket_sample` with what descriptors were right at a stop."""
    chunks, events = records.chunks, records.events
    is_socket = (chunks["role"] == Role.SOCKET) & (chunks["captured_bytes"] == SOCKET_TYPE.itemsize)
    which = np.flatnonzero(is_socket | (chunks["role"] == Role.LINK))
    which = which[chunks["detail"][which] < 1 << 31]
    rows: list[tuple[object, ...]] = []
    samples: list[tuple[object, ...]] = []
    contents = records.bytes_of(which)
    for i, raw in zip(which.tolist(), contents, strict=True):
        event = int(records.event_of[i])
        time_ns, pid, call = int(events["time_ns"][event]), int(events["tgid"][event]), int(owners.call_id[event])
        call_id = call or None
        if is_socket[i]:
            sample = _socket_row(raw, time_ns, call_id)
            samples.append(sample)
            inode = sample[2]
            rows.append((time_ns, pid, int(chunks["detail"][i]), call_id, f"socket:[{inode}]", inode, None))
        else:
            target = text(raw)
            rows.append((time_ns, pid, int(chunks["detail"][i]), call_id, target, _inode(target), None))
    _insert_rows(db, "descriptor_sample", rows)
    _insert_rows(db, "socket_sample", samples)


def _insert_rows(db: duckdb.DuckDBPyConnection, name: str, rows: list[tuple[object, ...]]) -> None:
    if rows:
        marks = ", ".join("?" for _ in rows[0])
        db.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)  # noqa: S608 (a table of the model)


@lru_cache(maxsize=65536)
def _address(raw: bytes) -> tuple[str | None, int | None]:
    """Address and port as the table holds them. An unbound unix socket has neither."""
    if not raw:
        return None, None
    found = decode_sockaddr(raw)
    return found.address, found.port


def _socket_row(raw: bytes, time_ns: int, call_id: int | None) -> tuple[object, ...]:
    """A row of `socket_sample` from struct wt_socket."""
    s = np.frombuffer(raw, SOCKET_TYPE, 1)[0]
    local = bytes(s["local"].tobytes()[: min(int(s["local_bytes"]), 128)])
    peer = bytes(s["peer"].tobytes()[: min(int(s["peer_bytes"]), 128)])
    local_addr, local_port = _address(local)
    peer_addr, peer_port = _address(peer)
    values: dict[str, object] = {
        "time_ns": time_ns,
        "call_id": call_id,
        "inode": int(s["inode"]),
        "cookie": int(s["cookie"]) or None,
        "netns_cookie": int(s["netns_cookie"]) or None,
        "family": constant_name("family", int(s["family"])),
        "type": constant_name("socket_kind", int(s["type"])),
        "protocol": int(s["protocol"]),
        "state": "LISTEN" if int(s["listening"]) == 1 else None,
        "local_addr": local_addr,
        "local_port": local_port,
        "peer_addr": peer_addr,
        "peer_port": peer_port,
    }
    return tuple(values.get(c.name) for c in SOCKET_SAMPLE.columns)


def insert_signals(db: duckdb.DuckDBPyConnection, records: Records, tasks: Tasks) -> None:
    """Fill `signal`."""
    events = records.events
    which = np.flatnonzero(np.isin(events["kind"], (EventKind.SIGNAL, EventKind.GROUP_STOP)))
    if not len(which):
        return
    ids = tasks.ids_of(events["tid"][which].astype(np.int64), events["seq"][which].astype(np.int64))
    details = np.flatnonzero(records.chunks["role"] == Role.SIGINFO)
    siginfo = dict(zip(records.event_of[details].tolist(), records.bytes_of(details), strict=True))
    rows: list[tuple[object, ...]] = []
    for i, task_id in zip(which.tolist(), ids.tolist(), strict=True):
        event = events[i]
        number = int(event["number"]) & 0x7F
        values: dict[str, object] = {
            "time_ns": int(event["time_ns"]),
            "task_id": task_id,
            "tid": int(event["tid"]),
            "number": number,
            "name": signal_name(number),
            "stopped": int(event["kind"]) == EventKind.GROUP_STOP,
            **_sender(number, siginfo.get(i, b"")),
        }
        rows.append(tuple(values.get(c.name) for c in SIGNAL.columns))
    _insert_rows(db, "signal", rows)


def _sender(number: int, raw: bytes) -> dict[str, object]:
    """si_code, and si_pid and si_uid where the code has them. Offsets of a 64-bit siginfo_t (asm-generic/siginfo.h)."""
    if len(raw) < 24:
        return {}
    code, pid, uid = (int(v) for v in np.frombuffer(raw, np.int32, 6)[[2, 4, 5]])
    if code in _SENDER_CODES or (number == _SIGCHLD and code > 0):
        return {"code": code, "sender_pid": pid, "sender_uid": uid}
    return {"code": code}
