"""The story of an ICMP exchange, such as ping's: what was asked, what came back, how long it took, and by which way."""

from wiretale.decode.durations import duration
from wiretale.explain.conversation import Conversation
from wiretale.explain.exchanges import Exchange, Question, Sighting, exchange
from wiretale.explain.rows import Call
from wiretale.explain.story import Anchors, Hop, Section, Step
from wiretale.explain.words import capital, code, count, listed, numbers, spread
from wiretale.explain.world import World

TOLD = 6  # questions that are told one by one
HOPS_TOLD = 40


def echo_sections(world: World, talk: Conversation, anchors: Anchors) -> list[Section]:
    """The sections; none of other conversations."""
    if not talk.is_icmp:
        return []
    found = exchange(world, talk)
    if not found.questions:
        return []
    steps = [_all(world, talk, found), *_path(talk, found), *_odd(talk, found)]
    told = _told(found)
    steps += [_question(world, talk, q) for q in told]
    left = [q for q in found.questions if all(q is not t for t in told)]
    if left:
        more = count(len(left), "more question")
        said = f"{capital(more)}; what came back is in the figures above."
        refs = tuple(q.asked.ref for q in left[:4])
        steps.append(Step("", more, (said,), left[0].asked.time_ns, refs=refs, key="more"))
    return [Section("Questions and answers", anchors.in_order(steps))]


