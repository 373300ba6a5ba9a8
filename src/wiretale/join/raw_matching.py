"""Which IP packet each message of raw and ICMP sockets is: told by bytes, and by time where several are equal."""

from collections import defaultdict
from collections.abc import Iterable

from wiretale.join.associations import local_of
from wiretale.join.datagram import Datagram, align
from wiretale.join.raw_messages import KEY_BYTES, PORTS, Message, Unit, blanked

Blank = tuple[tuple[int, int], ...]


class Matching:
    """Gives each of `messages` its unit. A message without one was in no packet that was captured."""

    def __init__(self, messages: list[Message], units: list[Unit], error_ns: int) -> None:
        self._messages, self._units, self._error_ns = messages, units, error_ns
        self._identifiers = _identifiers(messages)
        self._match_writes()
        for message in messages:
            if message.side == "w" and message.unit is None and message.protocol not in PORTS:
                message.unit = _written(message, self._identifiers.get(message.socket.socket_id))
                units.append(message.unit)
        units.sort(key=lambda u: (u.early_ns, u.frames[0].packet_id if u.frames else 0))
        self._match_reads()

    def _match_writes(self) -> None:
        """By their bytes, in order of time; the kernel's own are left out of the comparison."""
        wanted: dict[tuple[object, ...], list[Message]] = defaultdict(list)
        for m in self._messages:
            if m.side == "w" and m.protocol not in PORTS:
                wanted[_key(m.version, m.protocol, m.target, blanked(m.body, m.filled), m.filled)].append(m)
        blanks = {m.filled for messages in wanted.values() for m in messages}
        index: dict[tuple[object, ...], list[Unit]] = defaultdict(list)
        for unit in self._units:
            for blank in blanks:
                key = _key(unit.version, unit.protocol, unit.dst, blanked(unit.body, blank), blank)
                if key in wanted:
                    index[key].append(unit)
        # What the bytes tell best comes first: all of them, then those of a socket whose identifier is known.
        groups = [(key, own) for key, messages in wanted.items() for own in self._apart(messages)]
        groups.sort(key=lambda g: (bool(g[1][0].filled), self._identifiers.get(g[1][0].socket.socket_id) is None))
        taken: set[int] = set()
        for key, own in groups:
            units = [u for u in index[key] if u.frames and id(u) not in taken and self._may_be(own[0], u)]
            self._align(units, own, own[0].filled)
            taken |= {id(m.unit) for m in own if m.unit is not None}
        self._doubt_identifiers()

    def _doubt_identifiers(self) -> None:
        """The kernel gives a socket one identifier: where its packets have several, which are its own is not known."""
        found: dict[int, set[bytes]] = defaultdict(set)
        written = [m for m in self._messages if m.side == "w" and m.unit is not None and m.filled]
        for m in written:
            assert m.unit is not None
            found[m.socket.socket_id].add(m.unit.body[4:6])
        for m in written:
            if m.socket.type == "SOCK_DGRAM" and len(found[m.socket.socket_id]) > 1:
                m.exact = False

    def _apart(self, messages: list[Message]) -> list[list[Message]]:
        """Messages of equal bytes whose packets are known apart: by the network namespace, and by the identifier that
        the kernel gave their socket."""
        groups: dict[tuple[object, ...], list[Message]] = defaultdict(list)
        for m in messages:
            groups[m.socket.netns_cookie, self._identifiers.get(m.socket.socket_id)].append(m)
        return list(groups.values())

    def _may_be(self, m: Message, unit: Unit) -> bool:
        ident = self._identifiers.get(m.socket.socket_id)
        if ident is not None and m.filled and unit.body[4:6] != ident.to_bytes(2, "big"):
            return False
        return m.socket.netns_cookie in (None, unit.cookie) or unit.cookie is None

    def _align(self, units: list[Unit], messages: list[Message], blank: Blank) -> None:
        """Each message its unit. All have equal bytes, so time decides: a packet that left during one call alone is
        its; the others keep their order. Where some were lost, only what can be no other is certain."""
        if messages[0].side == "w":
            messages, units = self._sent_inside(messages, units)
        if not messages or not units:
            return
        written = messages[0].side == "w"
        calls = [m.datagram(blank) for m in messages]
        packets = [
            Datagram((n,), u.size, u.size, blanked(u.body, blank), u.early_ns, u.late_ns) for n, u in enumerate(units)
        ]
        first, last = (calls, packets) if written else (packets, calls)
        pairs = align(first, last, self._error_ns)
        is_complete = len(messages) == len(units) == len(pairs)
        for i, j in pairs:
            message, unit = (messages[i], units[j]) if written else (messages[j], units[i])
            if message.unit is not None:
                continue
            message.unit = unit
            before = sum(d.early_ns <= last[j].late_ns + self._error_ns for d in first)
            after = sum(first[i].early_ns <= d.late_ns + self._error_ns for d in last)
            message.exact = is_complete or before == after == 1

    def _sent_inside(self, messages: list[Message], units: list[Unit]) -> tuple[list[Message], list[Unit]]:
        """Pairs calls and packets that left during one of them and no other; gives the rest."""
        of: dict[int, list[Unit]] = defaultdict(list)
        for unit in units:
            inside = [
                m
                for m in messages
                if m.early_ns - self._error_ns <= unit.late_ns and unit.early_ns <= m.late_ns + self._error_ns
            ]
            if len(inside) == 1:
                of[id(inside[0])].append(unit)
        for m in messages:
            if len(of[id(m)]) == 1:
                m.unit = of[id(m)][0]
        found = {id(m.unit) for m in messages if m.unit is not None}
        return [m for m in messages if m.unit is None], [u for u in units if id(u) not in found]

    def _match_reads(self) -> None:
        """What each socket's queue gave, by its bytes."""
        queues: dict[tuple[object, ...], list[Message]] = defaultdict(list)
        for m in self._messages:
            if m.side == "r" and m.protocol not in PORTS:
                head = m.header
                id_ = head.ip_id if head is not None else None
                queues[
                    m.socket.socket_id, m.peeked, m.version, m.protocol, m.body[:KEY_BYTES], m.source, id_
                ].append(m)  # fmt: skip
        wanted = {(key[2], key[3], key[4]) for key in queues}
        lengths = {len(m.body[:KEY_BYTES]) for messages in queues.values() for m in messages}
        index: dict[tuple[object, ...], list[Unit]] = defaultdict(list)
        for unit in self._units:
            for size in lengths:
                found = (unit.version, unit.protocol, unit.body[:size])
                if found in wanted:
                    index[found].append(unit)
        for key, messages in queues.items():
            units = [u for u in index[key[2], key[3], key[4]] if _fits(messages[0], u)]
            self._align(units, messages, ())
            for m in messages:
                if m.unit is not None and not m.unit.frames and m.header is not None and m.unit.head == 0:
                    m.unit.head, m.unit.src = m.head, m.header.src


