"""Every byte of a generated recording is linked, by whichever way it was captured."""

import pytest

from scripts.large_spool import Size
from tests.large import capture_of
from wiretale.join import candidates, segments
from wiretale.store.capture import open_capture

SIZES = {
    "one tap": Size(connections=25, rounds=12, at_once=8),
    "loopback": Size(connections=9, rounds=5, at_once=4, loopback=True),
    "one at a time": Size(connections=3, rounds=2, at_once=1, snaplen=1000),
}


@pytest.fixture(params=SIZES.values(), ids=SIZES)
def size(request):
    return request.param


def test_all_bytes_are_linked_and_none_wrongly(size, tmp_path):
    with open_capture(capture_of(tmp_path, size)) as db:
        assert db.execute("SELECT count(*) FROM call").fetchone() == (size.calls,)
        assert db.execute("SELECT count(*) FROM packet WHERE shown").fetchone() == (size.shown_packets,)
        moved = [
            db.execute(f"SELECT sum(hi - lo) FROM {table}").fetchone()
            for table in ("stream_write", "stream_read", "link WHERE kind = 'write_segment'",
                          "link WHERE kind = 'segment_read'", "link WHERE kind = 'write_read'")
        ]  # fmt: skip
        assert len(set(moved)) == 1
        assert moved[0] > (0,)
        assert db.execute("SELECT DISTINCT evidence, retransmission FROM link").fetchall() == [("bytes", False)]
        assert db.execute(
            "SELECT count(*) FROM coverage WHERE state IN ('unmatched', 'ambiguous', 'lost')"
        ).fetchone() == (0,)
        assert db.execute("SELECT DISTINCT outcome, client_known_by FROM connection").fetchall() == [
            ("closed", "connect")
        ]


def test_links_are_listed_by_stream_and_position(size, tmp_path):
    with open_capture(capture_of(tmp_path, size)) as db:
        wrong = db.execute(
            "SELECT count(*) FROM (SELECT link_id, row_number() OVER (ORDER BY connection_id, direction, lo, hi, kind,"
            " packet_id, write_id, read_id) AS n FROM link) WHERE link_id <> n"
        ).fetchone()
        assert wrong == (0,)


def test_every_accept_and_read_that_waited_names_the_packet_that_ended_it(tmp_path):
    size = SIZES["one tap"]
    with open_capture(capture_of(tmp_path, size)) as db:
        ended = db.execute(
            "SELECT c.name, w.ended_by, count(*) FROM wait w JOIN call c USING (call_id) GROUP BY ALL"
        ).fetchall()
        rounds = size.connections * size.rounds
        assert sorted(ended) == [
            ("accept4", "packet", size.connections), ("connect", "packet", size.connections),
            ("poll", "packet", rounds + size.connections), ("read", "packet", rounds),
        ]  # fmt: skip


def test_joining_some_rows_at_a_time_gives_the_same_tables(size, tmp_path, monkeypatch):
    (tmp_path / "parts").mkdir()
    whole = capture_of(tmp_path, size)
    monkeypatch.setattr(candidates, "_AT_ONCE", 10)
    monkeypatch.setattr(segments, "_AT_ONCE", 7)
    parts = capture_of(tmp_path / "parts", size)
    with open_capture(whole) as db, open_capture(parts) as other:
        names = [name for (name,) in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        rows = {name: db.execute(f'FROM "{name}"').fetchall() for name in names}
        assert {name: other.execute(f'FROM "{name}"').fetchall() for name in names} == rows
        assert len(rows["link"]) > 10
        assert len(rows["segment"]) > 7
