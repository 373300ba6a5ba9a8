"""A critical path in words: what each piece was, what ended it, and what took most of the time, in one sentence."""

from collections import Counter
from collections.abc import Iterator

from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.explain.conversation import WAITS
from wiretale.explain.critical_others import for_names, notes, outside, split
from wiretale.join.critical.chain import By, Did, Piece, ends_of
from wiretale.join.critical.path import CHILDREN, LOCKS, CallFacts, CriticalPath
from wiretale.light import dataclass

NOBODY = "not recorded"
_KERNEL = "the kernel"
# What a call that acts on one file waits for, by the file's kind; and what others wait for.
_FILES = {
    "socket": "its socket",
    "pipe": "a pipe",
    "terminal": "a terminal",
    "file": "a file",
    "event": "an event",
}
_RUNNING = frozenset({Did.USER, Did.CALL, Did.RAN})
_COUNTED = frozenset({Did.BLOCKED, Did.STOPPED, Did.LOST, Did.QUEUED, Did.NEIGHBOUR, Did.OUTSIDE})
_STOPPED = "was stopped by a signal, a debugger or the recorder"
_OWN = "ran its own code"


@dataclass(frozen=True, slots=True)
class Told:
    """One piece in words: who, what it did, what ended that, who waited for it meanwhile (empty if nobody)."""

    who: str
    what: str
    until: str
    waiter: str


@dataclass(frozen=True, slots=True)
class Total:
    """All pieces of the same kind by the same thread, as a clause that follows a share of time."""

    ns: int
    clause: str


def tell(path: CriticalPath) -> list[Told]:
    """Every piece in words."""
    after: list[Piece | None] = [*path.pieces[1:], None]
    return [
        Told(_who(path, piece), _what(path, piece), _until(path, piece, following), _waiter(path, piece))
        for piece, following in zip(path.pieces, after, strict=True)
    ]


def totals(path: CriticalPath) -> list[Total]:
    """What the time went to, the most first. What a thread ran is summed by the name of the call, what it waited for
    by the call's name and descriptor: a thousand short waits for the disk are one.
    """
    sums: dict[tuple[object, ...], int] = {}
    times: Counter[tuple[object, ...]] = Counter()
    longest: dict[tuple[object, ...], tuple[int, Piece, str]] = {}
    for piece, name, lasted in _shares(path):
        by = piece.by if piece.did in (Did.BLOCKED, Did.STOPPED, Did.LOST) else None
        did = Did.CALL if name else Did.USER if piece.did is Did.RAN else piece.did
        told = _what(path, piece) if piece.did is Did.BLOCKED else None
        key = (did, piece.tid, name, by, told, piece.peer, bool(piece.stranger), piece.sent_id in path.beyond)
        sums[key] = sums.get(key, 0) + lasted
        times[key] += piece.did in _COUNTED
        if key not in longest or longest[key][0] < lasted:
            longest[key] = lasted, piece, name
    order = sorted(sums, key=lambda key: -sums[key])
    return [
        Total(
            sums[key],
            _clause(path, *longest[key][1:], sums[key], times[key])
            + (f" ({times[key]:,} times)" if times[key] > 1 else ""),
        )
        for key in order
    ]


def _shares(path: CriticalPath) -> Iterator[tuple[Piece, str, int]]:
    """Nanoseconds of each piece, and the name of the call that it ran in; empty if in none."""
    for piece in path.pieces:
        if piece.parts:
            for part in piece.parts:
                yield piece, part.call, part.ns
            continue
        call = path.calls.get(piece.call_id) if piece.did is Did.CALL else None
        yield piece, call.name if call is not None else "", piece.to_ns - piece.from_ns


def summary(path: CriticalPath) -> str:
    """What took most of the time, in one sentence."""
    span = path.span
    length = span.end_ns - span.begin_ns
    found = totals(path)
    begun, ended = path.calls[span.begin_call], path.calls[span.end_call]
    of = (
        f"of the {duration(length)} that {_call(ended)} by {_thread(path, span.tid)} took"
        if begun.call_id == ended.call_id
        else f"of the {duration(length)} from {_call(begun)} by {_thread(path, begun.tid)}"
        f" to the return of {_call(ended)}" + (f" by {_thread(path, ended.tid)}" if begun.tid != ended.tid else "")
    )
    parts = [f"{share(found[0].ns, length)} {of}: {found[0].clause}"]
    parts += [f"{share(t.ns, length)}: {t.clause}" for t in found[1:3] if t.ns * 10 >= length]
    return "; ".join(parts) + "."


