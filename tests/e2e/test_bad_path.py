"""TCP over paths that lose, repeat, reorder, delay, have a small MTU or a short queue: all bytes linked, none wrongly.

What arrived first is known here: the path writes down what it passed on.
"""

import os
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest

from tests.e2e.namespaces import record_transfer
from tests.e2e.proof import faults, misplaced
from wiretale.check.check import check
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

SIZE = 1_000_000
PATHS = {
    "loss": "1 lose=0.03",
    "duplication": "2 duplicate=0.2",
    "reordering": "3 reorder=0.1",
    "delay": "4 delay=5",
    "small MTU": "5 mtu=1000",
    "full queue": "6 queue=20 rate=5000",
    "everything": "7 lose=0.05 duplicate=0.05 reorder=0.05 delay=2",
}

_COPIES = """
SELECT l.write_id, l.lo, l.hi, l.first_copy, p.ip_id
FROM link l JOIN packet p USING (packet_id) JOIN connection c USING (connection_id)
WHERE l.kind = 'write_segment' AND c.server_port = 4000
"""
_READ_FROM = """
SELECT DISTINCT p.ip_id FROM link l JOIN packet p USING (packet_id) JOIN connection c USING (connection_id)
WHERE l.kind = 'segment_read' AND c.server_port = 4000 AND l.first_copy
"""


@pytest.mark.parametrize("name", PATHS)
def test_a_megabyte_is_linked_and_the_copy_that_arrived_first_is_known(name: str, tmp_path: Path) -> None:
    data = os.urandom(SIZE)
    (tmp_path / "data").write_bytes(data)
    capture = record_transfer(tmp_path, bad_path=f"{PATHS[name]} log={tmp_path}/passed")
    assert (tmp_path / "got").read_bytes() == data
    with open_capture(capture) as db:
        assert not faults(db)
        stream = next(s for s in check(db).streams if s.protocol == "tcp" and s.carried)
        assert stream.written == stream.on_wire == stream.read == SIZE
        assert stream.linked == stream.compared == 2 * SIZE
        assert not misplaced(db, stream.connection_id, {"c2s": data, "s2c": b""})
        if name not in {"duplication", "delay"}:
            assert db.execute("SELECT 1 FROM link WHERE retransmission").fetchall()
        _assert_arrivals(db, (tmp_path / "passed").read_text())


def _assert_arrivals(db: duckdb.DuckDBPyConnection, passed: str) -> None:
    """Every answer about who came first is what the path saw; an unknown one is allowed, a wrong one is not."""
    order: dict[int, int] = {}
    for n, line in enumerate(line for line in passed.splitlines() if line.startswith("left ")):
        order.setdefault(int(line.split()[1]), n)
    never = len(passed)
    copies: dict[tuple[int, int, int], list[tuple[bool | None, int]]] = defaultdict(list)
    for write, lo, hi, first, ip_id in db.execute(_COPIES).fetchall():
        copies[write, lo, hi].append((first, order.get(ip_id, never)))
    for where, group in copies.items():
        earliest = min(arrived for _, arrived in group)
        for first, arrived in group:
            if first is not None:
                assert first == (arrived == earliest), (where, group)
    for (ip_id,) in db.execute(_READ_FROM).fetchall():
        assert ip_id in order, "a packet that never arrived was read"
