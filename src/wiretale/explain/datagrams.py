"""What became of datagrams: ICMP errors and who was told of them, datagrams nobody read, questions for names."""

from wiretale.decode.constants import error_name
from wiretale.decode.dns import TYPES, DnsMessage, decode_dns
from wiretale.explain.conversation import ICMP_ERRORS, RECEIVES, SENDS, Conversation
from wiretale.explain.icmp import IcmpError, errors_about
from wiretale.explain.rows import Call
from wiretale.explain.story import Ref, Section, Step
from wiretale.explain.words import code, count, listed, numbers
from wiretale.explain.world import World
from wiretale.light import dataclass

DNS_PORT = 53
DNS_BYTES = 512  # RFC 1035 2.3.4; longer answers tell in their first part what is needed here


def datagram_section(world: World, talk: Conversation) -> Section | None:
    """The section; None for streams, or if nothing is to be said."""
    if not talk.is_udp:
        return None
    steps = [*_names(world, talk), *_errors(world, talk), *_unread(world, talk), *_unanswered(world, talk)]
    return Section("What became of the datagrams", tuple(steps)) if steps else None


# -- ICMP -------------------------------------------------------------------------------------------------------------


def _errors(world: World, talk: Conversation) -> list[Step]:
    errors = errors_about(world, talk)
    steps = []
    for from_client in (True, False):
        mine = [e for e in errors if e.from_client == from_client]
        if mine:
            steps.append(_error(world, talk, mine))
    if not errors:
        steps += _told_only(world, talk)
    return steps


def _error(world: World, talk: Conversation, errors: list[IcmpError]) -> Step:
    first = errors[0]
    end = talk.client if first.from_client else talk.server
    other = talk.server if first.from_client else talk.client
    said = [
        f"{numbers('Packet', [e.number for e in errors[:4]])} from {code(first.sender)} "
        f"{'is an ICMP message' if len(errors) == 1 else 'are ICMP messages'}: {code(first.meaning)}. "
        f"{'It quotes' if len(errors) == 1 else 'They quote'} what this end had sent."
    ]
    if first.meaning == "port unreachable" and first.sender == other.addr:
        said.append(f"The machine was reached, and no socket there took datagrams for port {other.port}.")
    refs = [talk.ref, *(e.ref for e in errors[:4])]
    told = _telling_calls(talk, from_client=first.from_client)
    if told:
        names = listed([f"{code(c.name + '()')} ({code(error_name(c.errno or 0))})" for c in told[:3]])
        said.append(f"The program learned it from a later call on the socket: {names}.")
        refs += [c.ref for c in told[:3]]
    elif end.socket_id is not None:
        connected = any(not c.failed for c in talk.of(end, "connect"))
        if connected:
            said.append("No call of the program came afterwards that could have told it.")
        else:
            said.append(
                "The program was not told: a socket that is not connected hears of such errors only if it asks for "
                "them "
                f"({code('IP_RECVERR')})."
            )
    topics = tuple(dict.fromkeys(error_name(c.errno or 0) for c in told))
    return Step("", "An ICMP error", tuple(said), first.time_ns, refs=tuple(refs), topics=topics,
                background=("UDP itself answers nothing. What comes back from the other kernel is an ICMP message that "
                            "quotes "
                            "the beginning of the datagram.",))  # fmt: skip


def _telling_calls(talk: Conversation, *, from_client: bool) -> list[Call]:
    end = talk.client if from_client else talk.server
    return [c for c in talk.of(end, *SENDS, *RECEIVES, "connect") if c.errno in ICMP_ERRORS]


def _told_only(world: World, talk: Conversation) -> list[Step]:
    """An error that a call told, and no ICMP message was captured."""
    told = [c for end in talk.ends for c in talk.of(end, *SENDS, *RECEIVES, "connect") if c.errno in ICMP_ERRORS]
    if not told:
        return []
    first = told[0]
    said = [f"{code(first.name + '()')} of {world.caller(first)} told {code(error_name(first.errno or 0))}."]
    if first.errno == 111:
        said.append("An ICMP message must have come that nobody listens on that port; it was not captured.")
    elif not talk.packet_count:
        said.append("No packet left: the own kernel found no way to the address.")
    return [Step("", "An error without a datagram", tuple(said), first.entry_ns, refs=(first.ref,),
                 topics=(error_name(first.errno or 0),), inferred=first.errno == 111)]  # fmt: skip


# -- unread, unanswered -----------------------------------------------------------------------------------------------

_UNREAD = """
SELECT g.direction, count(*), sum(p.payload_bytes)::BIGINT, list_sort(list({'id': p.packet_id, 'n': p.number}))[1:4],
    min(p.time_ns)
FROM segment g JOIN packet p USING (packet_id)
WHERE g.connection_id = ? AND g.shown AND p.number IS NOT NULL AND NOT coalesce(p.fragment, FALSE)
    AND p.payload_bytes > 0 -- an empty datagram has no bytes to link
    AND NOT EXISTS (SELECT 1 FROM link l WHERE l.packet_id = p.packet_id AND l.kind = 'segment_read')
GROUP BY g.direction"""


