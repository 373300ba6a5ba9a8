"""Which child wait4, waitpid and waitid told of (temporary `j_child`), where they returned because of one."""

import duckdb

from wiretale.join.rows import Row, put
from wiretale.model.enums import Arch

_TOLD = """
SELECT call_id, name, arch, retval, bytes FROM call c
LEFT JOIN (SELECT call_id, bytes FROM call_data WHERE role = 'struct' AND arg = 2 AND at_exit) USING (call_id)
WHERE name IN ('wait4', 'waitpid') AND retval > 0 OR name = 'waitid' AND retval = 0
"""
# si_pid of siginfo_t: behind three numbers, and for 64-bit programs behind a gap as well (asm-generic/siginfo.h)
_PID_AT = {Arch.I386: 12, Arch.ARM: 12}
_PID_AT_64 = 16


def put_children(db: duckdb.DuckDBPyConnection) -> None:
    """Make `j_child`: one row per call that told of a child, with its process id."""
    rows: list[Row] = []
    for call_id, name, arch, retval, info in db.execute(_TOLD).fetchall():
        at = _PID_AT.get(arch, _PID_AT_64)
        pid = retval if name != "waitid" else int.from_bytes((info or b"")[at : at + 4], "little", signed=True)
        if pid > 0:  # 0: WNOHANG, and there was none
            rows.append((call_id, pid))
    put(db, "j_child", (("call_id", "BIGINT"), ("pid", "INTEGER")), rows)