def share(part: int, whole: int) -> str:
    """A share in whole percent; only all of it is 100 %, and less than one is said so."""
    percent = min(round(100 * part / whole), 99) if part < whole else 100
    return f"{percent} %" if percent else "< 1 %"


def caveats(path: CriticalPath) -> Iterator[str]:
    """What the reader must know to judge it."""
    if path.stopped:
        yield "the calls were recorded by ptrace, whose stops are in these times (record --engine ebpf has none)"
    if path.lost:
        yield f"{path.lost} kernel events were lost: a waking or a turn may be missing"
    if any(p.did is Did.OUTSIDE for p in path.pieces):
        yield "the chain leaves the recorded programs: record the other end too, with --with or -p"
    yield from notes(path)
    if any(p.did is Did.UNKNOWN or p.by is By.UNSEEN for p in path.pieces):
        yield "no scheduler event tells what happened in a part: before the recording, or because events were lost"


def _thread(path: CriticalPath, tid: int) -> str:
    return escape_text(path.threads.get(tid, f"thread {tid}"))


def _call(call: CallFacts) -> str:
    return f"{escape_text(call.name)}({f'fd {call.fd}' if call.fd is not None else ''})"


def _who(path: CriticalPath, piece: Piece) -> str:
    if piece.tid:
        return _thread(path, piece.tid)
    return NOBODY if piece.did is Did.OUTSIDE else _KERNEL


def _packet(path: CriticalPath, packet_id: int) -> str:
    number = path.packets.get(packet_id)
    return f"packet {number}" if number else "a packet"


def _waits_for(path: CriticalPath, call: CallFacts) -> str:
    """What a call that blocks waits for."""
    if call.call_id in path.no_room:
        return "room: the other end's receive window was full during the call"
    if call.call_id in path.small_window:
        size = path.small_window[call.call_id]
        return f"room: the other end's receive window, {size:,} bytes, was too small for what came next"
    if call.call_id in path.names:
        return for_names(path.names[call.call_id])
    if call.sleeps:
        return "the time to pass"
    if call.name in LOCKS:
        return "a lock or another thread (futex)"
    if call.name in CHILDREN:
        return "a child"
    if call.name in WAITS:
        return "one of its descriptors"
    return _FILES.get(call.file or "", "something in the kernel")


def _what(path: CriticalPath, piece: Piece) -> str:
    call = path.calls.get(piece.call_id)
    match piece.did:
        case Did.USER:
            return _OWN
        case Did.RAN:
            calls = sum(part.calls for part in piece.parts if part.call)
            most = next((part for part in piece.parts if part.call), None)
            often = f", most of their time {escape_text(most.call)}" if most is not None else ""
            return f"{_OWN}, and {calls:,} calls{often}"
        case Did.CALL if call is not None:
            return f"ran in {_call(call)}"
        case Did.ENDING:
            return "ended"
        case Did.RUNNABLE:
            return "waited for a CPU" + (f", in {_call(call)}" if call is not None else "")
        case Did.BLOCKED:
            return _blocked(path, piece, call)
        case Did.STOPPED:
            return _STOPPED
        case Did.WIRE:
            return f"{_packet(path, piece.packet_id)} on its way: device, softirq, receiving stack"
        case Did.LOST:
            until = (
                "for the retransmission timer" if piece.by is By.TIMER else "until the other end's answers showed it"
            )
            return f"{_packet(path, piece.packet_id)} was lost; its bytes waited {until}"
        case Did.QUEUED if piece.packet_id in path.bare and piece.by is By.TIMER:
            return f"{_packet(path, piece.packet_id)}, a bare acknowledgement, was held back (delayed ACK)"
        case Did.QUEUED if piece.packet_id in path.bare:
            return f"{_packet(path, piece.packet_id)}, a bare acknowledgement, was not sent yet"
        case Did.QUEUED:
            return f"the bytes of {_packet(path, piece.packet_id)} waited in the sender's queue"
        case Did.NEIGHBOUR:
            return f"{_packet(path, piece.packet_id)} waited in IP, which had to ask for its neighbour's link address"
        case Did.OUTSIDE if piece.packet_id or piece.by is not By.MADE:
            return outside(piece)
        case Did.OUTSIDE:
            return "whoever made the first thread was at work"
    return "no scheduler event says what it did"


def _blocked(path: CriticalPath, piece: Piece, call: CallFacts | None) -> str:
    if call is None:
        where = ": in a page fault, for the disk or for the memory's lock" if piece.by is By.DISK else ""
        return f"was blocked outside of any call{where}"
    if call.sleeps:
        return f"slept in {_call(call)}"
    on = "the disk, or something inside the kernel" if piece.by is By.DISK else _waits_for(path, call)
    return f"was blocked in {_call(call)}, on {on}"


