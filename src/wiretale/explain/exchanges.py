"""The questions of an ICMP exchange (echo requests, for one), each with what came back and who read it.

From packets where they were captured, else from the bytes that calls carried. An answer belongs to the question that
has its identifier and sequence number and was the last such one before it; an error to the question that it quotes.
What a socket's error queue gave (IP_RECVERR, ip(7)) is that question again, with the error's type and source beside it.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from wiretale.decode.icmp_names import CODES_V4, CODES_V6, TYPES_V4, TYPES_V6
from wiretale.decode.ip_message import ICMP_HEADER, IpHeader, icmp_about, ip_header
from wiretale.explain.conversation import Conversation
from wiretale.explain.rows import Call, calls
from wiretale.explain.story import Ref
from wiretale.explain.world import World
from wiretale.join.addresses import parse_sockaddr
from wiretale.light import dataclass, field

MOST_BYTES = 256  # of a packet: two IP headers, two of ICMP
MOST_SIGHTINGS = 20_000
MSG_ERRQUEUE = 0x2000  # linux/socket.h


@dataclass(slots=True)
class Sighting:
    """One ICMP message, as a packet or, where none was captured, as a call's bytes. `calls` wrote or read it."""

    number: int | None  # of the packet
    ref: Ref
    time_ns: int
    src: str | None
    ttl: int | None
    kind: int
    code: int
    sequence: int
    forward: bool
    is_error: bool
    version: int
    data_bytes: int
    calls: list[Call] = field(default_factory=list)
    told: list[Call] = field(default_factory=list)  # of an error: calls that read of it from the error queue

    @property
    def name(self) -> str:
        """`echo request`."""
        types = TYPES_V4 if self.version == 4 else TYPES_V6
        return types.get(self.kind, f"ICMP message of type {self.kind}")

    @property
    def meaning(self) -> str:
        """What an error says: `time to live exceeded in transit`."""
        codes = CODES_V4 if self.version == 4 else CODES_V6
        return codes.get(self.kind, {}).get(self.code) or self.name

    @property
    def ran_out(self) -> bool:
        """The packet it quotes had been forwarded as often as it may be."""
        return self.is_error and self.kind == (11 if self.version == 4 else 3) and self.code == 0

    @property
    def read_ns(self) -> int | None:
        """When the first call returned with it."""
        return min((c.exit_ns for c in self.calls if c.exit_ns is not None), default=None)


@dataclass(slots=True)
class Question:
    """One question, and what came back."""

    asked: Sighting
    answers: list[Sighting] = field(default_factory=list)
    errors: list[Sighting] = field(default_factory=list)

    @property
    def on_wire_ns(self) -> int | None:
        """From the question's packet to the first answer's."""
        if not self.answers or self.asked.number is None or self.answers[0].number is None:
            return None
        return self.answers[0].time_ns - self.asked.time_ns

    @property
    def seen_ns(self) -> int | None:
        """From the call that sent it to the return of the first that read the answer."""
        begun = min((c.start_ns for c in self.asked.calls), default=None)
        read = self.answers[0].read_ns if self.answers else None
        return None if begun is None or read is None else read - begun

    @property
    def back(self) -> list[Sighting]:
        """All that came back, in order."""
        return sorted((*self.answers, *self.errors), key=lambda s: s.time_ns)


@dataclass(frozen=True, slots=True)
class Exchange:
    """All questions of one conversation. `strays` came back and belong to no question that was recorded."""

    questions: tuple[Question, ...]
    strays: tuple[Sighting, ...]
    ident: int | None

    @property
    def answered(self) -> list[Question]:
        """Those with an answer."""
        return [q for q in self.questions if q.answers]

    @property
    def silent(self) -> list[Question]:
        """Those of which nothing came back."""
        return [q for q in self.questions if not q.answers and not q.errors]

    def round_trips(self, *, on_wire: bool) -> tuple[int, int, int] | None:
        """Least, median and most of the round trips, in ns."""
        found = [t for q in self.questions if (t := q.on_wire_ns if on_wire else q.seen_ns) is not None]
        return (min(found), int(median(found)), max(found)) if found else None


