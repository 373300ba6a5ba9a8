"""Packets of connections: table `segment`, from the analysis of each flow, and what the handshake and end were."""

from collections.abc import Iterator

import duckdb
import numpy as np

from wiretale.join.rows import put, run
from wiretale.join.tcp_analysis import ACK, FIN, RST, SYN, Segment, TcpAnalysis, Verdict

PACKETS = """
SELECT f.flow_id, f.packet_id, f.time_ns, f.forward, f.seq, coalesce(p.ack, 0) AS ack, f.flags, p.window,
       p.payload_bytes, p.wscale, p.sack
FROM j_flow_packet f JOIN packet p USING (packet_id)
WHERE f.proto = 6 ORDER BY f.flow_id, f.packet_id
"""
REUSED = """
SELECT flow_id FROM j_flow WHERE proto = 6
QUALIFY row_number() OVER (PARTITION BY cookie, a_addr, a_port, b_addr, b_port ORDER BY first_ns) > 1
"""


def put_segments(db: duckdb.DuckDBPyConnection) -> None:
    """Make j_segment (one row per shown TCP segment) and j_event (the segments that move the TCP state machine)."""
    reused = {row[0] for row in db.execute(REUSED).fetchall()}
    verdicts: list[Verdict] = []
    bases: list[tuple[object, ...]] = []
    events: list[tuple[object, ...]] = []
    flow, analysis, watch = 0, TcpAnalysis(reused=False), _Watch(0)
    for flow_id, segment in _read(db):
        if flow_id != flow:
            if flow:
                bases += _bases(flow, analysis)
                events += watch.events
            flow, analysis, watch = flow_id, TcpAnalysis(reused=flow_id in reused), _Watch(flow_id)
        verdict = analysis.verdict(segment)
        verdicts.append(verdict)
        watch.see(segment, verdict)
    if flow:
        bases += _bases(flow, analysis)
        events += watch.events
    _store(db, verdicts)
    put(
        db,
        "j_base",
        (("flow_id", "BIGINT"), ("forward", "BOOLEAN"), ("initial_seq", "UINTEGER"), ("certain", "BOOLEAN")),
        bases,
    )
    put(
        db,
        "j_event",
        (
            ("flow_id", "BIGINT"),
            ("packet_id", "BIGINT"),
            ("time_ns", "BIGINT"),
            ("forward", "BOOLEAN"),
            ("what", "VARCHAR"),
        ),
        events,
    )


def _read(db: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, Segment]]:
    rows = db.execute(PACKETS)
    while batch := rows.fetchmany(20_000):
        for row in batch:
            yield row[0], Segment(*row[1:])


def _bases(flow_id: int, analysis: TcpAnalysis) -> list[tuple[object, ...]]:
    return [
        (flow_id, forward, side.base, side.certain)
        for forward, side in ((True, analysis.a), (False, analysis.b))
        if side.base is not None
    ]


class _Watch:
    """Picks the segments that change a TCP state: SYN, the ACK that ends the handshake, FIN, the ACK of a FIN, RST."""

    __slots__ = ("_acked", "_established", "_fin_end", "_syn_ack", "events", "flow_id")

    def __init__(self, flow_id: int) -> None:
        self.flow_id = flow_id
        self.events: list[tuple[object, ...]] = []
        self._syn_ack: bool | None = None  # who sent the SYN with ACK
        self._established = False
        self._fin_end: dict[bool, int] = {}
        self._acked: set[bool] = set()

    def _add(self, s: Segment, what: str) -> None:
        self.events.append((self.flow_id, s.packet_id, s.time_ns, s.forward, what))

    def see(self, s: Segment, v: Verdict) -> None:
        if s.flags & RST:
            self._add(s, "rst")
            return
        if s.flags & SYN:
            if v.is_new:
                self._add(s, "syn-ack" if s.flags & ACK else "syn")
            if s.flags & ACK:
                self._syn_ack = s.forward
        elif self._syn_ack is not None and s.forward != self._syn_ack and not self._established and s.flags & ACK:
            self._established = True
            self._add(s, "handshake-ack")
        if s.flags & ACK and v.rel_ack is not None:
            peer = not s.forward
            if peer in self._fin_end and peer not in self._acked and v.rel_ack >= self._fin_end[peer]:
                self._acked.add(peer)
                self._add(s, "ack-of-fin")
        if s.flags & FIN and s.forward not in self._fin_end:
            self._fin_end[s.forward] = v.rel_seq + s.length + 1
            self._add(s, "fin")


def _store(db: duckdb.DuckDBPyConnection, verdicts: list[Verdict]) -> None:
    """j_segment, by whole columns: there may be millions of rows."""

    def numbers(values: list[int | None]) -> np.ma.MaskedArray[tuple[int], np.dtype[np.int64]]:
        return np.ma.masked_array(
            np.array([0 if v is None else v for v in values], dtype=np.int64), mask=[v is None for v in values]
        )

    columns = {
        "packet_id": np.array([v.packet_id for v in verdicts], dtype=np.int64),
        "rel_seq": np.array([v.rel_seq for v in verdicts], dtype=np.int64),
        "rel_ack": numbers([v.rel_ack for v in verdicts]),
        "lo": np.array([v.lo for v in verdicts], dtype=np.int64),
        "hi": np.array([v.hi for v in verdicts], dtype=np.int64),
        "scaled_window": numbers([v.scaled_window for v in verdicts]),
        "bytes_in_flight": numbers([v.bytes_in_flight for v in verdicts]),
        "ack_rtt_ns": numbers([v.ack_rtt_ns for v in verdicts]),
        "is_new": np.array([v.is_new for v in verdicts], dtype=bool),
        "fin": np.array([v.fin for v in verdicts], dtype=bool),
        "analysis": np.array([",".join(v.analysis) for v in verdicts], dtype=object),
    }
    db.execute(
        """
        CREATE OR REPLACE TEMP TABLE j_segment (packet_id BIGINT, rel_seq BIGINT, rel_ack BIGINT, lo BIGINT, hi BIGINT,
            scaled_window BIGINT, bytes_in_flight BIGINT, ack_rtt_ns BIGINT, is_new BOOLEAN, fin BOOLEAN,
            analysis VARCHAR[])
        """
    )
    if verdicts:
        db.register("j_verdicts", columns)
        db.execute(
            """
            INSERT INTO j_segment SELECT * EXCLUDE (analysis),
                CASE WHEN analysis = '' THEN [] ELSE string_split(analysis, ',') END FROM j_verdicts
            """
        )
        db.unregister("j_verdicts")


def build_segments(db: duckdb.DuckDBPyConnection) -> None:
    """Fill `segment`."""
    run(db, "segment")
