"""Conversations of raw and ICMP sockets: who exchanged which IP packets, and which call carried which of them.

One row of `connection` is an ICMP exchange (two addresses and the identifier of its questions; errors that quote a
question belong to it, whoever sent them), or all packets of another protocol between two addresses. Packets are joined
with calls by their bytes: a raw socket reads copies of what is meant for others, too, and several read one packet.

Positions count the IP packets of a direction one after the other, headers too, so that each call and each packet has
the range of what it carried: of a ping's 84 bytes a sendto() of a raw socket carries the last 64, a recvmsg() all.
"""

from collections import defaultdict
from collections.abc import Iterable

import duckdb

from wiretale.decode.ip_message import ICMP, ICMPV6, IcmpAbout, icmp_about
from wiretale.join.addresses import Address
from wiretale.join.associations import Association, Socket
from wiretale.join.pairing import Conversation, Side
from wiretale.join.raw_matching import Matching
from wiretale.join.raw_messages import (
    PORTS,
    Message,
    Unit,
    read_messages,
    read_units,
    spans,
    start_of,
)
from wiretale.join.rows import MATCH, MATCHED_PACKET, Row, put
from wiretale.light import dataclass, field

EQUAL = "packets with these bytes were lost or left unread: which of them this is, is not told"
UNSEEN = "no packet with these bytes was captured"
NAMES = {ICMP: "icmp", ICMPV6: "icmpv6"}
RAW = "raw"  # the protocol of connections of any other IP protocol
PROTOCOLS = (*NAMES.values(), RAW)


@dataclass(slots=True, eq=False)
class _Talk:
    """One conversation in the making. `client` is None while no packet and no call has told it."""

    protocol: int
    client: str | None
    server: str
    ident: int | None
    cookie: int | None
    is_exchange: bool
    begun_ns: int
    units: list[tuple[Unit, str]] = field(default_factory=list)
    messages: list[tuple[Message, str]] = field(default_factory=list)
    conversation: Conversation | None = None