def _unread(world: World, talk: Conversation) -> list[Step]:
    """Datagrams that came to a traced socket that had been closed, or was closed, without their having been read."""
    if any(c.errno in ICMP_ERRORS for _, c in talk.calls):
        return []
    steps = []
    for direction, total, size, some, at in world.db.execute(_UNREAD, [talk.connection_id]).fetchall():
        end = talk.receiver(direction)
        if (
            end.socket_id is None
            or end.closed_ns is None
            or end.closed_ns < at
            or not _reads_are_known(world, end.socket_id)
        ):
            continue
        shown = numbers("packet", [p["n"] for p in some])
        said = (
            f"{count(total, 'datagram')} ({count(size, 'byte')}; {shown}) came for the socket of {world.who(end.pid)}, "
            f"and no "
            f"call read {'it' if total == 1 else 'them'} before the socket was closed.",
        )
        refs = tuple(Ref("packet", p["id"], f"packet {p['n']}") for p in some)
        steps.append(Step("", "Datagrams nobody read", said, at, refs=refs))
    return steps


def _reads_are_known(world: World, socket_id: int) -> bool:
    """Whether every successful receive on the socket was joined to a conversation; else one of them may be the read."""
    row = world.db.execute(
        f"""
        SELECT count(*) FROM call c JOIN call_file f USING (call_id)
        WHERE f.socket_id = ? AND c.name IN {RECEIVES} AND c.retval > 0
            AND c.call_id NOT IN (SELECT call_id FROM stream_read WHERE socket_id = ?)""",  # noqa: S608 (fixed names)
        [socket_id, socket_id],
    ).fetchone()
    return row is not None and row[0] == 0


def _unanswered(world: World, talk: Conversation) -> list[Step]:
    """Datagrams went out, none came back, no error either; only where the answer would have been captured."""
    sent = [p for p in talk.packets if p.direction == "c2s"]
    if not sent or talk.server_bytes or len(sent) != talk.packet_count or talk.server.socket_id is not None:
        return []
    if talk.outcome in ("refused", "unreachable") or errors_about(world, talk):
        return []
    said = (
        f"{count(len(sent), 'datagram')} went to the server, and no packet came back: no answer and no ICMP error. UDP "
        f"does "
        "not tell whether they arrived.",
    )
    return [Step("", "No answer", said, sent[0].time_ns, refs=tuple(p.ref for p in sent[:4]))]


# -- names ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Question:
    """One question for a name, with its answer."""

    asked: DnsMessage
    refs: list[Ref]
    time_ns: int
    times: int = 1
    answer: DnsMessage | None = None
    answered_ns: int | None = None


_PAYLOADS = f"""
SELECT p.packet_id, p.number, p.time_ns, p.frame[p.payload_offset + 1 : p.payload_offset + {DNS_BYTES}]
FROM segment g JOIN packet p USING (packet_id)
WHERE g.connection_id = ? AND g.shown AND p.number IS NOT NULL AND p.payload_offset IS NOT NULL
ORDER BY p.packet_id LIMIT 200"""  # noqa: S608 (a number)


def _names(world: World, talk: Conversation) -> list[Step]:
    """Questions to a server of names, each with what was answered. On other ports than 53 a datagram is taken for a
    question only if one came back that answers it."""
    questions: dict[tuple[int, str, str], _Question] = {}
    for packet_id, number, at, data in world.db.execute(_PAYLOADS, [talk.connection_id]).fetchall():
        message = decode_dns(bytes(data or b""))
        if message is None:
            continue
        key, ref = (message.id, message.name.lower(), message.type), Ref("packet", packet_id, f"packet {number}")
        known = questions.get(key)
        if not message.is_answer and known is not None:
            known.times += 1
        elif not message.is_answer:
            questions[key] = _Question(message, [ref], at)
        elif known is not None and known.answer is None:
            known.answer, known.answered_ns = message, at
            known.refs.append(ref)
    told = list(questions.values())
    if talk.server.port != DNS_PORT:
        told = [q for q in told if q.answer is not None and q.asked.type in TYPES.values()]
    return [_name(world, talk, q) for q in told[:6]]


def _name(world: World, talk: Conversation, question: _Question) -> Step:
    asked, answer = question.asked, question.answer
    who = world.who(talk.client.pid) if talk.client.pid is not None else code(talk.client.addr or "?")
    again = f", {question.times} times" if question.times > 1 else ""
    said = [f"{who} asks the server of names for the {code(asked.type)} record of {code(asked.name)}{again}."]
    title = f"The name {asked.name} is looked up" if asked.name.isascii() and asked.name.isprintable() else "A name"
    if answer is None:
        said.append("No answer was captured.")
    elif answer.rcode == "NXDOMAIN":
        said.append(f"The answer is {code('NXDOMAIN')}: there is no such name.")
    elif answer.rcode != "NOERROR":
        said.append(f"The answer is {code(answer.rcode)}: the server could or would not tell.")
    elif answer.addresses:
        said.append(f"The answer: {listed([code(a) for a in answer.addresses])}.")
    elif answer.answers == 0:
        said.append("The answer has no record: the name exists, but has none of that type.")
    else:
        said.append(f"The answer has {count(answer.answers, 'record')}.")
    return Step("", title, tuple(said), question.time_ns, refs=tuple(question.refs),
                inferred=talk.server.port != DNS_PORT,
                topics=("NXDOMAIN",) if answer is not None and answer.rcode == "NXDOMAIN" else ())  # fmt: skip
