"""procfs.jsonl to tables: what a traced task already said is not said twice; damaged lines cost only themselves."""

import json
import tempfile
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.model.raw import RAW_TABLES
from wiretale.store.load.procfs import load_procfs
from wiretale.store.spool import Manifest, Spool

SNAPSHOT = {"kind": "snapshot", "time_ns": 10, "label": "before", "netns_cookie": 7, "asked": {"inet": "sock_diag"}}
TASK = {
    "kind": "task",
    "time_ns": 11,
    "tid": 50,
    "pid": 50,
    "parent_pid": 1,
    "comm": "nc",
    "argv": ["nc", "-l"],
    "uid": 0,
}
DESCRIPTOR = {"kind": "descriptor", "time_ns": 12, "pid": 50, "fd": 3, "target": "socket:[99]", "inode": 99, "flags": 2}
SOCKET = {
    "kind": "socket", "time_ns": 13, "inode": 99, "cookie": 2**64 - 1, "family": "AF_INET", "type": "SOCK_STREAM",
    "protocol": 6, "state": "LISTEN", "local_addr": "127.0.0.1", "local_port": 4000, "tcp_info": "0a00",
}  # fmt: skip


def load(folder: Path, text: str, *, traced: int | None = None) -> tuple[duckdb.DuckDBPyConnection, Manifest]:
    spool = Spool(folder)
    spool.procfs_path.write_text(text, encoding="utf-8", errors="surrogatepass")
    db = duckdb.connect()
    for table in RAW_TABLES:
        db.execute(table.ddl)
    if traced is not None:
        db.execute("INSERT INTO task (task_id, tid, pid) VALUES (4, ?, ?)", [traced, traced])
    manifest = Manifest()
    load_procfs(spool, manifest, db)
    return db, manifest


def lines(*facts: dict[str, Any]) -> str:
    return "".join(json.dumps(f) + "\n" for f in facts)


def test_each_kind_of_line_has_its_table(tmp_path: Path) -> None:
    db, manifest = load(tmp_path, lines(SNAPSHOT, TASK, DESCRIPTOR, SOCKET))
    assert db.execute("SELECT task_id, tid, how, traced, start_ns, is_leader, argv FROM task").fetchall() == [
        (1, 50, "present", False, 11, True, ["nc", "-l"])
    ]
    assert db.execute("SELECT * FROM descriptor_sample").fetchall() == [(12, 50, 3, None, "socket:[99]", 99, 2)]
    assert db.execute(
        "SELECT time_ns, inode, cookie, netns_cookie, state, local_port, peer_addr, tcp_info FROM socket_sample"
    ).fetchall() == [(13, 99, 2**64 - 1, 7, "LISTEN", 4000, None, b"\x0a\x00")]
    (report,) = manifest.sources
    assert (report.source, report.ran, report.items, report.lost) == ("procfs", True, 4, 0)
    assert report.detail["snapshots"] == [{"label": "before", "asked": {"inet": "sock_diag"}}]


def test_a_traced_task_is_not_there_twice(tmp_path: Path) -> None:
    other = TASK | {"tid": 51, "pid": 51}
    db, _ = load(tmp_path, lines(SNAPSHOT, TASK, other, SNAPSHOT, TASK, other), traced=50)
    assert db.execute("SELECT task_id, tid FROM task ORDER BY 1").fetchall() == [(4, 50), (5, 51)]


def test_no_file_is_told_as_a_source_that_did_not_run(tmp_path: Path) -> None:
    db, manifest = load(tmp_path, "")
    assert [(s.ran, s.reason) for s in manifest.sources] == [(False, "no snapshot was taken")]
    assert db.execute("SELECT count(*) FROM task").fetchone() == (0,)


def test_a_line_cut_short_is_counted(tmp_path: Path) -> None:
    db, manifest = load(tmp_path, lines(SNAPSHOT, SOCKET) + lines(DESCRIPTOR)[:-9])
    assert manifest.sources[0].lost == 1
    assert db.execute("SELECT count(*) FROM socket_sample").fetchone() == (1,)
    assert db.execute("SELECT count(*) FROM descriptor_sample").fetchone() == (0,)


def test_many_sockets_load_fast_enough_to_be_unseen(tmp_path: Path) -> None:
    db, _ = load(tmp_path, lines(SNAPSHOT, *(SOCKET | {"inode": n} for n in range(20_000))))
    assert db.execute("SELECT count(*), max(inode) FROM socket_sample").fetchone() == (20_000, 19_999)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(sorted({*TASK, *DESCRIPTOR, *SOCKET, *SNAPSHOT} - {"kind"}))
FACTS = st.builds(
    lambda kind, values: {"kind": kind, **values},
    st.sampled_from(["task", "descriptor", "socket", "snapshot", "other", None]),
    st.dictionaries(NAMES, VALUES, max_size=8),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(FACTS.map(json.dumps) | VALUES.map(json.dumps) | st.text(max_size=40), max_size=6))
def test_any_lines_are_survived(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        db, manifest = load(Path(folder), "\n".join(texts))
        ((stored,),) = db.execute(
            "SELECT (SELECT count(*) FROM task) + (SELECT count(*) FROM descriptor_sample) "
            "+ (SELECT count(*) FROM socket_sample)"
        ).fetchall()
        assert stored <= manifest.sources[0].items