def _told(found: Exchange) -> list[Question]:
    """The first ones, and of those that went another way the first."""
    odd = [q for q in found.questions if not q.answers or len(q.answers) > 1][: TOLD // 2]
    kept = {id(q) for q in (*found.questions[: TOLD - len(odd)], *odd)}
    return [q for q in found.questions if id(q) in kept]


def in_short(world: World, talk: Conversation) -> str:
    """One sentence for the opening of the story."""
    found = exchange(world, talk)
    if found.questions:
        return _counts(world, talk, found)
    return f"{_asker(world, talk)} and {code(talk.server.addr or '?')} exchanged {count(talk.packet_count, 'packet')}."


def _asker(world: World, talk: Conversation) -> str:
    return world.who(talk.client.pid) if talk.client.pid is not None else code(talk.client.addr or "?")


def _counts(world: World, talk: Conversation, found: Exchange) -> str:
    total, answered, silent = len(found.questions), len(found.answered), len(found.silent)
    errors = total - answered - silent
    said = (
        f"{_asker(world, talk)} sent {count(total, found.questions[0].asked.name)} to {code(talk.server.addr or '?')}"
    )
    if answered == total:
        return f"{said}: {'all were' if total > 1 else 'it was'} answered."
    if total == 1:
        return f"{said}: {'an error came back' if errors else 'nothing came back'}."
    parts = [f"{answered:,} {'was' if answered == 1 else 'were'} answered"] if answered else ["none was answered"]
    if errors:
        parts.append(f"{errors:,} brought an error back")
    if silent:
        parts.append(f"to {silent:,} ({100 * silent / total:.0f} %) nothing came back")
    return f"{said}: {listed(parts)}."


def _all(world: World, talk: Conversation, found: Exchange) -> Step:
    said = [_counts(world, talk, found)]
    sizes = sorted({q.asked.data_bytes for q in found.questions})
    span = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    if found.ident is not None:
        said.append(
            f"Identifier {found.ident} tells these from the questions of others; each has a sequence number, and "
            f"{span} bytes of data behind the ICMP header of 8."
        )
    for on_wire, where in (
        (True, "On the wire"),
        (False, "As the program saw it, from its sending call to the return of the one that read the answer,"),
    ):
        trips = found.round_trips(on_wire=on_wire)
        if trips is not None:
            total = sum(1 for q in found.questions if (q.on_wire_ns if on_wire else q.seen_ns) is not None)
            said.append(f"{where} {'a' if total > 1 else 'the'} round trip took {spread(*trips, total)}.")
    first = found.questions[0].asked
    refs = (talk.ref, *(q.asked.ref for q in found.questions[:4]))
    background = (
        "An echo request asks a host to send the same bytes back. No program there needs to wait for it: the kernel "
        "answers, unless it is told not to, or a filter drops it."
    )
    title = "What was asked, and what came back"
    return Step("", title, tuple(said), first.time_ns, refs=refs, key="all", background=(background,))


# -- one question -----------------------------------------------------------------------------------------------------


def _question(world: World, talk: Conversation, question: Question) -> Step:
    asked = question.asked
    said = [_sent(world, asked)]
    said += [_answered(world, question, answer, n) for n, answer in enumerate(question.answers)]
    said += [_error(world, question, error) for error in question.errors]
    if not question.back:
        captured = "Nothing came back: no answer and no error was captured."
        said.append(captured if talk.packet_count else "No recorded call read an answer.")
    if question.answers and question.seen_ns is not None and question.on_wire_ns is not None:
        said.append(
            f"Of the {duration(question.seen_ns)} that the program saw, {duration(question.on_wire_ns)} were between "
            "the two packets."
        )
    hops = tuple(sorted((hop for s in (asked, *question.back) for hop in _hops(world, s)), key=lambda h: h.time_ns))
    refs = (asked.ref, *(s.ref for s in question.back), *(c.ref for s in (asked, *question.back) for c in s.calls))
    title = f"{capital(asked.name)} {asked.sequence}"
    return Step("", title, tuple(said), asked.time_ns, hops=hops, refs=tuple(dict.fromkeys(refs)))


def _sent(world: World, asked: Sighting) -> str:
    ttl = f", with a {_limit(asked)} of {asked.ttl}" if asked.ttl is not None else ""
    if not asked.calls:
        unsent = "; no recorded call sent it" if world.has_calls else ""
        return f"Packet {asked.number} from {code(asked.src or '?')} asks{ttl}{unsent}."
    call = asked.calls[0]
    size = count(call.retval or 0, "byte")
    said = f"{world.caller(call)} sends {size} with {code(call.name + '()')}"
    if asked.number is None:
        return f"{said}; no packet with them was captured."
    gave_header = (call.retval or 0) > asked.data_bytes + 8
    carried = "them, IP header and all" if gave_header else "them behind an IP header that the kernel made"
    return f"{said}: packet {asked.number} carried {carried}{ttl}.{_filled(world, call)}"


def _filled(world: World, call: Call) -> str:
    """What the kernel put into the ICMP header, where the bytes of call and packet differ."""
    rows = world.db.execute(
        "SELECT l.lo - w.lo, l.hi - w.lo FROM link l JOIN stream_write w USING (write_id)"
        " WHERE w.call_id = ? AND l.kind = 'write_segment' ORDER BY 1",
        [call.call_id],
    ).fetchall()
    linked = {at for low, high in rows for at in range(low, min(high, 8))}
    missing = [name for name, at in (("checksum", 2), ("identifier", 4)) if at not in linked] if 0 in linked else []
    return f" The kernel filled in the {listed(missing)}." if missing else ""


def _limit(sighting: Sighting) -> str:
    return "TTL" if sighting.version == 4 else "hop limit"


def _answered(world: World, question: Question, answer: Sighting, place: int) -> str:
    source = f" from {code(answer.src)}" if answer.src is not None else ""
    if answer.number is None:
        call = answer.calls[0]
        return f"{capital(world.caller(call))} reads the answer{source} with {code(call.name + '()')}."
    ttl = f" ({_limit(answer)} {answer.ttl})" if answer.ttl is not None else ""
    again = "answers it once more" if place else "answers it"
    took = answer.time_ns - question.asked.time_ns
    after = f", {duration(took)} after the question" if question.asked.number is not None else ""
    return f"Packet {answer.number}{source}{ttl} {again}{after}.{_read(world, answer)}"


def _read(world: World, sighting: Sighting) -> str:
    if sighting.calls:
        names = listed([f"{code(c.name + '()')} of {world.caller(c)}" for c in sighting.calls[:3]])
        return f" {names} returned with it{_later(sighting.calls[0], sighting)}."
    return " No recorded call read it." if world.has_calls and not sighting.told else ""


def _later(call: Call, sighting: Sighting) -> str:
    if call.exit_ns is None or sighting.number is None:
        return ""
    return f" {duration(max(call.exit_ns - sighting.time_ns, 0))} later"


def _error(world: World, question: Question, error: Sighting) -> str:
    source = f" from {code(error.src)}" if error.src is not None else ""
    if error.number is not None:
        after = f", {duration(error.time_ns - question.asked.time_ns)} later," if question.asked.number else ""
        said = f"Packet {error.number}{source} quotes it{after} and says {code(error.meaning)}.{_read(world, error)}"
    else:
        said = f"An error{source} came back: {code(error.meaning)}."
    for call in error.told[:1]:
        said += (
            f" {code(call.name + '()')} of {world.caller(call)} read of it{_later(call, error)} from the socket's "
            f"error queue ({code('MSG_ERRQUEUE')})."
        )
    return said


def _hops(world: World, sighting: Sighting) -> list[Hop]:
    sent: list[Hop] = []
    back: list[Hop] = []
    for call in (*sighting.calls[:3], *sighting.told[:1]):
        at = call.start_ns if sighting.forward else call.exit_ns or call.start_ns
        hop = Hop(at, world.caller_short(call), call.text, refs=(call.ref,), lane="client")
        (sent if sighting.forward else back).append(hop)
    if sighting.number is None:
        return [*sent, *back]
    where = f"packet {sighting.number} {'→' if sighting.forward else '←'}"
    what = f"{sighting.meaning if sighting.is_error else sighting.name}, sequence number {sighting.sequence}"
    seen = Hop(sighting.time_ns, where, what, refs=(sighting.ref,), lane="wire")
    return [*sent, seen, *sorted(back, key=lambda hop: hop.time_ns)]


# -- the path, and oddities -------------------------------------------------------------------------------------------


def _path(talk: Conversation, found: Exchange) -> list[Step]:
    """Which host reported the end of each life: the way that traceroute looks for."""
    by_ttl: dict[int, list[Question]] = {}
    for question in found.questions:
        if question.asked.ttl is not None:
            by_ttl.setdefault(question.asked.ttl, []).append(question)
    ran_out = next((e.meaning for q in found.questions for e in q.errors if e.ran_out), None)
    if len(by_ttl) < 2 or ran_out is None:
        return []
    reached = min((ttl for ttl, questions in by_ttl.items() if any(q.answers for q in questions)), default=None)
    way = [ttl for ttl in sorted(by_ttl) if reached is None or ttl <= reached]
    hops = [_on_the_way(ttl, by_ttl[ttl], is_last=ttl == reached) for ttl in way[:HOPS_TOLD]]
    first = found.questions[0].asked
    said = [
        f"The questions have different {'TTLs' if first.version == 4 else 'hop limits'}: each host on the way takes "
        f"one off, and the one that finds none left reports {code(ran_out)}. So the sources of these errors are the "
        f"hosts on the way to {code(talk.server.addr or '?')}."
    ]
    if reached is None:
        said.append("The destination itself did not answer.")
    else:
        said.append(f"{count(reached, 'step')} {'reaches' if reached == 1 else 'reach'} it.")
        beyond = sum(1 for q in found.questions if (q.asked.ttl or 0) > reached)
        if beyond:
            said.append(
                f"{capital(count(beyond, 'question'))} with more left {'was' if beyond == 1 else 'were'} sent, too."
            )
    refs = tuple(s.ref for ttl in way for q in by_ttl[ttl] for s in (q.asked, *q.back[:1]))[:20]
    return [Step("", "The path", tuple(said), first.time_ns, hops=tuple(hops), refs=refs, key="path")]


def _on_the_way(ttl: int, questions: list[Question], *, is_last: bool) -> Hop:
    """Who answered questions with one TTL, and how fast."""
    back = [(s, q) for q in questions for s in q.back]
    hosts = list(dict.fromkeys(s.src for s, _ in back if s.src is not None))
    took = sorted(s.time_ns - q.asked.time_ns for s, q in back)
    notes = ["the destination itself answered"] if is_last else []
    other = list(dict.fromkeys(s.meaning for s, _ in back if s.is_error and not s.ran_out))
    notes += [f"says {listed(other)}"] if other else []
    notes += [spread(took[0], took[len(took) // 2], took[-1], len(took))] if took else ["nothing came back"]
    asked = questions[0].asked
    what = listed(hosts) if hosts else "nobody"
    return Hop(asked.time_ns, f"{_limit(asked)} {ttl}", what, ", ".join(notes), (asked.ref,))


def _odd(talk: Conversation, found: Exchange) -> list[Step]:
    steps = []
    silent = found.silent
    if silent and talk.packet_count:
        named = numbers("sequence number", [q.asked.sequence for q in silent[:8]], len(silent) - 8)
        said = (
            f"{capital(named)}: no packet that answers was captured, and no error. Whether the question or the answer "
            "was lost, or a host or a filter dropped it, packets of one place do not tell."
        )
        title = f"{count(len(silent), 'question')} without an answer"
        refs = tuple(q.asked.ref for q in silent[:4])
        steps.append(Step("", title, (said,), silent[0].asked.time_ns, refs=refs, key="silent"))
    doubled = [q for q in found.questions if len(q.answers) > 1]
    if doubled:
        steps.append(_doubled(doubled))
    if found.strays:
        kind = "message that belongs" if len(found.strays) == 1 else "messages that belong"
        said = f"{len(found.strays):,} {kind} to no question that was recorded."
        refs = tuple(s.ref for s in found.strays[:4])
        steps.append(Step("", "Answers without a question", (said,), found.strays[0].time_ns, refs=refs, key="strays"))
    return steps


def _doubled(doubled: list[Question]) -> Step:
    hosts = list(dict.fromkeys(s.src for q in doubled for s in q.answers if s.src is not None))
    named = numbers("sequence number", [q.asked.sequence for q in doubled[:8]], len(doubled) - 8)
    if len(hosts) > 1:
        said = f"{capital(named)}: several hosts answered, {listed([code(h) for h in hosts])}."
    else:
        said = (
            f"{capital(named)}: more than one answer came from {listed([code(h) for h in hosts]) or 'the host'}. The "
            "question or the answer was repeated on the way (ping marks these with DUP!)."
        )
    refs = tuple(s.ref for q in doubled[:2] for s in q.answers[:3])
    return Step("", "More than one answer", (said,), doubled[0].asked.time_ns, refs=refs, key="doubled")
