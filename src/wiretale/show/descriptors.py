"""Which descriptors were open at one moment, and what each was then: what lsof would have printed."""

import re

import duckdb

from wiretale.decode.escape import escape_text
from wiretale.errors import UsageFault
from wiretale.filter.tables import with_all_tables
from wiretale.light import dataclass
from wiretale.show.labels import address, transport
from wiretale.show.order import origin_ns


@dataclass(frozen=True, slots=True)
class OpenDescriptor:
    """One descriptor at the moment. `name` is safe to print; `state` is the TCP state, None if it has none."""

    pid: int
    comm: str
    fd: int
    kind: str
    name: str
    state: str | None
    inode: int | None
    how: str | None
    since_ns: int
    open_call_id: int | None
    connection_id: int | None


_QUERY = """
WITH instant AS (SELECT CAST(? AS BIGINT) AS now),
ends AS (
    SELECT e.socket_id, e.endpoint_id, e.connection_id, k.protocol, e.addr, e.port,
        CASE e.role WHEN 'client' THEN k.server_addr ELSE k.client_addr END AS peer_addr,
        CASE e.role WHEN 'client' THEN k.server_port ELSE k.client_port END AS peer_port
    FROM endpoint e JOIN connection k USING (connection_id), instant
    WHERE e.socket_id IS NOT NULL AND k.from_ns <= instant.now
    QUALIFY row_number() OVER (PARTITION BY e.socket_id ORDER BY k.from_ns DESC, e.connection_id DESC) = 1
),
sampled AS (
    SELECT s.inode, arg_max(s.local_addr, s.time_ns) AS addr, arg_max(s.local_port, s.time_ns) AS port,
        arg_max(s.peer_addr, s.time_ns) AS peer_addr, arg_max(s.peer_port, s.time_ns) AS peer_port,
        arg_max(s.state, s.time_ns) AS state
    FROM socket_sample s, instant WHERE s.inode <> 0 AND s.time_ns <= instant.now GROUP BY s.inode
),
state AS (
    SELECT s.socket_id, s.state FROM tcp_state s, instant
    WHERE s.socket_id IS NOT NULL AND s.from_ns <= instant.now AND (s.to_ns IS NULL OR s.to_ns > instant.now)
    QUALIFY row_number() OVER (PARTITION BY s.socket_id ORDER BY s.from_ns DESC) = 1
),
gone AS (
    SELECT t.pid, max(s.time_ns) AS since
    FROM task t JOIN signal s ON s.task_id = t.task_id AND s.name = t.signal CROSS JOIN instant
    WHERE t.end_how = 'killed' AND s.time_ns <= instant.now GROUP BY t.pid
),
process AS (
    SELECT t.pid, arg_max(t.comm, t.start_ns) AS comm FROM task t, instant
    WHERE t.is_leader AND t.start_ns <= instant.now GROUP BY t.pid
)
SELECT d.pid, p.comm, d.fd, f.kind, f.name, f.inode, d.how, d.from_ns, d.open_call_id, s.family, s.type, s.listening,
    e.connection_id, e.protocol, coalesce(e.addr, x.addr), coalesce(e.port, x.port), coalesce(e.peer_addr, x.peer_addr),
    coalesce(e.peer_port, x.peer_port), coalesce(g.state, x.state), m.protocol
FROM descriptor d JOIN file f USING (file_id) CROSS JOIN instant
LEFT JOIN socket s ON s.file_id = f.file_id LEFT JOIN ends e ON e.socket_id = s.socket_id
LEFT JOIN sampled x ON x.inode = f.inode LEFT JOIN state g ON g.socket_id = s.socket_id
LEFT JOIN process p ON p.pid = d.pid LEFT JOIN gone ON gone.pid = d.pid
LEFT JOIN (SELECT socket_id, protocol FROM socket) m ON m.socket_id = s.socket_id
WHERE d.from_ns <= instant.now AND (d.to_ns IS NULL OR d.to_ns > instant.now) AND gone.pid IS NULL
ORDER BY d.pid, d.fd"""

_TIME_WAIT = "TIME-WAIT"


def open_descriptors(db: duckdb.DuckDBPyConnection, at_ns: int) -> list[OpenDescriptor]:
    """Descriptors of all known processes at `at_ns` (CLOCK_MONOTONIC), by process and number."""
    with_all_tables(db)
    return [_open_descriptor(row) for row in db.execute(_QUERY, [at_ns]).fetchall()]


