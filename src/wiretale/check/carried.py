"""What the calls themselves say they moved, from `call` alone, against what the joins placed in streams."""

import duckdb

from wiretale.decode.syscalls import CALLS
from wiretale.decode.syscalls.spec import Call, Effect, Kind

MSG_PEEK, MSG_ERRQUEUE = 0x2, 0x2000  # linux/socket.h
_VECTORS = frozenset({Kind.MMSGHDR_IN, Kind.MMSGHDR_OUT})

# Every successful call that moved payload into ('w') or out of ('r') an internet or unix socket, with its own result,
# beside what the joins placed of it. `other` sockets are none of TCP, UDP, UDP-Lite and MPTCP (linux/in.h): SCTP and
# the like have no connections. What raw sockets carry that is TCP's or UDP's is left to check/whole.py. Of sendmmsg and
# recvmmsg the result counts messages, of the others bytes.
_CALLS = """
WITH moved AS (
    SELECT c.call_id, c.pid, c.entry_ns, c.name, c.retval, m.side, m.messages,
           CASE m.fd_arg WHEN 0 THEN c.a0 WHEN 1 THEN c.a1 WHEN 2 THEN c.a2 END AS fd,
           m.side = 'r' AND CASE m.flags_arg WHEN 2 THEN c.a2 WHEN 3 THEN c.a3 ELSE 0 END & $peek <> 0 AS peeked
    FROM call c JOIN k_moves m ON m.name = c.name
    WHERE c.errno IS NULL AND c.retval > 0
      AND CASE m.flags_arg WHEN 2 THEN c.a2 WHEN 3 THEN c.a3 ELSE 0 END & $errqueue = 0
),
on_socket AS (
    SELECT m.*, s.socket_id,
           coalesce(s.family <> 'AF_UNIX' AND (s.type = 'SOCK_RAW' OR s.protocol NOT IN (0, 6, 17, 136, 262)),
               FALSE) AS other
    FROM (SELECT * FROM moved WHERE fd < 2147483648) m
    ASOF JOIN descriptor d ON d.pid = m.pid AND d.fd = m.fd AND m.entry_ns >= d.from_ns
    JOIN socket s ON s.file_id = d.file_id
    WHERE s.family IN ('AF_INET', 'AF_INET6', 'AF_UNIX') AND m.call_id NOT IN (SELECT call_id FROM packet_call)
      AND coalesce(d.to_ns, 9223372036854775807) >= m.entry_ns
),
placed AS (
    SELECT 'w' AS side, call_id, sum(hi - lo) AS bytes, count(*) AS rows FROM stream_write GROUP BY call_id
    UNION ALL
    SELECT 'r', call_id, sum(hi - lo), count(*) FROM stream_read GROUP BY call_id
)
SELECT o.side, o.peeked, count(*), sum(CASE WHEN NOT o.messages THEN o.retval ELSE coalesce(p.bytes, 0) END)::BIGINT,
       count(*) FILTER (p.rows IS NULL),
       coalesce(sum(o.retval) FILTER (p.rows IS NULL), 0)::BIGINT,
       count(*) FILTER (p.rows IS NULL AND o.other),
       coalesce(sum(o.retval) FILTER (p.rows IS NULL AND o.other), 0)::BIGINT,
       count(*) FILTER (CASE WHEN o.messages THEN p.rows ELSE p.bytes END <> o.retval), min(o.call_id) FILTER (
           CASE WHEN o.messages THEN p.rows ELSE p.bytes END <> o.retval)
FROM on_socket o LEFT JOIN placed p ON p.side = o.side AND p.call_id = o.call_id
GROUP BY ALL ORDER BY ALL
"""


def _moves(call: Call, side: str) -> tuple[str, str, int, int, bool]:
    """Name, side, socket argument of that side, argument with MSG_* flags, whether the result counts messages."""
    named = {a.name: i for i, a in enumerate(call.args) if a.kind is Kind.FD}
    wanted = "out" if side == "w" else "in"
    fd = next((i for name, i in named.items() if wanted in name.split("_")), call.fd_arg)
    flags = next((i for i, a in enumerate(call.args) if a.constants == "msg"), -1)
    return call.name, side, fd, flags, any(a.kind in _VECTORS for a in call.args)


Figures = tuple[str, bool, int, int, int, int, int, int, int, int | None]


def calls_against_streams(db: duckdb.DuckDBPyConnection) -> list[Figures]:
    """Per side and whether peeked: calls, bytes, calls without a place, their results, both again of other sockets than
    TCP's and UDP's, calls placed with another size.

    The last is one such call, to look at.
    """
    rows = [
        _moves(call, side)
        for call in CALLS.values()
        for side, effect in (("w", Effect.SENDS), ("r", Effect.RECEIVES))
        if effect in call.effects and call.name != "socketcall"
    ]
    db.execute(
        "CREATE OR REPLACE TEMP TABLE k_moves (name VARCHAR, side VARCHAR, fd_arg INTEGER, flags_arg INTEGER,"
        " messages BOOLEAN)"
    )
    db.executemany("INSERT INTO k_moves VALUES (?, ?, ?, ?, ?)", rows)
    return db.execute(_CALLS, {"peek": MSG_PEEK, "errqueue": MSG_ERRQUEUE}).fetchall()