_PACKETS = f"""
SELECT p.packet_id, p.number, p.time_ns, p.frame[p.network_offset + 1 : p.network_offset + {MOST_BYTES}]
FROM segment g JOIN packet p USING (packet_id)
WHERE g.connection_id = ? AND g.shown AND p.number IS NOT NULL AND g.is_new ORDER BY p.packet_id
LIMIT {MOST_SIGHTINGS}"""  # noqa: S608 (numbers)
_LINKED = """
SELECT DISTINCT l.packet_id, coalesce(w.call_id, r.call_id) AS call_id
FROM link l LEFT JOIN stream_write w USING (write_id) LEFT JOIN stream_read r USING (read_id)
WHERE l.connection_id = ? AND l.packet_id IS NOT NULL AND (r.read_id IS NULL OR NOT r.peeked) ORDER BY call_id"""
_UNCAPTURED = f"""
SELECT t.call_id, t.message, t.forward FROM (
    SELECT call_id, message, write_id AS id, TRUE AS wrote, direction = 'c2s' AS forward FROM stream_write
    WHERE connection_id = $connection
    UNION ALL
    SELECT call_id, message, read_id, FALSE, direction = 'c2s' FROM stream_read
    WHERE connection_id = $connection AND NOT peeked
) t
WHERE NOT EXISTS (
    SELECT 1 FROM link l WHERE l.packet_id IS NOT NULL AND CASE WHEN t.wrote THEN l.write_id ELSE l.read_id END = t.id)
ORDER BY t.call_id, t.message LIMIT {MOST_SIGHTINGS}"""  # noqa: S608 (a number)


_Row = tuple[int | None, Ref, int]  # number of the packet, the row, when


def exchange(world: World, talk: Conversation) -> Exchange:
    """The questions of one conversation and what came back."""
    seen = sorted((*_captured(world, talk), *_uncaptured(world, talk)), key=lambda s: s.time_ns)
    questions: list[Question] = []
    last: dict[int, Question] = {}
    strays: list[Sighting] = []
    for sighting in seen:
        if sighting.forward and not sighting.is_error:
            questions.append(Question(sighting))
            last[sighting.sequence] = questions[-1]
        elif (question := last.get(sighting.sequence)) is not None and not sighting.forward:
            (question.errors if sighting.is_error else question.answers).append(sighting)
        else:
            strays.append(sighting)
    _add_told(world, talk, questions)
    return Exchange(tuple(questions), tuple(strays), talk.client.port)


_QUEUED = f"""
SELECT c.call_id FROM call c JOIN call_file f USING (call_id)
WHERE f.socket_id = ? AND c.name = 'recvmsg' AND c.a2 & {MSG_ERRQUEUE} <> 0 AND c.errno IS NULL AND c.retval >= 8
ORDER BY c.call_id LIMIT {MOST_SIGHTINGS}"""  # noqa: S608 (numbers)


def _add_told(world: World, talk: Conversation, questions: list[Question]) -> None:
    """What the client's error queue gave: beside the error's packet, or in its place where none was captured."""
    if talk.client.socket_id is None:
        return
    found = calls(world.db, (c for (c,) in world.db.execute(_QUEUED, [talk.client.socket_id]).fetchall()))
    version = 4 if talk.protocol == "icmp" else 6
    for call in found.values():
        about, error = icmp_about(version, "", "", call.payload()), _queued(call, version)
        if about is None or error is None or call.exit_ns is None or about.error:
            continue
        asked = [
            q
            for q in questions
            if q.asked.sequence == about.sequence
            and about.ident == (talk.client.port if talk.client.port is not None else about.ident)
            and q.asked.time_ns <= call.exit_ns
        ]
        if not asked:
            continue
        kind, code, source = error
        known = [e for e in asked[-1].errors if (e.kind, e.code, e.src) == (kind, code, source) and not e.told]
        if known:
            known[0].told.append(call)
        elif not talk.packet_count:
            told = Sighting(
                None, call.ref, call.exit_ns, source, None, *error[:2], about.sequence, False, True, version, 0
            )
            told.told.append(call)
            asked[-1].errors.append(told)