def _open_descriptor(row: tuple[object, ...]) -> OpenDescriptor:
    pid, comm, fd, kind, name, inode, how, since, opened, family, type_, listening, connection, protocol, *rest = row
    addr, port, peer_addr, peer_port, state, number = rest
    shown_kind, shown_name = str(kind), escape_text(str(name or ""))
    if state == _TIME_WAIT:
        # TIME-WAIT is kept by the kernel apart from the socket; what a descriptor still refers to is closed.
        state = "CLOSED"
    if kind == "socket" and family is not None:
        shown_kind = _socket_kind(str(family), str(type_), str(protocol) if protocol else None, _number_or_none(number))
        place = address(_text(addr), _number_or_none(port)) if addr is not None else ""
        peer = address(_text(peer_addr), _number_or_none(peer_port)) if peer_addr is not None else ""
        if listening:
            peer, state = "", "LISTEN"
        shown_name = f"{place}->{peer}" if peer else place or shown_name
    return OpenDescriptor(
        int(str(pid)), escape_text(str(comm or "?")), int(str(fd)), shown_kind, shown_name, _text(state),
        _number_or_none(inode), _text(how), int(str(since)), _number_or_none(opened), _number_or_none(connection),
    )  # fmt: skip


def _socket_kind(family: str, type_: str, protocol: str | None, number: int | None) -> str:
    if protocol is not None:
        return protocol
    if family in ("AF_INET", "AF_INET6"):
        return transport(type_, number) or type_.removeprefix("SOCK_").lower()
    return family.removeprefix("AF_").lower()


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _number_or_none(value: object) -> int | None:
    return None if value is None else int(str(value))


_SECONDS = re.compile(r"\d{1,12}(\.\d{0,9})?")


def moment(db: duckdb.DuckDBPyConnection, text: str) -> int:
    """The time a user means by --at: seconds since the first event, `start`, `end`, `call:ID` or `packet:N`.

    `call:ID` is the return of the call (its entry if it never returned), `packet:N` the packet's stamp. Raises
    UsageFault.
    """
    with_all_tables(db)
    if text == "start":
        return origin_ns(db)
    if text == "end":
        return _end_ns(db)
    kind, colon, number = text.partition(":")
    if colon and kind in ("call", "packet") and number.isdecimal() and len(number) < 18:
        query = {
            "call": "SELECT coalesce(exit_ns, entry_ns) FROM call WHERE call_id = ?",
            "packet": "SELECT time_ns FROM packet WHERE number = ?",
        }[kind]
        row = db.execute(query, [int(number)]).fetchone()
        if row is None:
            raise UsageFault(f"the capture has no {kind} {number}", "wiretale show lists them (ids with --ids)")
        return int(row[0])
    if _SECONDS.fullmatch(text):
        whole, _, fraction = text.partition(".")
        return origin_ns(db) + int(whole) * 1_000_000_000 + int(fraction.ljust(9, "0") or 0)
    raise UsageFault(
        f"{text!r} is no moment", "--at takes seconds since the first event, start, end, call:ID or packet:N"
    )


# A process is on its way out from here on: its descriptors are being closed by the kernel, not by the program.
_LEAVING = """
SELECT max(since) FROM (
    SELECT max(c.entry_ns) AS since FROM call c WHERE c.name IN ('exit_group', 'exit') GROUP BY c.pid
    UNION ALL
    SELECT max(s.time_ns) FROM signal s
    JOIN task t ON t.task_id = s.task_id AND t.signal = s.name AND t.end_how = 'killed'
    GROUP BY t.pid
)"""


def _end_ns(db: duckdb.DuckDBPyConnection) -> int:
    """The last moment at which a program still ran: at the very end every one is gone, and nothing is open.

    If a program outlived the recording, this is the recording's last event; else it is just before the last one left.
    """
    alive = db.execute("SELECT 1 FROM task WHERE traced AND end_ns IS NULL LIMIT 1").fetchone()
    if alive is None:
        leaving = db.execute(_LEAVING).fetchone()
        if leaving is not None and leaving[0] is not None:
            return int(leaving[0]) - 1
    row = db.execute(
        "SELECT greatest((SELECT max(greatest(entry_ns, coalesce(exit_ns, 0))) FROM call),"
        " (SELECT max(time_ns) FROM packet WHERE shown), (SELECT max(time_ns) FROM descriptor_sample))"
    ).fetchone()
    return int(row[0]) if row and row[0] is not None else origin_ns(db)
