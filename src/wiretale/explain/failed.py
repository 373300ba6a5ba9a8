"""Why a connection failed: who said no, or that nobody answered; who gave up; and what stood there before or after."""

from wiretale.decode.constants import error_name
from wiretale.decode.durations import duration
from wiretale.explain.asks import socket_error
from wiretale.explain.conversation import EINPROGRESS, Conversation
from wiretale.explain.handshake import connect_of, handshake_of
from wiretale.explain.icmp import errors_about
from wiretale.explain.rows import RST, Call
from wiretale.explain.story import Ref, Section, Step
from wiretale.explain.words import code, count, numbers, ordinal, place
from wiretale.explain.world import World

ETIMEDOUT, ENETUNREACH, EHOSTUNREACH = 110, 101, 113
ETHERTYPE_ARP = 0x0806
NEAR_NS = 60_000_000_000  # how far before or after a listener is worth a word


def why_it_failed(world: World, talk: Conversation) -> Section | None:
    """The section; None if the connection came to be, or is none of TCP."""
    if not talk.is_tcp:
        return None
    if talk.established_ns is not None:
        steps = never_accepted(world, talk)
    else:
        teller = _TELLERS.get("timed out" if is_unanswered(talk) else talk.outcome)
        steps = teller(world, talk) if teller is not None else []
    return Section("Why it failed", tuple(steps)) if steps else None


def is_unanswered(talk: Conversation) -> bool:
    """Its SYN was captured, and no answer of the other end; in an imported file nobody says how it ended."""
    shake = handshake_of(talk)
    return talk.outcome == "open" and bool(shake.syns) and shake.syn_ack is None and shake.reset is None


# -- refused ----------------------------------------------------------------------------------------------------------


def _refused(world: World, talk: Conversation) -> list[Step]:
    port, where = talk.server.port, place(talk.server.addr, talk.server.port)
    shake = handshake_of(talk)
    said, refs = [], [talk.ref]
    errors = errors_about(world, talk)
    if shake.reset is not None:
        said.append(
            f"Packet {shake.reset.number}, a segment with RST, is a plain no from {code(where)}. {_meaning(talk)}"
        )
        refs.append(shake.reset.ref)
    elif errors:
        said.append(
            f"Packet {errors[0].number}, an ICMP message from {code(errors[0].sender)}, says {code(errors[0].meaning)}."
        )
        refs.append(errors[0].ref)
    listeners, more = _listeners(world, talk, port)
    said += listeners
    refs += more
    said += _told_by(world, talk)
    said += _attempts(world, talk)
    step = Step("", "Refused", tuple(said), shake.reset.time_ns if shake.reset else talk.from_ns, refs=tuple(refs),
                topics=("ECONNREFUSED", "RST") if shake.reset else ("ECONNREFUSED",),
                background=("A refusal is quick and certain. Silence, in contrast, may mean a filter, a wrong address "
                            "or a lost "
                            "packet.",),
                remedy="ss -tlnp shows who listens")  # fmt: skip
    return [step]


def _meaning(talk: Conversation) -> str:
    """What a reset proves: within one machine more than from afar."""
    if talk.server.addr is not None and talk.server.addr in (talk.client.addr, "::1", "127.0.0.1"):
        return "The kernel found no socket that listens there."
    return (
        "It is what a kernel answers that has no socket listening there; a filter that refuses with a reset looks the "
        "same."
    )


_LISTENERS = """
WITH bound AS (
    SELECT inode, arg_max(local_addr, time_ns) AS addr, arg_max(local_port, time_ns) AS port FROM socket_sample
    WHERE inode <> 0 AND local_port IS NOT NULL GROUP BY inode
)
SELECT c.pid, c.fd, b.addr, min(c.exit_ns), any_value(s.to_ns), min(c.call_id)
FROM socket s JOIN bound b USING (inode) JOIN call_file f ON f.socket_id = s.socket_id
JOIN call c ON c.call_id = f.call_id AND c.name = 'listen' AND c.errno IS NULL
WHERE b.port = ? AND s.listening GROUP BY c.pid, c.fd, b.addr, s.socket_id ORDER BY abs(min(c.exit_ns) - ?) LIMIT 3"""


def _listeners(world: World, talk: Conversation, port: int | None) -> tuple[list[str], list[Ref]]:
    """What the recording knows of listeners on that port: earlier, later, or on another address."""
    at = talk.from_ns
    for pid, fd, addr, since, until, call_id in world.db.execute(_LISTENERS, [port, at]).fetchall():
        refs = [Ref("call", call_id, f"call {call_id}")]
        if at < since <= at + NEAR_NS:
            return [f"{world.who(pid)} began to listen on that port only {duration(since - at)} later."], refs
        if until is not None and at - NEAR_NS <= until < at:
            return [f"{world.who(pid)} had listened on that port until {duration(at - until)} before."], refs
        alive = since <= at and (until is None or until > at)
        if alive and addr in (talk.server.addr, "0.0.0.0", "::"):
            return [], []  # it listened, so the reset has a reason that the capture does not show
        if alive:
            where = code(place(addr, port))
            return [f"{world.who(pid)} listens on {where} with descriptor {fd}, which is another address."], refs
    if world.has_calls:
        return ["No process of the recording listened there."], []
    return [], []