# struct cmsghdr of 64-bit programs: length, level, type; struct sock_extended_err: errno, origin, type, code, ...
# (linux/errqueue.h), behind it the address of who sent the error (SO_EE_OFFENDER)
_CMSG, _EXTENDED, _ORIGINS = struct.Struct("<Qii"), struct.Struct("<IBBBBII"), {2: 4, 3: 6}
_RECVERR = {(0, 11), (41, 25)}  # (SOL_IP, IP_RECVERR), (SOL_IPV6, IPV6_RECVERR)


def _queued(call: Call, version: int) -> tuple[int, int, str | None] | None:
    """Type, code and source of the ICMP error that a read of the error queue told; None if it told of another."""
    data = b"".join(d.bytes for d in call.raw.data if d.role == "control" and d.at_exit)
    at = 0
    while at + _CMSG.size + _EXTENDED.size <= len(data):
        size, level, name = _CMSG.unpack_from(data, at)
        if (level, name) in _RECVERR:
            _, origin, kind, code, *_ = _EXTENDED.unpack_from(data, at + _CMSG.size)
            source = parse_sockaddr(data[at + _CMSG.size + _EXTENDED.size : at + size])
            return (kind, code, source.addr if source else None) if _ORIGINS.get(origin) == version else None
        at += max(-(-size // 8) * 8, _CMSG.size)
    return None


def _captured(world: World, talk: Conversation) -> Iterable[Sighting]:
    by_packet: dict[int, list[int]] = defaultdict(list)
    for packet_id, call_id in world.db.execute(_LINKED, [talk.connection_id]).fetchall():
        by_packet[packet_id].append(call_id)
    made = calls(world.db, (c for ids in by_packet.values() for c in ids))
    for packet_id, number, at, data in world.db.execute(_PACKETS, [talk.connection_id]).fetchall():
        header = ip_header(bytes(data or b""))
        if header is None or header.offset:
            continue
        ref = Ref("packet", packet_id, f"packet {number}")
        found = _sighting(talk, header, bytes(data)[header.head :], header.size - header.head, (number, ref, at))
        if found is not None:
            found.calls = [made[c] for c in by_packet.get(packet_id, ()) if c in made]
            yield found


def _uncaptured(world: World, talk: Conversation) -> Iterable[Sighting]:
    rows = world.db.execute(_UNCAPTURED, {"connection": talk.connection_id}).fetchall()
    made = calls(world.db, (c for c, *_ in rows))
    for call_id, message, forward in rows:
        call = made.get(call_id)
        if call is None or message:
            continue
        data = call.payload()
        header = ip_header(data) if data[:1] == b"\x45" or data[:1] == b"\x60" else None
        body, size = (data, call.retval or 0) if header is None else (data[header.head :], header.size - header.head)
        at = (call.start_ns if forward else call.exit_ns) or call.start_ns
        found = _sighting(talk, header, body, size, (None, call.ref, at))
        if found is not None:
            found.forward = forward
            found.calls = [call]
            yield found


def _sighting(talk: Conversation, header: IpHeader | None, body: bytes, size: int, row: _Row) -> Sighting | None:
    """`size`: of the ICMP message, of which `body` holds the first bytes."""
    version = 4 if talk.protocol == "icmp" else 6
    about = icmp_about(version, header.src if header else "", header.dst if header else "", body)
    if about is None:
        return None
    src, ttl = (header.src, header.ttl) if header is not None else (None, None)
    data = max(size - ICMP_HEADER, 0)
    return Sighting(*row, src, ttl, body[0], body[1], about.sequence, about.forward, about.error, version, data)
