"""TCP segments of connections: table `segment`, which stream each belongs to, and what the handshake and end were."""

from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.decode.packets import ABSENT, decode_frames
from wiretale.decode.transport import BAD_TCP_LENGTH, CUT_OPTIONS
from wiretale.decode.words import Ints
from wiretale.join.models import run, run_in_parts
from wiretale.join.rows import put
from wiretale.join.tcp import library
from wiretale.join.tcp.library import SEGMENT, Analysis
from wiretale.join.tcp.verdicts import DEFAULT_VERSION, EVENTS, TRUTHS, mask_names
from wiretale.model.packet_ring import LINKTYPE_RAW
from wiretale.store.bulk import BATCH_ROWS

# Rows at a time: what is held of them in NumPy, 500 bytes each, must not grow with the capture.
_AT_ONCE = 2 * BATCH_ROWS

_EVERY = f"""
WITH every AS (
    SELECT packet_id, time_ns, number, seq, ack, payload_bytes, flags, "window", mptcp, wscale, fast_open, sack, undecoded,
           src, srcport, dst, dstport, netns, 0 AS quoted
    FROM packet WHERE shown AND ip_protocol = 6 AND seq IS NOT NULL
    UNION ALL
    SELECT packet_id, time_ns, number, q.seq, q.ack, NULL, q.flags, 0, NULL, NULL, NULL, NULL, NULL,
           q.src, q.srcport, q.dst, q.dstport, netns, {library.QUOTED}
    FROM j_quoted q JOIN packet p USING (packet_id)
)
"""  # noqa: S608 (numbers of this program)
# Which pair of endpoints, counted from 0, and whether its first one sends.
_WAYS = f"""
CREATE OR REPLACE TEMP TABLE j_way AS
{_EVERY}, way AS (
    SELECT DISTINCT netns, src, srcport, dst, dstport, (src, srcport) <= (dst, dstport) AS forward FROM every
)
SELECT netns, src, srcport, dst, dstport, forward,
       dense_rank() OVER (ORDER BY netns, least((src, srcport), (dst, dstport)), greatest((src, srcport), (dst, dstport))) - 1 AS tuple
FROM way
"""  # noqa: S608
# Real time, because Wireshark's rules give the instant 0 a meaning of its own: none.
# Segments that ICMP errors quote are judged with the others, because Wireshark lets them begin and name streams.
_SEGMENTS = f"""
{_EVERY}
SELECT packet_id, quoted, time_ns + $offset AS realtime_ns, coalesce(number, packet_id) AS number, seq, ack,
       coalesce(payload_bytes, 0) AS length, flags, "window", coalesce(mptcp, 0) AS mptcp, coalesce(wscale, -1) AS scale,
       coalesce(fast_open, 0) AS fast_open, least(coalesce(len(sack), 0) // 2, {library.MOST_SACK_BLOCKS}) AS sacks,
       (CASE WHEN payload_bytes IS NULL THEN {library.NO_LENGTH} ELSE 0 END)
       | (CASE WHEN undecoded IN ('{CUT_OPTIONS}', '{BAD_TCP_LENGTH}') THEN {library.CUT_OPTIONS} ELSE 0 END)
       | (CASE WHEN undecoded = '{BAD_TCP_LENGTH}' AND payload_bytes IS NOT NULL THEN {library.BAD_HEADER} ELSE 0 END) | quoted AS quality,
       w.tuple, w.forward
FROM every p
JOIN j_way w ON w.src = p.src AND w.srcport = p.srcport AND w.dst = p.dst AND w.dstport = p.dstport
     AND w.netns IS NOT DISTINCT FROM p.netns
WHERE packet_id BETWEEN $first AND $last
ORDER BY packet_id
"""  # noqa: S608
_SACKS = """
SELECT packet_id, sack FROM packet WHERE shown AND ip_protocol = 6 AND seq IS NOT NULL AND sack IS NOT NULL
AND packet_id BETWEEN $first AND $last ORDER BY packet_id
"""
_EVENT_COLUMNS = "stream BIGINT, packet_id BIGINT, time_ns BIGINT, forward BOOLEAN, what VARCHAR"


def put_segments(db: duckdb.DuckDBPyConnection) -> None:
    """Make j_segment (one row per shown TCP segment), j_stream, j_base and j_event (segments that move TCP's state)."""
    _put_quoted(db)
    db.execute(_WAYS)
    offset = _offset_ns(db)
    put(db, "j_truth", (("truth", "BIGINT"), ("what", "VARCHAR")), list(TRUTHS.items()))
    db.execute(f"CREATE OR REPLACE TEMP TABLE j_event ({_EVENT_COLUMNS})")
    least, most, count = db.execute(
        "SELECT coalesce(min(packet_id), 0), coalesce(max(packet_id), 0), (SELECT coalesce(max(tuple) + 1, 0) FROM j_way) FROM packet"
    ).fetchall()[0]
    with Analysis(count, _version(db)) as analysis:
        for first in range(least, most + 1, _AT_ONCE):
            packet_id, segments = _segments(db, first, first + _AT_ONCE - 1, offset)
            verdicts = analysis.judge(segments)
            own = (segments["quality"] & library.QUOTED) == 0
            if not own.all():
                packet_id, segments, verdicts = packet_id[own], segments[own], verdicts[own]
            _put_segments(db, packet_id, segments, verdicts, offset, is_first=first == least)
            _put_events(db, packet_id, segments, verdicts, offset)
        _put_streams(db, analysis.streams())
    run(db, "j_elsewhere")
    db.execute("DROP TABLE temp.j_way")