# -- no answer --------------------------------------------------------------------------------------------------------


def _timed_out(world: World, talk: Conversation) -> list[Step]:
    shake = handshake_of(talk)
    connect = connect_of(talk, talk.client)
    where = code(place(talk.server.addr, talk.server.port))
    said, refs = [], [talk.ref, *(p.ref for p in shake.syns[:4])]
    if shake.syns:
        shown = numbers("packet", [p.number for p in shake.syns[:4]], max(len(shake.syns) - 4, 0))
        times = "The SYN" if len(shake.syns) == 1 else f"{len(shake.syns)} SYNs"
        said.append(f"{times} ({shown}) got no answer from {where}: neither a yes nor a no was captured.")
    refused_by_clock = (connect is not None and connect.errno == ETIMEDOUT) or _so_error(talk) == ETIMEDOUT
    closed = next((c for e, c in talk.calls if e is talk.client and c.name == "close" and not c.failed), None)
    if refused_by_clock:
        said.append(f"The kernel gave up by itself, with {code('ETIMEDOUT')}, {_limit(talk)}.")
    elif closed is not None:
        said.append(
            f"It was the program that gave up: {world.caller(closed)} closed descriptor {closed.fd} "
            f"{duration(closed.entry_ns - talk.from_ns)} after the attempt began. The kernel would have gone on trying."
        )
        refs.append(closed.ref)
    errors = errors_about(world, talk)
    if errors:
        said.append(f"ICMP messages came: packet {errors[0].number} says {code(errors[0].meaning)}.")
        refs.append(errors[0].ref)
    said += _attempts(world, talk)
    return [
        Step("", "No answer", tuple(said), talk.from_ns, refs=tuple(refs), topics=("ETIMEDOUT", "SYN"),
             background=("A filter that drops packets, a machine that is off and a listener with a full queue all look "
                         "like "
                         "this from outside.",))
    ]  # fmt: skip


def _limit(talk: Conversation) -> str:
    """What bounds how long a kernel tries to connect (tcp(7)): an option of the socket, or a setting."""
    set_ = {c.argument("optname"): c.argument("optval").strip("[]") for c in talk.of(talk.client, "setsockopt")
            if not c.failed}  # fmt: skip
    limit, retries = set_.get("TCP_USER_TIMEOUT", "0"), set_.get("TCP_SYNCNT")
    if limit.isdigit() and int(limit):
        return f"once the {duration(int(limit) * 1_000_000)} of {code('TCP_USER_TIMEOUT')} were over"
    if retries:
        return f"after the {retries} retries that {code('TCP_SYNCNT')} allows"
    return "after the retries that net.ipv4.tcp_syn_retries allows"


def _so_error(talk: Conversation) -> int | None:
    found = [socket_error(c) for c in talk.of(talk.client, "getsockopt")]
    return next((e for e in found if e), None)


# -- no way -----------------------------------------------------------------------------------------------------------


def _unreachable(world: World, talk: Conversation) -> list[Step]:
    connect = connect_of(talk, talk.client)
    where = code(talk.server.addr or "?")
    errors = errors_about(world, talk)
    said, refs = [], [talk.ref]
    if connect is not None:
        refs.append(connect.ref)
    error = connect.errno if connect is not None and connect.errno not in (None, EINPROGRESS) else _so_error(talk)
    if errors:
        said.append(
            f"Packet {errors[0].number}, an ICMP message from {code(errors[0].sender)}, says "
            f"{code(errors[0].meaning)}: "
            f"{_owner(talk, errors[0].sender)} could not deliver the packet it quotes."
        )
        refs.append(errors[0].ref)
    elif not talk.packet_count and error == ENETUNREACH:
        said.append(f"No packet was sent: the client's own kernel has no route to {where} and said so at once.")
    elif error == EHOSTUNREACH:
        asked, row = _neighbour_asked(world, talk)
        said.append(
            f"The client's own kernel asked who has {where} ({count(asked, 'ARP request')}) and nobody answered."
            if asked else f"The client's own kernel found no way to {where}."
        )  # fmt: skip
        refs += row
    if error is not None:
        said.append(f"The program is told {code(error_name(error))}.")
    said += _attempts(world, talk)
    topics = (error_name(error),) if error is not None else ()
    return [
        Step("", "No way there", tuple(said), talk.from_ns, refs=tuple(refs), topics=topics,
             remedy=f"ip route get {talk.server.addr}" if talk.server.addr else "")
    ] if said else []  # fmt: skip


def _owner(talk: Conversation, sender: str) -> str:
    return "the destination itself" if sender == talk.server.addr else "a machine on the way"


