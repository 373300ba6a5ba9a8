"""A datagram that was larger than the buffer it was read into: the rest is gone."""

from wiretale.explain.odd._rows import packet_refs, refs, times
from wiretale.explain.story import Step
from wiretale.explain.words import code, count
from wiretale.explain.world import World

# A read of a datagram that gave less than the datagram had: by its packet (UDP) or by the peer's write (unix sockets).
_QUERY = """
WITH cut AS (
    SELECT r.call_id, r.connection_id, r.hi - r.lo AS got, p.payload_bytes AS full, p.packet_id AS id, p.number,
        NULL AS write_call
    FROM stream_read r JOIN connection k USING (connection_id) JOIN link l ON l.read_id = r.read_id
        AND l.kind = 'segment_read'
    JOIN packet p USING (packet_id)
    WHERE k.protocol LIKE 'udp%' AND NOT r.peeked AND NOT coalesce(p.fragment, FALSE) AND p.number IS NOT NULL
        AND p.payload_bytes > r.hi - r.lo
    UNION ALL
    SELECT r.call_id, r.connection_id, r.hi - r.lo, w.hi - w.lo, NULL, NULL, w.call_id
    FROM stream_read r JOIN connection k USING (connection_id) JOIN link l ON l.read_id = r.read_id
        AND l.kind = 'write_read'
    JOIN stream_write w ON w.write_id = l.write_id
    WHERE k.protocol IN ('unix-dgram', 'unix-seqpacket') AND NOT r.peeked AND w.hi - w.lo > r.hi - r.lo
)
SELECT c.pid, c.name, c.fd, x.connection_id, count(*), min(c.entry_ns),
    arg_min({'call': c.call_id, 'got': x.got, 'full': x.full, 'id': x.id, 'n': x.number, 'write': x.write_call},
        c.call_id)
FROM cut x JOIN call c USING (call_id) GROUP BY 1, 2, 3, 4 ORDER BY 6 LIMIT 4"""


def _lost(size: int) -> str:
    return "byte is" if size == 1 else f"{count(size, 'byte')} are"


def find(world: World) -> list[Step]:
    """One step for each process, descriptor and conversation."""
    if not world.signs.talked("udp", "udplite", "unix-dgram", "unix-seqpacket"):
        return []
    steps = []
    for pid, name, fd, connection_id, total, at, first in world.db.execute(_QUERY).fetchall():
        said = [
            f"{world.who(pid)} read a datagram of {count(first['full'], 'byte')} on descriptor {fd} (connection "
            f"{connection_id}) with {code(name + '()')} into a buffer that had room for {first['got']:,}: the other "
            f"{_lost(first['full'] - first['got'])} lost."
        ]
        if total > 1:
            said.append(f"That happened {times(total)}.")
        evidence = refs("call", [i for i in (first["write"], first["call"]) if i is not None])
        if first["id"] is not None:
            evidence = (*packet_refs([(first["id"], first["n"])]), *evidence)
        steps.append(
            Step("", "A datagram is cut off", tuple(said), at, refs=evidence, topics=("MSG_TRUNC",),
                 background=("A read takes one whole datagram off the queue, however much of it fits; unlike with a "
                             "stream "
                             "the rest does not wait for the next read.",),
                 remedy="give it a buffer as large as the largest datagram (65,535 bytes at most)")
        )  # fmt: skip
    return steps
