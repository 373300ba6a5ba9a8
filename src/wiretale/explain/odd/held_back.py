"""Nagle's algorithm against a delayed acknowledgement: a small write waits for the other end's ACK."""

from wiretale.decode.durations import duration
from wiretale.explain.odd._rows import packet_refs, refs, times
from wiretale.explain.story import Step
from wiretale.explain.words import code, count
from wiretale.explain.world import World

HELD_NS = (
    15_000_000  # below that no delayed acknowledgement was waited for (TCP_DELACK_MIN is 40 ms, include/net/tcp.h)
)
RELEASED_NS = 2_000_000  # how soon after the acknowledgement the held segment leaves
TCP, TCP_NODELAY, TCP_CORK = 6, 1, 3  # linux/tcp.h

# A write whose first byte left long after the call had returned, right after the acknowledgement of what had been sent
# before: less than a full segment was under way, the window had room, nothing had to be sent again. On a socket without
# TCP_NODELAY and TCP_CORK only Nagle's rule (RFC 9293 3.7.4) holds such bytes back.
_LATE = f"""
    FROM link l JOIN packet p USING (packet_id) JOIN stream_write w ON w.write_id = l.write_id
    JOIN call c ON c.call_id = w.call_id
    WHERE l.kind = 'write_segment' AND p.time_ns - c.exit_ns >= {HELD_NS}"""
_QUERY = f"""
WITH late AS (
    SELECT w.call_id, w.connection_id, w.direction, w.socket_id, c.pid, c.fd, c.name, c.exit_ns,
        p.packet_id, p.number, p.time_ns, p.payload_bytes, g.rel_seq, p.time_ns - c.exit_ns AS held
    FROM link l JOIN packet p USING (packet_id) JOIN stream_write w ON w.write_id = l.write_id
    JOIN call c ON c.call_id = w.call_id JOIN segment g ON g.packet_id = l.packet_id
    JOIN connection k ON k.connection_id = w.connection_id AND k.protocol = 'tcp'
    WHERE l.kind = 'write_segment' AND NOT l.retransmission AND l.lo = w.lo AND w.exact AND g.shown
        AND p.time_ns - c.exit_ns >= {HELD_NS}
),
mss AS (
    SELECT g.connection_id, min(p.mss) AS mss FROM segment g JOIN packet p USING (packet_id)
    WHERE p.flags & 2 <> 0 GROUP BY g.connection_id
),
answer AS ( -- by the direction of what is acknowledged
    SELECT g.connection_id, CASE g.direction WHEN 'c2s' THEN 's2c' ELSE 'c2s' END AS direction, p.packet_id, p.number,
        p.time_ns, g.rel_ack, g.scaled_window, g.ack_rtt_ns, p.payload_bytes
    FROM segment g JOIN packet p USING (packet_id)
    WHERE g.shown AND p.number IS NOT NULL AND g.rel_ack IS NOT NULL
        AND g.connection_id IN (SELECT connection_id FROM late)
),
proven AS (
    SELECT l.*, a.packet_id AS ack_id, a.number AS ack_number, a.ack_rtt_ns AS delay, a.payload_bytes AS ack_bytes
    FROM late l
    ASOF JOIN answer a ON a.connection_id = l.connection_id AND a.direction = l.direction AND l.time_ns >= a.time_ns
    ASOF JOIN answer b ON b.connection_id = l.connection_id AND b.direction = l.direction AND l.exit_ns >= b.time_ns
    LEFT JOIN mss m ON m.connection_id = l.connection_id
    WHERE a.rel_ack = l.rel_seq AND l.time_ns - a.time_ns < {RELEASED_NS} AND a.time_ns > l.exit_ns
        AND b.rel_ack < l.rel_seq AND l.rel_seq - b.rel_ack < coalesce(m.mss, 536)
        AND l.payload_bytes < coalesce(m.mss, 536) AND b.rel_ack + b.scaled_window >= l.rel_seq + l.payload_bytes
        AND NOT EXISTS (SELECT 1 FROM segment g WHERE g.connection_id = l.connection_id AND g.direction = l.direction
            AND g.packet_id < l.packet_id AND list_contains(g.analysis, 'retransmission'))
        AND NOT EXISTS (SELECT 1 FROM call_file f JOIN call o USING (call_id) WHERE f.socket_id = l.socket_id
            AND o.name = 'setsockopt' AND o.a1 = {TCP} AND o.a2 IN ({TCP_NODELAY}, {TCP_CORK})
                AND o.call_id < l.call_id)
)
SELECT p.connection_id, p.pid, p.name, p.fd, count(*), min(p.time_ns), sum(p.held)::BIGINT, max(p.held),
    arg_max({{'call': p.call_id, 'id': p.packet_id, 'n': p.number, 'ack': p.ack_id, 'ack_n': p.ack_number,
        'delay': p.delay, 'bytes': p.payload_bytes, 'ack_bytes': p.ack_bytes}}, p.held),
    any_value(k.initial_rtt_ns)
FROM proven p JOIN connection k USING (connection_id)
GROUP BY p.connection_id, p.pid, p.name, p.fd ORDER BY 6 LIMIT 4"""  # noqa: S608 (fixed text of this module)


def find(world: World) -> list[Step]:
    """One step for each process and connection."""
    if world.db.execute(f"SELECT 1 {_LATE} LIMIT 1").fetchone() is None:
        return []
    steps = []
    for connection_id, pid, name, fd, total, at, held, most, worst, rtt in world.db.execute(_QUERY).fetchall():
        spent = duration(held) if total == 1 else f"{duration(held)} altogether, {duration(most)} the longest time"
        said = [
            f"{times(total).capitalize()} bytes that {world.who(pid)} wrote to descriptor {fd} (connection "
            f"{connection_id}) "
            f"stayed in its own kernel after {code(name + '()')} had returned: {spent}."
        ]
        said.append(
            f"So did the {count(worst['bytes'], 'byte')} of packet {worst['n']}: they left when packet "
            f"{worst['ack_n']} "
            "had acknowledged what had been sent before, and not earlier, although the window had room."
        )
        if worst["delay"] is not None and not worst["ack_bytes"] and worst["delay"] - (rtt or 0) >= HELD_NS:
            said.append(
                f"The other end had put off that acknowledgement for {duration(worst['delay'])} (a delayed "
                "acknowledgement: it waits a while for an answer that could take it along)."
            )
        evidence = (
            *refs("call", [worst["call"]]), *packet_refs([(worst["ack"], worst["ack_n"]), (worst["id"], worst["n"])]),
        )  # fmt: skip
        steps.append(
            Step("", "A small write is held back", tuple(said), at, refs=evidence, inferred=True,
                 topics=("TCP_NODELAY", "delayed acknowledgement"),
                 background=("While a small segment is not acknowledged TCP holds the next small one back to make one "
                             "of "
                             "several (Nagle's algorithm, RFC 9293 3.7.4).",),
                 remedy="write both parts in one call (writev() or one buffer), or set TCP_NODELAY")
        )  # fmt: skip
    return steps
