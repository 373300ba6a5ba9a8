"""What poll, select and epoll_wait reported ready, from the sets they wrote at their exit (temporary `j_ready`).

A poll or select that reported nothing, or never returned, and that asked for one descriptor alone, waited for that one:
it has a row as well.
"""

import struct
from collections.abc import Iterator

import duckdb
import numpy as np

from wiretale.join.rows import Row, put
from wiretale.model.enums import Arch
from wiretale.store.bulk import Batch, Coded, insert

POLLIN, POLLOUT = 0x41 | 0x2 | 0x2000, 0x4 | 0x100  # poll(2): IN, RDNORM, PRI, RDHUP; OUT, WRNORM. EPOLL* are equal
IN, OUT, ERROR = "in", "out", "error"
EPOLL_CTL_DEL = 2  # sys/epoll.h


POLLED = """
SELECT c.call_id, d.bytes FROM call c JOIN call_data d USING (call_id)
WHERE c.retval > 0 AND c.name IN ('poll', 'ppoll', 'ppoll_time64') AND d.role = 'array' AND d.at_exit AND d.arg = 0
"""
# One descriptor at its entry, and in the end nothing of it.
ASKED_ALONE = """
SELECT c.call_id, d.bytes FROM call c JOIN call_data d USING (call_id)
WHERE (c.retval = 0 OR c.exit_ns IS NULL) AND c.name IN ('poll', 'ppoll', 'ppoll_time64') AND (c.a1 & 4294967295) = 1
    AND d.role = 'array' AND NOT d.at_exit AND d.arg = 0
"""
_POLLFD = np.dtype([("fd", "<i4"), ("asked", "<u2"), ("told", "<u2")])  # struct pollfd, poll(2)
_WHAT = (IN, OUT, ERROR)
_AT_ONCE = 50_000


def put_ready(db: duckdb.DuckDBPyConnection) -> None:
    """Make `j_ready`: one row per descriptor that a waiting call reported, or waited for alone and in vain."""
    columns = (("call_id", "BIGINT"), ("fd", "INTEGER"), ("what", "VARCHAR"))
    put(db, "j_ready", columns, (row for rows in (_select(db), _select_alone(db), _epoll(db)) for row in rows))
    for sql, word in ((POLLED, "told"), (ASKED_ALONE, "asked")):
        insert(db, "INSERT INTO j_ready SELECT * FROM batch", _poll(db.cursor(), sql, word))


def _what(events: int) -> str:
    if events & POLLIN:
        return IN
    return OUT if events & POLLOUT else ERROR


def _poll(db: duckdb.DuckDBPyConnection, sql: str, word: str) -> Iterator[Batch]:
    """By whole arrays: a server may poll a million times. `word`: the member of struct pollfd that counts."""
    rows = db.execute(sql)
    while batch := rows.fetchmany(_AT_ONCE):
        sets = [data[: len(data) // _POLLFD.itemsize * _POLLFD.itemsize] for _, data in batch if data]
        calls = np.array([call for call, data in batch if data], np.int64)
        entries = np.frombuffer(b"".join(sets), _POLLFD)
        call = np.repeat(calls, [len(s) // _POLLFD.itemsize for s in sets])
        reported = (entries[word] != 0) & (entries["fd"] >= 0)
        told = entries[word][reported]
        what = np.where(told & POLLIN, 0, np.where(told & POLLOUT, 1, 2))
        yield {"call_id": call[reported], "fd": entries["fd"][reported], "what": Coded(what, _WHAT)}


def fdset_numbers(data: bytes) -> list[int]:
    """Descriptors whose bit is set in an fd_set (little-endian words, select(2))."""
    bits = int.from_bytes(data, "little")
    found = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return found


_SETS = {1: IN, 2: OUT}  # by the argument of select(2)


def _select(db: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    rows = db.execute(
        """
        SELECT c.call_id, d.arg, d.bytes FROM call c JOIN call_data d USING (call_id)
        WHERE c.retval > 0 AND d.role = 'fdset' AND d.at_exit ORDER BY c.call_id, d.arg
        """
    )
    while batch := rows.fetchmany(20_000):
        for call_id, arg, data in batch:
            for fd in fdset_numbers(data or b""):
                yield call_id, fd, _SETS.get(arg, ERROR)


def _select_alone(db: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    rows = db.execute(
        """
        SELECT c.call_id, list({'arg': d.arg, 'set': d.bytes} ORDER BY d.arg)
        FROM call c JOIN call_data d USING (call_id)
        WHERE (c.retval = 0 OR c.exit_ns IS NULL) AND d.role = 'fdset' AND NOT d.at_exit GROUP BY c.call_id
        """
    )
    while batch := rows.fetchmany(20_000):
        for call_id, sets in batch:
            asked = [(fd, _SETS.get(each["arg"], ERROR)) for each in sets for fd in fdset_numbers(each["set"] or b"")]
            if len({fd for fd, _ in asked}) == 1:
                yield call_id, *asked[0]


# What was asked for before the recording, and each change and answer of it since, in the order of time.
EPOLL = """
WITH watched AS (
    SELECT s.time_ns, d.file_id, s.fd, s.value
    FROM watch_sample s ASOF JOIN descriptor d ON d.pid = s.pid AND d.fd = s.epoll_fd AND s.time_ns >= d.from_ns
    WHERE d.to_ns IS NULL OR s.time_ns <= d.to_ns
),
spoken AS (
    SELECT c.call_id, c.name, c.arch, f.file_id, c.a1, c.a2, d.bytes, coalesce(c.exit_ns, c.start_ns) AS time_ns
    FROM call c JOIN call_file f USING (call_id)
    JOIN call_data d ON d.call_id = c.call_id
    WHERE (c.name = 'epoll_ctl' AND d.role = 'struct' AND NOT d.at_exit AND c.errno IS NULL)
       OR (c.name IN ('epoll_wait', 'epoll_pwait', 'epoll_pwait2') AND c.retval > 0
           AND d.role = 'array' AND d.at_exit)
)
SELECT call_id, name, arch, file_id, a1, a2, bytes, NULL AS value, time_ns FROM spoken
UNION ALL SELECT NULL, NULL, NULL, file_id, NULL, fd, NULL, value, time_ns FROM watched
ORDER BY time_ns, call_id NULLS FIRST
"""


def _epoll(db: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    """epoll hands back a value, not a descriptor: the last epoll_ctl that gave this value says which it was."""
    rows = db.execute(EPOLL)
    watched: dict[tuple[int, int], int] = {}
    while batch := rows.fetchmany(20_000):
        for call_id, name, arch, file_id, op, fd, data, sampled, *_ in batch:
            if name is None:
                watched[file_id, sampled] = fd
                continue
            # struct epoll_event is packed on x86 only (linux/eventpoll.h, EPOLL_PACKED)
            size, at = (12, 4) if arch in (Arch.X86_64, Arch.I386) else (16, 8)
            if len(data or b"") < size:
                continue
            if name == "epoll_ctl":
                if op != EPOLL_CTL_DEL:
                    watched[file_id, struct.unpack_from("<Q", data, at)[0]] = fd & 0x7FFFFFFF
                continue
            for start in range(0, len(data) - size + 1, size):
                events, value = struct.unpack_from("<I", data, start)[0], struct.unpack_from("<Q", data, start + at)[0]
                if (file_id, value) in watched:
                    yield call_id, watched[file_id, value], _what(events)
