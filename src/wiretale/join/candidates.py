"""Which writes, segments and reads overlap, before any byte is compared.

In every stream the writes are in order and so are the reads, so the rows that a range touches stand together: a binary
search finds the first and the last of them. Positions of all streams are laid out one after the other on one line, so
that one search over whole arrays does it for all; joins of millions of rows by inequality took SQL six times as long.
"""

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.join.copies import put_copies
from wiretale.join.models import run
from wiretale.light import dataclass

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

KINDS = ("segment_read", "write_read", "write_segment")  # in the order of their names, in which links are listed
DIRECTIONS = ("c2s", "s2c")
SEGMENT_READ, WRITE_READ, WRITE_SEGMENT = range(3)
NULL = np.iinfo(np.int64).max  # sorts behind every id, as DuckDB sorts NULL

_AT_ONCE = 500_000  # rows: some hundred bytes each of NumPy, and several candidates
_GROUPS = """
WITH counted AS (
    SELECT connection_id, count(*) AS rows FROM (
        SELECT connection_id FROM j_write_row UNION ALL SELECT connection_id FROM j_read_row
        UNION ALL SELECT connection_id FROM j_segment_row UNION ALL SELECT connection_id FROM j_datagram_pair)
    GROUP BY 1
),
reached AS (SELECT connection_id, sum(rows) OVER (ORDER BY connection_id) // $most AS number FROM counted)
SELECT min(connection_id), max(connection_id) FROM reached GROUP BY number ORDER BY 1
"""
_AMONG = "WHERE connection_id BETWEEN $first AND $last"
_CALLS = "SELECT id, connection_id, direction = 's2c' AS s2c, lo, hi, exact, start_ns, exit_ns"
WRITES = f"{_CALLS} FROM j_write_row {_AMONG}"
READS = f"{_CALLS}, peeked FROM j_read_row {_AMONG}"
SEGMENTS = f"""
SELECT packet_id AS id, connection_id, direction = 's2c' AS s2c, lo, hi, is_new, time_ns, frame_lo, keep_alive, top
FROM j_segment_row {_AMONG}
"""  # noqa: S608 (fixed texts, here and below)
PARTS = f"""
SELECT packet_id AS id, p.lo, p.hi, p.copies, coalesce(p.first_copy::INTEGER, -1) AS first_copy
FROM j_part p JOIN j_segment_row s USING (packet_id) {_AMONG}
"""  # noqa: S608
DATAGRAMS = f"""
SELECT CASE kind WHEN 'segment_read' THEN 0 WHEN 'write_read' THEN 1 ELSE 2 END::TINYINT AS kind, connection_id,
       direction = 's2c' AS s2c, lo, hi, write_id, packet_id, read_id, retransmission, exact, lag_ns,
       time_ns, frame_lo, coalesce(first_copy::TINYINT, -1) AS first_copy
FROM j_datagram_pair {_AMONG}
"""  # noqa: S608