def _waiter(path: CriticalPath, piece: Piece) -> str:
    if not piece.waiter:
        return ""
    if piece.waiter_stopped:
        return f"{_thread(path, piece.waiter)} {_STOPPED}"
    call = path.calls.get(piece.waiter_call)
    where = f" in {_call(call)} for {_waits_for(path, call)}" if call is not None else ""
    return f"{_thread(path, piece.waiter)} waited{where}"


def _until(path: CriticalPath, piece: Piece, following: Piece | None) -> str:
    match piece.by:
        case By.END:
            return "the call returned"
        case By.WOKE | By.DELIVERED:
            call = path.calls.get(following.call_id) if following is not None else None
            return f"woke {_thread(path, piece.other_tid)}" + (f" in {_call(call)}" if call is not None else "")
        case By.MADE:
            return f"made {_thread(path, piece.other_tid)}"
        case By.SENT if piece.stranger:
            return f"{_thread(path, piece.stranger)} sent {_packet(path, piece.sent_id)}"
        case By.SENT:
            return f"sent {_packet(path, piece.sent_id)}"
        case By.WROTE:
            return f"it had written the bytes of {_packet(path, piece.sent_id)}"
        case By.INTERRUPT if piece.did is Did.NEIGHBOUR:
            return "the answer came"
        case By.ANSWERED if piece.did is Did.LOST:
            return "they were sent again"
        case By.ANSWERED if piece.sent_id in path.nagle:
            return f"let the kernel send {_packet(path, piece.sent_id)}, a small one, which had waited for it (Nagle)"
        case By.ANSWERED if piece.sent_id in path.beyond:
            size = path.beyond[piece.sent_id]
            sent = _packet(path, piece.sent_id)
            return f"let the kernel send {sent}, for which the receive window of {size:,} bytes had no room"
        case By.ANSWERED:
            return f"made the kernel send {_packet(path, piece.sent_id)}"
        case By.FORWARDED if piece.became:
            return f"it was forwarded to another device; NAT made it {escape_text(ends_of(piece.became))}"
        case By.TIMER if piece.did is Did.LOST:
            return "they were sent again"
        case By.STRANGER:
            return f"thread {piece.other_tid}, which is not recorded, woke it"
        case By.NEXT:
            return _went_on(path, piece, following)
    return {
        By.FORWARDED: "it was forwarded to another device",
        By.TIMER: "a timer",
        By.DISK: "it was done",
        By.INTERRUPT: "an interrupt",
    }.get(piece.by, "nothing recorded says who woke it")


def _went_on(path: CriticalPath, piece: Piece, following: Piece | None) -> str:
    if following is None:
        return ""
    call = path.calls.get(following.call_id)
    if following.did is Did.RUNNABLE:
        return "the CPU was taken from it" if piece.did in _RUNNING else "it was woken"
    if following.did in (Did.BLOCKED, Did.STOPPED):
        return "it had to wait"
    if piece.did is Did.RUNNABLE:
        return f"it got CPU {following.cpu}{_from_whom(path, piece)}" if following.cpu is not None else "it got a CPU"
    if following.did is Did.CALL and call is not None:
        return f"it called {escape_text(call.name)}"
    own = path.calls.get(piece.call_id)
    return f"{escape_text(own.name)} returned" if own is not None and following.did is Did.USER else "it went on"


def _from_whom(path: CriticalPath, piece: Piece) -> str:
    """Who had the CPU last that a thread waited for."""
    who = path.before.get((piece.tid, piece.to_ns))
    if who is None or who == piece.tid:
        return ""
    return f", which {_thread(path, who)} had until then" if who else ", which was idle"


def _clause(path: CriticalPath, piece: Piece, ran_in: str, ns: int, times: int) -> str:
    """Pieces of a kind, by the longest of them, as what goes on from '71 % of the 3.2 ms:'."""
    what = f"ran in {escape_text(ran_in)}()" if ran_in else _what(path, piece)
    if piece.did is Did.RAN and not ran_in:
        what = _OWN
    if piece.did is Did.OUTSIDE and piece.by is By.ANSWERED and piece.sent_id in path.beyond:
        what += f", whose receive window of {path.beyond[piece.sent_id]:,} bytes had no room for more"
    elif piece.did is Did.OUTSIDE:
        what += split(path, piece, ns, times)
    clause = f"{_who(path, piece)} {what}" if piece.tid else what
    waiter = _waiter(path, piece)
    return clause + (f", while {waiter}" if waiter else "")
