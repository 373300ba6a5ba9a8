"""What a process did for itself where no system call shows it: io_uring, and the rings of packet sockets (rows of
`coverage`)."""

import struct

import duckdb

from wiretale.join.coverage import add_coverage
from wiretale.join.models import model

WHY = "io_uring takes operations from shared memory, so ptrace sees neither them nor their descriptors"

FLAGS_AT, IORING_SETUP_SQPOLL = 8, 2  # struct io_uring_params, linux/io_uring.h


# PACKET_RX_RING (5) at level SOL_PACKET (263): linux/if_packet.h, linux/socket.h. A tpacket_req of no blocks ends it.
_RINGS = """
SELECT c.pid, arg_max(t.comm, t.start_ns), count(DISTINCT c.call_id), min(c.entry_ns), min(c.call_id)
FROM call c JOIN call_data d ON d.call_id = c.call_id AND d.role = 'optval' AND NOT d.at_exit
LEFT JOIN task t ON t.pid = c.pid
WHERE c.name = 'setsockopt' AND c.errno IS NULL AND c.a1 = 263 AND c.a2 = 5
  AND octet_length(d.bytes) >= 8 AND hex(d.bytes[5:8]) <> '00000000'
GROUP BY c.pid ORDER BY c.pid
"""


def read_rings(db: duckdb.DuckDBPyConnection) -> list[tuple[int, str | None, int, int, int]]:
    """For each process whose packet sockets have a ring: its id and name, how many rings, and the first call for one
    (when, and its id)."""
    return db.execute(_RINGS).fetchall()


def put_rings(db: duckdb.DuckDBPyConnection) -> None:
    """Count the packet sockets whose packets a process reads from memory that it shares with the kernel."""
    for pid, comm, count, _, _ in read_rings(db):
        reason = (
            f"{comm or '?'}({pid}) reads their packets from memory that it shares with the kernel (PACKET_RX_RING): no"
            " call shows which it took"
        )
        add_coverage(db, "packet sockets with a ring", count, "not recorded", reason)


def put_unseen(db: duckdb.DuckDBPyConnection) -> None:
    """Count the operations of each ring, and the payload that only packets show of them."""
    put_rings(db)
    for pid, comm, operations, params, size in db.execute(model("j_unseen")).fetchall():
        who = f"{comm or '?'}({pid})"
        polled = len(params or b"") >= FLAGS_AT + 4 and bool(
            struct.unpack_from("<I", params, FLAGS_AT)[0] & IORING_SETUP_SQPOLL
        )
        if polled:
            reason = f"by {who}, and more that the kernel took from the ring itself: {WHY}"
        else:
            reason = f"by {who}: {WHY}"
        # a ring that was made counts even if nothing was submitted by a call
        add_coverage(db, "io_uring operations", operations or int(polled), "not recorded", reason)
        add_coverage(
            db, "payload bytes without a call", size, "not recorded", f"{who} moved them by io_uring; packets show them"
        )