def _neighbour_asked(world: World, talk: Conversation) -> tuple[int, list[Ref]]:
    """ARP requests (RFC 826) for the server's address after the attempt began, if no reply was captured."""
    rows = world.db.execute(
        "SELECT packet_id, number, frame[network_offset + 1:] FROM packet WHERE shown AND number IS NOT NULL AND"
        " ethertype = ? AND network_offset IS NOT NULL AND time_ns >= ? ORDER BY packet_id LIMIT 200",
        [ETHERTYPE_ARP, talk.from_ns],
    ).fetchall()
    asked = []
    for packet_id, number, data in rows:
        body = bytes(data or b"")
        if len(body) < 28 or body[4:6] != b"\x06\x04":  # Ethernet and IPv4 addresses
            continue
        operation = int.from_bytes(body[6:8], "big")
        if operation == 1 and ".".join(map(str, body[24:28])) == talk.server.addr:
            asked.append(Ref("packet", packet_id, f"packet {number}"))
        elif operation == 2 and ".".join(map(str, body[14:18])) == talk.server.addr:
            return 0, []
    return len(asked), asked[:3]


# -- others -----------------------------------------------------------------------------------------------------------


def _failed(world: World, talk: Conversation) -> list[Step]:
    connect = connect_of(talk, talk.client)
    error = connect.errno if connect is not None and connect.errno != EINPROGRESS else _so_error(talk)
    if connect is None or error is None:
        return []
    said = [f"{code('connect()')} of {world.caller(connect)} ended with {code(error_name(error))}."]
    if not talk.packet_count and world.has_packets:
        said.append("No packet of it was captured: the client's own kernel refused.")
    title = "It failed" if talk.packet_count else "Refused by the own kernel"
    return [Step("", title, tuple(said), connect.entry_ns,
                 refs=(connect.ref,), topics=(error_name(error),))]  # fmt: skip


def never_accepted(world: World, talk: Conversation) -> list[Step]:
    """A connection that stood and was reset because its listener was closed before anyone had accepted it."""
    reset = next((p for p in talk.packets if p.flags & RST and p.direction == "s2c"), None)
    if reset is None or talk.server.socket_id is not None:
        return []
    row = world.db.execute(
        """
        SELECT c.call_id, c.pid, c.fd FROM call c JOIN call_file f USING (call_id)
        JOIN socket s ON s.socket_id = f.socket_id AND s.listening
        JOIN (SELECT inode, arg_max(local_port, time_ns) AS port FROM socket_sample WHERE inode <> 0 GROUP BY inode) b
            USING (inode)
        WHERE c.name = 'close' AND c.errno IS NULL AND b.port = ? AND ? BETWEEN c.start_ns AND c.exit_ns LIMIT 1""",
        [talk.server.port, reset.time_ns],
    ).fetchone()
    if row is None:
        return []
    call_id, pid, fd = row
    said = (
        "The kernel had completed the handshake by itself and put the connection into the listener's queue; no "
        "recorded "
        f"accept() took it. When {world.who(pid)} closed the listening descriptor {fd}, the kernel reset it (packet "
        f"{reset.number}).",
    )
    return [Step("", "Never accepted", said, reset.time_ns, refs=(Ref("call", call_id, f"call {call_id}"), reset.ref),
                 topics=("accept", "RST"))]  # fmt: skip


def _told_by(world: World, talk: Conversation) -> list[str]:
    """By which call the program learned of the refusal."""
    connect = connect_of(talk, talk.client)
    if connect is None:
        return []
    if connect.errno == EINPROGRESS:
        asked: list[Call] = [c for c in talk.of(talk.client, "getsockopt") if socket_error(c)]
        later = [c for c in talk.of(talk.client, "connect") if c is not connect and c.failed]
        if asked:
            return [f"{code('connect()')} had returned before; the program learned it from {code('SO_ERROR')}."]
        return (
            []
            if later
            else [f"{code('connect()')} had returned before, and no recorded call of the program asked how it ended."]
        )
    return []


_ATTEMPTS = """
SELECT count(*), count(*) FILTER (k.from_ns < ?), min(k.connection_id) FILTER (k.established_ns IS NOT NULL
    AND k.from_ns > ?)
FROM connection k JOIN endpoint e ON e.connection_id = k.connection_id AND e.role = 'client'
WHERE e.pid = ? AND k.server_addr = ? AND k.server_port IS NOT DISTINCT FROM ? AND k.protocol = ?"""


def _attempts(world: World, talk: Conversation) -> list[str]:
    """Which attempt of the process to this address it was, and whether a later one went well."""
    if talk.client.pid is None:
        return []
    row = world.db.execute(
        _ATTEMPTS,
        [talk.from_ns, talk.from_ns, talk.client.pid, talk.server.addr, talk.server.port, talk.protocol],
    ).fetchone()
    if row is None or row[0] < 2:
        return []
    total, before, good = row
    said = [f"It was the {ordinal(before + 1)} of {total} attempts of {world.who(talk.client.pid)} to this address."]
    if good is not None:
        said.append(f"A later one, connection {good}, went well.")
    return said


_TELLERS = {"refused": _refused, "timed out": _timed_out, "unreachable": _unreachable, "failed": _failed}