def _key(version: int, protocol: int, dst: str | None, body: bytes, blank: Blank) -> tuple[object, ...]:
    return version, protocol, dst, body[:KEY_BYTES], blank


def _fits(m: Message, unit: Unit) -> bool:
    """Whether a socket may have got `unit`: the same addresses and namespace, where both tell."""
    if unit.cookie is not None and m.socket.netns_cookie not in (None, unit.cookie):
        return False
    if m.header is not None:
        same = (unit.src in (None, m.header.src), unit.dst in (None, m.header.dst), unit.ip_id in (0, m.header.ip_id))
        return all(same) and (not unit.frames or unit.head == m.head)
    return m.remote is None or unit.src in (None, m.remote)


def _written(m: Message, ident: int | None) -> Unit:
    """What a call wrote of which no packet was captured."""
    head = m.header
    local = local_of(m.socket, None, m.socket.from_ns, m.socket.end_ns)
    src = head.src if head is not None else local.addr if local is not None and not local.is_wildcard else None
    src = None if src == "0.0.0.0" else src
    body = m.body[:4] + ident.to_bytes(2, "big") + m.body[6:] if ident is not None and m.filled else m.body
    return Unit(
        m.version, m.protocol, src, m.target, m.head, body, m.length - m.head, m.early_ns, m.late_ns,
        m.socket.netns_cookie, 0, [], m.filled,
    )  # fmt: skip


def _identifiers(messages: Iterable[Message]) -> dict[int, int]:
    """The identifier that the kernel gave to each ICMP socket of type SOCK_DGRAM: its port, or that of what it read."""
    found: dict[int, int] = {}
    for m in messages:
        socket = m.socket
        if socket.type != "SOCK_DGRAM" or socket.socket_id in found:
            continue
        local = local_of(socket, None, socket.from_ns, socket.end_ns)
        if local is not None and local.port:
            found[socket.socket_id] = local.port
        elif m.side == "r" and len(m.body) >= 8 and m.body[0] in (0, 129):
            found[socket.socket_id] = int.from_bytes(m.body[4:6], "big")
    return found
