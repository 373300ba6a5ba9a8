"""What a process did for itself where no system call shows it: io_uring (rows of `coverage`)."""

import struct

import duckdb

from wiretale.join.coverage import add_coverage
from wiretale.join.models import model

WHY = "io_uring takes operations from shared memory, so ptrace sees neither them nor their descriptors"

FLAGS_AT, IORING_SETUP_SQPOLL = 8, 2  # struct io_uring_params, linux/io_uring.h


def put_unseen(db: duckdb.DuckDBPyConnection) -> None:
    """Count the operations of each ring, and the payload that only packets show of them."""
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