def find_candidates(db: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    """Columns of the candidates, in the order in which links are listed; those of some connections at a time.

    `kind` is an index into KINDS, `first_copy` 1, 0 or -1 (unknown), `time_ns` when the later of the two rows happened.
    NULL stands for an id or a place that there is not.
    """
    run(db, "j_candidate")
    put_copies(db)
    for first, last in db.execute(_GROUPS, {"most": _AT_ONCE}).fetchall():
        yield _of_connections(db, {"first": first, "last": last})


def _of_connections(db: duckdb.DuckDBPyConnection, bounds: dict[str, int]) -> dict[str, Any]:
    """The candidates of the connections whose ids are within the `bounds`."""
    writes, reads, segments = (_Rows.of(db, query, bounds) for query in (WRITES, READS, SEGMENTS))
    datagrams = _datagrams(db, bounds)
    line = _Line([writes, reads, segments, _Rows(datagrams)])
    writes, reads = writes.ordered(line), reads.ordered(line)
    segments = _with_new(line, segments)
    segments = segments.at(~segments.flags("keep_alive")).ordered(line)
    taken = reads.at(~reads.flags("peeked"))
    peeks = reads.at(reads.flags("peeked"))
    fresh = segments.begun_at("new_lo")
    parts = _cut(segments, _Rows.of(db, PARTS, bounds))
    found = [
        _write_segment(line, parts, writes),
        _segment_read(line, _delivered(parts), taken),
        _peek(line, peeks, fresh.at(fresh.flags("is_new")).ordered(line)),
        _write_read(line, reads, writes),
        datagrams,
    ]
    return _in_order(line, {name: np.concatenate([part.pop(name) for part in found]) for name in list(datagrams)})


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one kind by column."""

    columns: dict[str, NDArray[Any]]

    @classmethod
    def of(cls, db: duckdb.DuckDBPyConnection, query: str, bounds: dict[str, int]) -> "_Rows":
        return cls(dict(db.execute(query, bounds).fetchnumpy()))

    def __getitem__(self, name: str) -> Ints:
        return self.columns[name]

    def flags(self, name: str) -> Flags:
        return self.columns[name].astype(bool)

    def at(self, chosen: Ints | Flags) -> "_Rows":
        """Some of the rows, by their indices or a flag for each."""
        return _Rows({name: values[chosen] for name, values in self.columns.items()})

    def begun_at(self, name: str) -> "_Rows":
        """The same rows, but beginning at the position in column `name`."""
        return _Rows(self.columns | {"lo": self.columns[name]})

    def ordered(self, line: "_Line") -> "_Rows":
        order = np.lexsort((self["id"], line.at(self, "lo")))
        return self.at(order)

    @property
    def stream(self) -> Ints:
        return self["connection_id"] * 2 + self["s2c"]


class _Line:
    """All streams one after the other: a place on it says which stream, and where in it."""

    def __init__(self, rows: list[_Rows]) -> None:
        streams = np.concatenate([r.stream for r in rows])
        self._known, which = np.unique(streams, return_inverse=True)
        least = np.zeros(len(self._known), np.int64)
        most = np.zeros(len(self._known), np.int64)
        np.minimum.at(least, which, np.concatenate([r["lo"] for r in rows]))
        np.maximum.at(most, which, np.concatenate([r["hi"] for r in rows]))
        width = most - least + 1
        self._begin = np.cumsum(width) - width - least

    def at(self, rows: _Rows, column: str) -> Ints:
        begin: Ints = self._begin[np.searchsorted(self._known, rows.stream)]
        return begin + rows[column]

    def pairs(self, ranges: _Rows, rows: _Rows) -> tuple[_Rows, _Rows, Ints, Ints]:
        """Each range with each of the rows (which are in order) it overlaps, and where they do: [lo, hi)."""
        places = self.at(rows, "lo")
        first = np.searchsorted(places, self.at(ranges, "lo"), side="right") - 1
        # Rows that begin at one place (as repeated peeks do) all count.
        first = np.searchsorted(places, places[np.maximum(first, 0)]) if len(places) else first
        first = np.maximum(first, np.searchsorted(rows.stream, ranges.stream))
        last = np.searchsorted(places, self.at(ranges, "hi") - 1, side="right")
        count = np.maximum(last - first, 0)
        of = np.repeat(np.arange(len(count)), count)
        which = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(len(of))
        lo = np.maximum(ranges["lo"][of], rows["lo"][which])
        hi = np.minimum(ranges["hi"][of], rows["hi"][which])
        some = lo < hi
        of, which = of[some], which[some]
        return ranges.at(of), rows.at(which), lo[some], hi[some]


def _with_new(line: _Line, segments: _Rows) -> _Rows:
    """Adds `new_lo`: where of a segment that brought something new begins what was not there before."""
    order = np.lexsort((segments["id"], segments.stream))
    s = segments.at(order)
    lo, hi = line.at(s, "lo"), line.at(s, "hi")
    # Streams lie behind each other on the line: what earlier streams reached is before any of this one's bytes.
    top = np.concatenate([lo[:1], np.maximum.accumulate(hi)[:-1]])
    repeated = np.where(s.flags("is_new") & (top > lo) & (top < hi), top - lo, 0)
    return _Rows(s.columns | {"new_lo": s["lo"] + repeated})


def _cut(segments: _Rows, parts: _Rows) -> _Rows:
    """Segments, those that hold repeated bytes cut into their `parts`, with the column `first_copy`.

    It is 1, 0 or -1 (unknown); of bytes that were captured once, 1 where the other end had them.
    """
    had = np.where(segments["hi"] <= segments["top"], 1, -1)
    places = np.ma.filled(segments["frame_lo"], NULL)
    whole = _Rows(segments.columns | {"first_copy": had, "frame_lo": places})
    if not len(parts["id"]):
        return whole
    order = np.argsort(segments["id"], kind="stable")
    of = whole.at(order[np.searchsorted(segments["id"][order], parts["id"])])
    once = np.where(parts["hi"] <= of["top"], 1, -1)
    pieces = of.columns | {
        "lo": parts["lo"],
        "hi": parts["hi"],
        "new_lo": np.maximum(of["new_lo"], parts["lo"]),
        "first_copy": np.where(parts["copies"] > 1, parts["first_copy"], once),
    }
    rest = whole.at(~np.isin(segments["id"], parts["id"]))
    return _Rows(
        {
            name: np.concatenate([np.ma.getdata(values), np.ma.getdata(pieces[name])])
            for name, values in rest.columns.items()
        }
    )


def _delivered(parts: _Rows) -> _Rows:
    """What a read may have got. A later copy was read by nobody; where that is not known, what was new counts."""
    first, is_new = parts["first_copy"], parts.flags("is_new")
    lo = np.where((first == 1) | ~is_new, parts["lo"], parts["new_lo"])
    return _Rows(parts.columns | {"lo": lo}).at((first != 0) & (lo < parts["hi"]))


def _pairs_of(
    kind: int,
    of: _Rows,
    span: tuple[Ints, Ints],
    ids: dict[str, Ints],
    *,
    again: Flags,
    exact: Flags,
    lag_ns: Ints,
    time_ns: Ints,
    frame_lo: Ints | None = None,
    first_copy: Ints | None = None,
) -> dict[str, Any]:
    """Columns of candidates; `ids` has those of the three that there are."""
    count = len(span[0])
    absent = np.full(count, NULL)
    return {
        "kind": np.full(count, kind, np.int8),
        "connection_id": of["connection_id"],
        "s2c": of.flags("s2c"),
        "lo": span[0],
        "hi": span[1],
        **{name: ids.get(name, absent) for name in ("write_id", "packet_id", "read_id")},
        "retransmission": again,
        "exact": exact,
        "lag_ns": lag_ns,
        "time_ns": time_ns,
        "frame_lo": absent if frame_lo is None else np.ma.filled(frame_lo, NULL),
        "first_copy": np.full(count, -1, np.int8) if first_copy is None else first_copy.astype(np.int8),
    }


def _write_segment(line: _Line, segments: _Rows, writes: _Rows) -> dict[str, Any]:
    s, w, *span = line.pairs(segments, writes)
    ids = {"write_id": w["id"], "packet_id": s["id"]}
    again, lag = ~s.flags("is_new"), s["time_ns"] - w["start_ns"]
    return _pairs_of(
        WRITE_SEGMENT,
        s,
        (span[0], span[1]),
        ids,
        again=again,
        exact=w.flags("exact"),
        lag_ns=lag,
        time_ns=s["time_ns"],
        frame_lo=s["frame_lo"],
        first_copy=s["first_copy"],
    )


def _segment_read(line: _Line, segments: _Rows, reads: _Rows) -> dict[str, Any]:
    s, r, lo, hi = line.pairs(segments, reads)
    # A repeat that came after the bytes had been read delivered nothing.
    told = s.flags("is_new") | (s["time_ns"] <= r["exit_ns"])
    s, r, lo, hi = s.at(told), r.at(told), lo[told], hi[told]
    ids = {"packet_id": s["id"], "read_id": r["id"]}
    again, lag = ~s.flags("is_new"), r["exit_ns"] - s["time_ns"]
    return _pairs_of(
        SEGMENT_READ,
        s,
        (lo, hi),
        ids,
        again=again,
        exact=r.flags("exact"),
        lag_ns=lag,
        time_ns=r["exit_ns"],
        frame_lo=s["frame_lo"],
        first_copy=s["first_copy"],
    )


def _peek(line: _Line, peeks: _Rows, segments: _Rows) -> dict[str, Any]:
    r, s, lo, hi = line.pairs(peeks, segments)
    ids = {"packet_id": s["id"], "read_id": r["id"]}
    again, lag = np.zeros(len(lo), bool), r["exit_ns"] - s["time_ns"]
    return _pairs_of(
        SEGMENT_READ,
        r,
        (lo, hi),
        ids,
        again=again,
        exact=r.flags("exact"),
        lag_ns=lag,
        time_ns=r["exit_ns"],
        frame_lo=s["frame_lo"],
    )


def _write_read(line: _Line, reads: _Rows, writes: _Rows) -> dict[str, Any]:
    r, w, lo, hi = line.pairs(reads, writes)
    ids = {"write_id": w["id"], "read_id": r["id"]}
    again, lag = np.zeros(len(lo), bool), r["exit_ns"] - w["start_ns"]
    exact = r.flags("exact") & w.flags("exact")
    return _pairs_of(WRITE_READ, r, (lo, hi), ids, again=again, exact=exact, lag_ns=lag, time_ns=r["exit_ns"])


def _datagrams(db: duckdb.DuckDBPyConnection, bounds: dict[str, int]) -> dict[str, Any]:
    """The pairs that join/datagrams.py found."""
    found = db.execute(DATAGRAMS, bounds).fetchnumpy()
    nullable = ("write_id", "packet_id", "read_id", "lag_ns", "time_ns", "frame_lo")
    filled = {name: np.ma.filled(found[name].astype(np.int64), NULL) for name in nullable}
    return {name: np.ma.getdata(values) for name, values in found.items()} | filled


def _in_order(line: _Line, pairs: dict[str, Any]) -> dict[str, Any]:
    """By connection, direction, range and kind, then by the ids."""
    place = line.at(_Rows(pairs), "lo")
    size_and_kind = (pairs["hi"] - pairs["lo"]) * len(KINDS) + pairs["kind"]
    order = np.lexsort((size_and_kind, place))
    place, size_and_kind = place[order], size_and_kind[order]
    again = (place[1:] == place[:-1]) & (size_and_kind[1:] == size_and_kind[:-1])
    if again.any():  # sorting by so many keys takes long, and few rows need it
        tied = np.flatnonzero(np.concatenate([again, [False]]) | np.concatenate([[False], again]))
        rows = order[tied]
        ids = [pairs[name][rows] for name in ("read_id", "write_id", "packet_id")]
        order[tied] = rows[np.lexsort((*ids, size_and_kind[tied], place[tied]))]
    return {name: pairs.pop(name)[order] for name in list(pairs)}
