"""What is known of a packet's two ends: process, descriptor, calls and byte range, in words for a comment."""

from collections import defaultdict
from dataclasses import dataclass, field

import duckdb

from wiretale.decode.escape import escape_text

CALLS_NAMED = 4  # calls listed for one packet and one end; the rest is counted


@dataclass(slots=True)
class PacketEnds:
    """Comments of one packet; `pid` and `tid` are the sender's, or the receiver's if only that one was traced."""

    comments: list[str] = field(default_factory=list)
    pid: int | None = None
    tid: int | None = None


_ENDS = """
SELECT e.connection_id, e.sends, e.pid, e.fd, arg_max(t.comm, t.start_ns)
FROM endpoint e LEFT JOIN task t ON t.pid = e.pid AND t.is_leader WHERE e.pid IS NOT NULL GROUP BY ALL"""

_CALLS = """
SELECT l.packet_id, c.call_id, any_value(c.name), any_value(c.pid), any_value(c.tid), any_value(c.fd),
any_value(t.comm),
    min(l.lo), max(l.hi), count(*) OVER (PARTITION BY l.packet_id)
FROM link l JOIN {table} s ON s.{key} = l.{key} JOIN call c ON c.call_id = s.call_id LEFT JOIN task t ON t.task_id =
c.task_id
WHERE l.kind = '{kind}' AND l.packet_id IN (SELECT unnest(?)) GROUP BY l.packet_id, c.call_id
QUALIFY row_number() OVER (PARTITION BY l.packet_id ORDER BY c.call_id) <= {named}
ORDER BY l.packet_id, c.call_id"""

_WRITES = _CALLS.format(table="stream_write", key="write_id", kind="write_segment", named=CALLS_NAMED)
_READS = _CALLS.format(table="stream_read", key="read_id", kind="segment_read", named=CALLS_NAMED)


class Comments:
    """Answers for batches of packets; the ends of connections are read once."""

    def __init__(self, db: duckdb.DuckDBPyConnection) -> None:
        self._db = db
        self._ends: dict[tuple[int, str], tuple[int, int | None, str]] = {}
        for connection_id, sends, pid, fd, comm in db.execute(_ENDS).fetchall():
            self._ends[connection_id, sends] = (pid, fd, comm or "?")

    def of(self, packet_ids: list[int]) -> dict[int, PacketEnds]:
        """By packet; packets of which nothing is known are left out."""
        found: dict[int, PacketEnds] = {}
        writes, reads = self._calls(_WRITES, packet_ids), self._calls(_READS, packet_ids)
        segments = self._db.execute(
            "SELECT packet_id, connection_id, direction FROM segment WHERE packet_id IN (SELECT unnest(?))",
            [packet_ids],
        ).fetchall()
        for packet_id, connection_id, direction in segments:
            back = "s2c" if direction == "c2s" else "c2s"
            sender, receiver = self._ends.get((connection_id, direction)), self._ends.get((connection_id, back))
            about = PacketEnds()
            self._say(about, "from", sender, writes.get(packet_id, []))
            self._say(about, "to", receiver, reads.get(packet_id, []))
            if about.comments:
                found[packet_id] = about
        return found

    def _calls(self, query: str, packet_ids: list[int]) -> dict[int, list[tuple[object, ...]]]:
        grouped: dict[int, list[tuple[object, ...]]] = defaultdict(list)
        for packet_id, *rest in self._db.execute(query, [packet_ids]).fetchall():
            grouped[packet_id].append(tuple(rest))
        return grouped

    @staticmethod
    def _say(
        about: PacketEnds, way: str, end: tuple[int, int | None, str] | None, calls: list[tuple[object, ...]]
    ) -> None:
        for call_id, name, pid, tid, fd, comm, low, high, _count in calls:
            where = _process(str(comm or "?"), int(str(pid)), fd)
            last = int(str(high)) - 1
            span = f"bytes {low}-{last}" if last != low else f"byte {low}"
            about.comments.append(f"{way} {where}: {escape_text(str(name))} (call {call_id}), {span}")
            if about.pid is None:
                about.pid, about.tid = int(str(pid)), int(str(tid))
        if calls and int(str(calls[0][-1])) > len(calls):
            about.comments.append(f"{way} {int(str(calls[0][-1])) - len(calls)} more calls")
        if not calls and end is not None:
            about.comments.append(f"{way} {_process(end[2], end[0], end[1])}")
            if about.pid is None:
                about.pid, about.tid = end[0], end[0]


def _process(comm: str, pid: int, fd: object) -> str:
    return f"{escape_text(comm)}({pid})" + (f" fd {fd}" if fd is not None else "")