# ICMP's errors (RFC 792), and ICMPv6's (RFC 4443): they quote the beginning of the packet they are about
_ERRORS = "(ip_version = 4 AND icmp_type IN (3, 4, 5, 11, 12)) OR (ip_version = 6 AND icmp_type BETWEEN 1 AND 4)"
_LONGEST_HEADERS = 128
_LONGEST_PACKET = 1 << 16


def _put_quoted(db: duckdb.DuckDBPyConnection) -> None:
    """Make j_quoted: the TCP headers that ICMP errors quote."""
    rows = db.execute(
        f"SELECT packet_id, frame[payload_offset + 1:payload_offset + {_LONGEST_HEADERS}] FROM packet"  # noqa: S608 (fixed text)
        f" WHERE shown AND payload_offset IS NOT NULL AND ({_ERRORS}) ORDER BY packet_id"
    ).fetchall()
    data = [bytes(quote or b"") for _, quote in rows]
    size = np.array([len(d) for d in data], np.int64)
    one = np.ones(len(data), np.int64)
    found = decode_frames(
        np.frombuffer(b"".join(data), np.uint8), np.cumsum(size) - size, size, one * _LONGEST_PACKET, one * LINKTYPE_RAW
    )
    names = ("src", "srcport", "dst", "dstport", "seq", "ack", "flags")
    which = np.flatnonzero(found["seq"] != ABSENT).tolist()
    put(
        db,
        "j_quoted",
        (
            ("packet_id", "BIGINT"),
            ("src", "VARCHAR"),
            ("srcport", "INTEGER"),
            ("dst", "VARCHAR"),
            ("dstport", "INTEGER"),
            ("seq", "BIGINT"),
            ("ack", "BIGINT"),
            ("flags", "INTEGER"),
        ),  # fmt: skip
        [(rows[n][0], *(v if isinstance(v := found[name][n], str) else int(v) for name in names)) for n in which],
    )


def _version(db: duckdb.DuckDBPyConnection) -> str:
    row = db.execute("SELECT value FROM meta WHERE key = 'tcp_rules'").fetchone()
    return str(row[0]) if row else DEFAULT_VERSION


def _offset_ns(db: duckdb.DuckDBPyConnection) -> int:
    row = db.execute("SELECT realtime_ns - monotonic_ns FROM clock_snapshot ORDER BY monotonic_ns LIMIT 1").fetchone()
    return int(row[0]) if row else 0


def _plain(column: NDArray[Any]) -> NDArray[Any]:
    """A column without NULLs; DuckDB gives a masked array even then."""
    return np.asarray(np.ma.getdata(column))


def _segments(db: duckdb.DuckDBPyConnection, first: int, last: int, offset: int) -> tuple[Ints, NDArray[Any]]:
    """The segments of some packets (the ids of both ends are meant, too): their packet_id, and SEGMENT."""
    bounds = {"first": first, "last": last}
    found = db.execute(_SEGMENTS, {"offset": offset, **bounds}).fetchnumpy()
    packet_id = _plain(found["packet_id"])
    segments = np.zeros(len(packet_id), SEGMENT)
    for name in SEGMENT.names or ():
        if name in found:
            segments[name] = _plain(found[name])
    with_sack = db.execute(_SACKS, bounds).fetchall()
    if with_sack:
        rows = np.searchsorted(packet_id, np.array([r[0] for r in with_sack], np.int64))
        most = 2 * library.MOST_SACK_BLOCKS
        segments["sack"][rows] = [(edges + [0] * most)[:most] for _, edges in with_sack]
    return packet_id, segments


def _nullable(values: NDArray[Any]) -> NDArray[Any]:
    return np.ma.masked_equal(values, -1)