class RawPairing:
    """`conversations` holds the result; `put` makes the temporary tables of what belongs to them.

    `ported`: the messages that are TCP's or UDP's packets, which are in no conversation of these.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, sockets: dict[int, Socket], error_ns: int) -> None:
        self._db, self._error_ns = db, error_ns
        self._talks: dict[tuple[object, ...], list[_Talk]] = defaultdict(list)
        self._messages = read_messages(db, sockets)
        self.ported = [m for m in self._messages if m.protocol in PORTS]
        self._units = read_units(db)
        Matching(self._messages, self._units, error_ns)
        self._mark_repeated()
        self._assign()
        self.conversations = [c for talk in self._all() if (c := _conversation(talk)) is not None]

    def _mark_repeated(self) -> None:
        """The same packet on a second interface of its namespace (a router, a bridge): the first one counts."""
        written = {id(m.unit) for m in self._messages if m.side == "w"}
        first: dict[tuple[object, ...], Unit] = {}
        for unit in self._units:
            if unit.frames and unit.ip_id:
                key = (unit.cookie, unit.protocol, unit.src, unit.dst, unit.ip_id, unit.size, unit.body)
                unit.repeated = first.setdefault(key, unit) is not unit and id(unit) not in written

    # -- which conversation it belongs to ------------------------------------------------------------------------------

    def _assign(self) -> None:
        used = {id(m.unit) for m in self._messages if m.unit is not None}
        told: dict[int, tuple[_Talk, str]] = {}
        for unit in self._units:
            about = _about(unit)
            if about is None and id(unit) not in used:
                continue  # neighbours' and routers' business, errors about others
            found = self._exchange(unit, about) if about is not None else self._between(unit)
            if found is not None:
                told[id(unit)] = found
                found[0].units.append((unit, found[1]))
        for m in self._messages:
            place = told.get(id(m.unit)) if m.unit is not None else self._of_read(m)
            if place is not None:
                place[0].messages.append((m, place[1]))

    def _all(self) -> Iterable[_Talk]:
        return (talk for talks in self._talks.values() for talk in talks)

    def _exchange(self, unit: Unit, about: IcmpAbout) -> tuple[_Talk, str] | None:
        way = "c2s" if about.forward else "s2c"
        own = self._find(unit, about.client or None, about.server, about.ident)
        if own is None and way == "s2c" and not about.error:
            own = self._asked_all(unit, about)
        if own is None:
            own = _Talk(
                unit.protocol, about.client or None, about.server, about.ident, unit.cookie, True, unit.early_ns
            )
            self._talks[unit.protocol, about.ident].append(own)
        own.client = own.client or about.client or None
        return own, way

    def _find(self, unit: Unit, client: str | None, server: str, ident: int | None) -> _Talk | None:
        for talk in self._talks[unit.protocol, ident]:
            same = server in ("", talk.server) and (talk.client is None or client is None or talk.client == client)
            if same and talk.is_exchange and (talk.cookie == unit.cookie or None in (talk.cookie, unit.cookie)):
                return talk
        return None

    def _asked_all(self, unit: Unit, about: IcmpAbout) -> _Talk | None:
        """The question to many (broadcast, multicast) that an answer is to: its bytes are the question's."""
        asked = [
            talk
            for talk in self._talks[unit.protocol, about.ident]
            if talk.is_exchange
            and talk.client == about.client
            and talk.cookie == unit.cookie
            and any(u.body[4:] == unit.body[4:] and way == "c2s" for u, way in talk.units)
        ]
        return asked[0] if len(asked) == 1 else None

    def _between(self, unit: Unit) -> tuple[_Talk, str] | None:
        """Packets that are no exchange: all of a protocol between two addresses."""
        if unit.dst is None:
            return None
        for talk in self._talks[unit.protocol, None]:
            if talk.is_exchange or not (talk.cookie == unit.cookie or None in (talk.cookie, unit.cookie)):
                continue
            if talk.server == unit.dst and (unit.src is None or talk.client in (None, unit.src)):
                talk.client = talk.client or unit.src
                return talk, "c2s"
            if talk.server == unit.src and talk.client == unit.dst:
                return talk, "s2c"
        talk = _Talk(unit.protocol, unit.src, unit.dst, None, unit.cookie, False, unit.early_ns)
        self._talks[unit.protocol, None].append(talk)
        return talk, "c2s"

    def _of_read(self, m: Message) -> tuple[_Talk, str] | None:
        """A read whose packet was not captured: as its own bytes say."""
        if m.protocol in PORTS:
            return None
        source, target = m.source, m.header.dst if m.header is not None else None
        if source is None:
            return None
        unit = Unit(m.version, m.protocol, source, target, m.head, m.body, m.length - m.head, m.early_ns, m.late_ns)
        unit.cookie = m.socket.netns_cookie
        m.unit = unit
        about = _about(unit)
        found = self._exchange(unit, about) if about is not None else self._between(unit)
        if found is not None:
            found[0].units.append((unit, found[1]))
        return found

    # -- tables --------------------------------------------------------------------------------------------------------

    def put(self) -> None:
        """Make j_raw_call, j_raw_packet and j_raw_match; the conversations must have their numbers."""
        calls: list[Row] = []
        packets: list[Row] = []
        pairs: list[Row] = []
        for talk in self._all():
            if talk.conversation is None:
                continue
            number = talk.conversation.connection_id
            top = {"c2s": 0, "s2c": 0}
            for unit, way in sorted(talk.units, key=lambda pair: pair[0].early_ns):
                unit.lo = top[way]
                top[way] = unit.hi
                packets += [
                    (
                        f.packet_id,
                        number,
                        way,
                        unit.lo + f.low,
                        f.high - f.low,
                        unit.repeated,
                        unit.lo + f.low - f.place,
                    )
                    for f in unit.frames
                ]
            pairs += _links(number, talk)
            for m, way in talk.messages:
                assert m.unit is not None
                calls.append((*m.key, m.side, number, way, start_of(m, m.unit), None if m.exact else EQUAL))
        put(self._db, "j_raw_call", _CALL, calls)
        put(self._db, "j_raw_packet", (*MATCHED_PACKET, ("frame_lo", "BIGINT")), packets)
        put(self._db, "j_raw_match", MATCH, pairs)


