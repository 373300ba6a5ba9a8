"""The order of calls on one socket where the time of their return does not tell it, and what urgent data does to it.

Calls of several threads that overlap in time form a group. Where a group begins and ends in the stream is certain; who
came first inside it is tried out against the bytes that the packets (or the other end's calls) carried. If exactly one
order fits, it is the true one.
"""

from collections.abc import Iterator

import duckdb

from wiretale.join.models import model
from wiretale.join.rows import Row, put
from wiretale.join.stream_bytes import Known, known_bytes
from wiretale.light import dataclass

REASON = "calls of several threads on this socket overlap, and the captured bytes do not tell their order"
SOL_SOCKET, SO_OOBINLINE = 1, 10  # asm-generic/socket.h
_STEPS = 20_000  # positions tried per group before giving up

COLUMNS = (
    ("side", "VARCHAR"),
    ("call_id", "BIGINT"),
    ("message", "INTEGER"),
    ("rank", "BIGINT"),
    ("anchor_ns", "BIGINT"),
    ("reason", "VARCHAR"),
    ("skipped", "BIGINT"),
    ("aside", "BOOLEAN"),
    ("aside_lo", "BIGINT"),
)


@dataclass(frozen=True, slots=True)
class Member:
    """One call of a group."""

    call_id: int
    start_ns: int
    exit_ns: int
    size: int
    data: bytes  # what was captured of its beginning


def orders(members: list[Member], base: int, known: Known) -> list[list[Member]]:
    """Up to two orders of `members` from position `base` on that agree with `known` and with the calls' times.

    None fit, or two do: the order is not known. Gives nothing when it would take too long to tell.
    """
    found: list[list[Member]] = []
    steps = 0

    def extend(done: list[Member], left: list[Member], at: int) -> None:
        nonlocal steps
        if len(found) > 1 or steps > _STEPS:
            return
        if not left:
            found.append(list(done))
            return
        first_exit = min(m.exit_ns for m in left)
        for m in left:
            steps += 1
            possible = m.start_ns < first_exit or m.exit_ns == first_exit
            if possible and known.agrees(at, m.data[: m.size]):
                extend([*done, m], [x for x in left if x is not m], at + m.size)

    extend([], members, base)
    return found if steps <= _STEPS else []


MESSAGES = """
SELECT side, call_id, message FROM j_placed WHERE NOT datagram AND call_id IN (SELECT unnest($calls))
"""


def put_order(db: duckdb.DuckDBPyConnection) -> None:
    """Make `j_order`: rows only for calls whose order or position needs more than the time of their return."""
    put(db, "j_order", COLUMNS, [*_groups(db), *_urgent(db)])


def _groups(db: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    groups: dict[tuple[int, str, str, int], tuple[int, list[Member]]] = {}
    for connection, direction, side, grp, call, start, end, size, before, data in db.execute(
        model("j_overlap")
    ).fetchall():
        key = (connection, direction, side, grp)
        groups.setdefault(key, (before, []))[1].append(Member(call, start, end, size, data or b""))
    if not groups:
        return
    wanted = {(connection, direction, side) for connection, direction, side, _ in groups}
    known = {(c, way, side): known_bytes(db, (c, way), side) for c, way, side in wanted}
    messages: dict[tuple[str, int], list[int]] = {}
    overlapping = [member.call_id for _, members in groups.values() for member in members]
    for side, call, message in db.execute(MESSAGES, {"calls": overlapping}).fetchall():
        messages.setdefault((side, call), []).append(message)
    for (connection, direction, side, _), (base, members) in groups.items():
        # Without captured bytes on both sides every order fits; more than a few members would only cost time.
        fitting = orders(members, base, known[connection, direction, side])
        certain = len(fitting) == 1
        anchor = max(m.exit_ns for m in members)
        for rank, member in enumerate(fitting[0] if certain else members):
            for message in messages[side, member.call_id]:
                yield side, member.call_id, message, rank, anchor, None if certain else REASON, 0, False, None


URGENT = """
SELECT p.connection_id, p.direction, p.side, p.call_id, p.message, p.bytes, p.start_ns, p.exit_ns, p.oob, p.peeked,
       coalesce(b.base, 0)
FROM j_placed p LEFT JOIN j_start b USING (connection_id, direction, side)
WHERE NOT p.datagram
  AND (p.connection_id, p.direction) IN (SELECT (connection_id, direction) FROM j_placed WHERE oob AND NOT datagram)
ORDER BY p.connection_id, p.direction, p.side DESC, p.exit_ns, p.call_id, p.message
"""
# The ends whose socket was told about urgent data in line: by its own last setsockopt, or its listener's before it was
# accepted (SO_OOBINLINE is inherited: sk_clone_lock copies the flag, net/core/sock.c).
INLINE = """
WITH switched AS (
    SELECT f.socket_id, c.exit_ns, first(d.bytes) AS value
    FROM call c JOIN call_file f USING (call_id) LEFT JOIN call_data d ON d.call_id = c.call_id AND d.role = 'optval'
    WHERE c.name = 'setsockopt' AND c.retval = 0 AND c.a1 = $level AND c.a2 = $option
    GROUP BY f.socket_id, c.call_id, c.exit_ns
),
applying AS (
    SELECT x.connection_id, x.role, w.value, w.exit_ns, w.socket_id = x.socket_id AS own
    FROM j_side x JOIN socket s USING (socket_id)
    JOIN switched w ON w.socket_id = x.socket_id OR (w.socket_id = s.listener_id AND w.exit_ns <= s.from_ns)
)
SELECT connection_id, role, arg_max(value, (own, exit_ns)) FROM applying GROUP BY ALL
"""


def _urgent(db: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    """MSG_OOB (tcp(7)): the last byte of an urgent send leaves the stream; one recv takes it, other reads skip it."""
    switched = db.execute(INLINE, {"level": SOL_SOCKET, "option": SO_OOBINLINE}).fetchall()
    inline = {(c, "c2s" if role == "server" else "s2c") for c, role, value in switched if any(value or b"\1")}
    marks: list[int] = []
    stream: tuple[int, str] | None = None
    written = at = 0
    for connection, direction, side, call, message, size, _, end, oob, peeked, base in db.execute(URGENT).fetchall():
        if (connection, direction) != stream:
            stream, marks, written, at = (connection, direction), [], base if side == "w" else 0, -1
        if side == "w":
            written += size
            if oob:
                marks.append(written - 1)
            continue
        at = base if at < 0 else at
        if oob and marks:
            near = min(marks, key=lambda m, at=at: abs(m - at))  # type: ignore[misc]
            yield side, call, message, 0, end, None, 0, True, near
        elif at in marks and (connection, direction) not in inline and not peeked:
            yield side, call, message, 0, end, None, 1, False, None
            at += size + 1
        elif not peeked:
            at += size