def _put_segments(
    db: duckdb.DuckDBPyConnection,
    packet_id: Ints,
    segments: NDArray[Any],
    verdicts: NDArray[Any],
    offset: int,
    *,
    is_first: bool,
) -> None:
    """Rows of j_segment, by whole columns; the first ones make the table."""
    measured = (segments["quality"] & library.NO_LENGTH) == 0
    lo = verdicts["rel_seq"] - ((segments["flags"] & 2) == 0)
    nothing = verdicts["duplicates"] == 0
    columns: dict[str, NDArray[Any]] = {
        "packet_id": packet_id,
        "time_ns": segments["realtime_ns"] - offset,
        "forward": segments["forward"] != 0,
        "flags": segments["flags"].astype(np.int32),
        "stream": verdicts["stream"].astype(np.int64),
        "rel_seq": np.where(measured, verdicts["rel_seq"], -1),
        "rel_ack": verdicts["rel_ack"],
        "shown_seq": np.where(measured, verdicts["shown_seq"].astype(np.int64), -1),
        "shown_ack": np.where(measured, verdicts["shown_ack"].astype(np.int64), -1),
        "lo": np.where(measured, lo, 0),
        "hi": np.where(measured, lo + segments["length"], 0),
        "duplicate_ack_num": np.where(nothing, -1, verdicts["duplicates"].astype(np.int64)),
        "is_new": verdicts["is_new"] != 0,
        "fin": (segments["flags"] & 1) != 0,
        "mask": verdicts["verdicts"].astype(np.int64),
        "truth": verdicts["truth"].astype(np.int64),
    }
    for name in _VALUES:
        columns[name] = verdicts[_VALUES[name]].copy()
    nullable = ("rel_ack", "rel_seq", "shown_seq", "shown_ack", "duplicate_ack_num", *_VALUES)
    j_verdicts = {n: _nullable(v) if n in nullable else v for n, v in columns.items()}
    assert j_verdicts  # DuckDB finds it by its name
    masks = np.unique(verdicts["verdicts"]).tolist()
    put(db, "j_mask", (("mask", "BIGINT"), ("names", "VARCHAR")), [(m, ",".join(mask_names(m))) for m in masks])
    target = "CREATE OR REPLACE TEMP TABLE j_segment AS" if is_first else "INSERT INTO j_segment"
    db.execute(
        f"""
        {target}
        SELECT v.* EXCLUDE (mask, truth), CASE WHEN m.names = '' THEN [] ELSE string_split(m.names, ',') END AS analysis,
               t.what
        FROM j_verdicts v JOIN j_mask m USING (mask) LEFT JOIN j_truth t USING (truth)
        """  # noqa: S608 (two fixed texts)
    )


# column of j_segment -> field of VERDICT; -1 is NULL
_VALUES = {
    "scaled_window": "scaled_window",
    "bytes_in_flight": "bytes_in_flight",
    "push_bytes_sent": "push_bytes",
    "ack_rtt_ns": "ack_rtt_ns",
    "acks_number": "acks_number",
    "rto_ns": "rto_ns",
    "rto_number": "rto_number",
    "initial_rtt_ns": "initial_rtt_ns",
    "duplicate_ack_number": "duplicate_number",
}


def _put_streams(db: duckdb.DuckDBPyConnection, streams: NDArray[Any]) -> None:
    rtt = streams["initial_rtt_ns"]
    stream = {
        "stream": np.arange(len(streams), dtype=np.int64),
        "completeness": streams["completeness"].astype(np.int64),
        "initial_rtt_ns": np.ma.masked_less_equal(rtt, 0),  # below 0 where stamps go backwards,
    }
    assert stream
    db.execute("CREATE OR REPLACE TEMP TABLE j_stream AS SELECT * FROM stream")
    base = {
        "stream": np.repeat(np.arange(len(streams), dtype=np.int64), 2),
        "forward": np.tile([True, False], len(streams)),
        "initial_seq": streams["initial_seq"].ravel(),
        "known": streams["known"].ravel().astype(np.int64),
    }
    assert base
    db.execute(
        """
        CREATE OR REPLACE TEMP TABLE j_base AS
        SELECT stream, forward, initial_seq, known = 2 AS certain FROM base WHERE known > 0
        """
    )


def _put_events(
    db: duckdb.DuckDBPyConnection, packet_id: Ints, segments: NDArray[Any], verdicts: NDArray[Any], offset: int
) -> None:
    rows = np.flatnonzero(verdicts["events"])
    marked = verdicts["events"][rows]
    pieces = [rows[(marked >> bit & 1) == 1] for bit in range(len(EVENTS))]
    which = np.concatenate(pieces)
    what = np.repeat(np.array(EVENTS, object), [len(p) for p in pieces])
    order = np.argsort(which, kind="stable")
    which, what = which[order], what[order]
    event = {
        "stream": verdicts["stream"][which].astype(np.int64),
        "packet_id": packet_id[which],
        "time_ns": segments["realtime_ns"][which] - offset,
        "forward": segments["forward"][which] != 0,
        "what": what,
    }
    assert event
    db.execute("INSERT INTO j_event SELECT * FROM event")


def name_flows(db: duckdb.DuckDBPyConnection) -> None:
    """j_base and j_event by flow: streams have become flows now (join/sql/j_flow.sql)."""
    for table in ("j_base", "j_event"):
        db.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE {table} AS
            SELECT f.flow_id, t.* FROM {table} t
            JOIN (SELECT flow_id, stream FROM j_flow WHERE stream IS NOT NULL) f USING (stream)
            """  # noqa: S608 (two fixed names)
        )


def build_segments(db: duckdb.DuckDBPyConnection) -> None:
    """Fill `segment`."""
    run_in_parts(db, "segment", "packet")
