"""What joining needs to know of each system call, all derived from the call specifications of `decode`."""

import duckdb

from wiretale.decode.syscalls import CALLS
from wiretale.decode.syscalls.spec import Call, Effect, Kind, Result
from wiretale.join.rows import put

FD_RESULTS = frozenset(c.name for c in CALLS.values() if c.result in (Result.FD, Result.SOCKET))
SETS_FDS = frozenset(c.name for c in CALLS.values() if c.sets_fds >= 0)
# Besides those: calls that end, mark or (by command) copy a descriptor. The specification has no word for ending one.
DESCRIPTOR_CALLS = FD_RESULTS | SETS_FDS | {"close", "close_range", "fcntl", "fcntl64", "ioctl"}

_PER_MESSAGE = frozenset({Kind.MMSGHDR_IN, Kind.MMSGHDR_OUT})


def _fd_arg(call: Call, side: str) -> int:
    """Index of the descriptor on one `side` ("in" or "out") of a call that names two; else the only one."""
    named = (i for i, a in enumerate(call.args) if a.kind is Kind.FD and side in a.name.split("_"))
    return next(named, call.fd_arg)


def put_effects(db: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary table `j_effect`: one row per system call that moves payload or may wait."""
    rows = []
    for call in CALLS.values():
        if call.effects & {Effect.SENDS, Effect.RECEIVES, Effect.BLOCKS}:
            flags = next((i for i, a in enumerate(call.args) if a.constants == "msg"), -1)
            rows.append(
                (
                    call.name,
                    Effect.SENDS in call.effects,
                    Effect.RECEIVES in call.effects,
                    Effect.BLOCKS in call.effects,
                    flags,
                    _fd_arg(call, "out"),
                    _fd_arg(call, "in"),
                    any(a.kind in _PER_MESSAGE for a in call.args),
                )
            )
    columns = [
        ("name", "VARCHAR"),
        ("sends", "BOOLEAN"),
        ("receives", "BOOLEAN"),
        ("blocks", "BOOLEAN"),
        ("flags_arg", "INTEGER"),
        ("out_arg", "INTEGER"),
        ("in_arg", "INTEGER"),
        ("per_message", "BOOLEAN"),
    ]
    put(db, "j_effect", columns, rows)