_CALL = (
    ("call_id", "BIGINT"),
    ("message", "INTEGER"),
    ("side", "VARCHAR"),
    ("connection_id", "BIGINT"),
    ("direction", "VARCHAR"),
    ("lo", "BIGINT"),
    ("reason", "VARCHAR"),
)


def _links(number: int, talk: _Talk) -> Iterable[Row]:
    """Rows of j_raw_match: each pair of a write, a frame and a read of one unit, where their bytes meet."""
    of: dict[int, tuple[list[Message], list[Message]]] = defaultdict(lambda: ([], []))
    for m, _ in talk.messages:
        of[id(m.unit)][m.side == "r"].append(m)
    for unit, way in talk.units:
        writes, reads = of[id(unit)]
        for w in writes:
            for f in unit.frames:
                for lo, hi in _meeting(spans(w, unit), (unit.lo + f.low, unit.lo + f.high)):
                    yield "write_segment", number, way, lo, hi, *w.key, f.packet_id, None, None, w.exact
            for r in reads:
                for lo, hi in _meeting(spans(w, unit), *spans(r, unit)):
                    yield "write_read", number, way, lo, hi, *w.key, None, *r.key, w.exact and r.exact
        for r in reads:
            for f in unit.frames:
                for lo, hi in _meeting(spans(r, unit), (unit.lo + f.low, unit.lo + f.high)):
                    yield "segment_read", number, way, lo, hi, None, None, f.packet_id, *r.key, r.exact


def _meeting(ranges: Iterable[tuple[int, int]], other: tuple[int, int]) -> Iterable[tuple[int, int]]:
    for low, high in ranges:
        lo, hi = max(low, other[0]), min(high, other[1])
        if lo < hi:
            yield lo, hi


def _about(unit: Unit) -> IcmpAbout | None:
    if unit.protocol != (ICMP if unit.version == 4 else ICMPV6) or (unit.dst is None and unit.src is None):
        return None
    return icmp_about(unit.version, unit.src or "", unit.dst or "", unit.body)


def _conversation(talk: _Talk) -> Conversation | None:
    """The conversation, with the sockets that are its ends: those that sent, and those of their processes that read."""
    if not talk.units:
        return None
    version = talk.units[0][0].version
    # an end whose address nothing told is "any", as getsockname() says of its socket
    client = Side(Address(talk.client or ("0.0.0.0" if version == 4 else "::"), talk.ident))
    server = Side(Address(talk.server, None) if talk.server else None)
    first = min(unit.early_ns for unit, _ in talk.units)
    senders = {m.socket.socket_id: way for m, way in talk.messages if m.side == "w"}
    roles: dict[int, tuple[Socket, str]] = {}
    for m, way in talk.messages:
        sends = senders.get(m.socket.socket_id)
        if sends is None:
            # It only read. Of an exchange it may have heard copies: it is an end if its process asked by another socket
            # (questions are answered by the kernel). Of other packets it is one if the other end did not send itself.
            sends = "s2c" if way == "c2s" else "c2s"
            own = _same_holder(m.pid, sends, talk)
            if not own and (talk.is_exchange or sends in senders.values()):
                continue
        roles[m.socket.socket_id] = (m.socket, sends)
    for socket, sends in roles.values():
        side, other = (client, server) if sends == "c2s" else (server, client)
        peer = other.addr or Address("", None)
        role = "client" if sends == "c2s" else "server"
        side.sides.append(Association(socket, role, side.addr, peer, socket.from_ns, socket.end_ns))
    known_by = "packet" if any(u.frames for u, _ in talk.units) else "call"
    talk.conversation = Conversation(
        NAMES.get(talk.protocol, RAW), talk.cookie, client, server, known_by, first
    )  # fmt: skip
    return talk.conversation


def _same_holder(pid: int, sends: str, talk: _Talk) -> bool:
    """Whether the process sent that way with another socket (mtr sends and reads apart)."""
    return any(m.side == "w" and way == sends and m.pid == pid for m, way in talk.messages)
