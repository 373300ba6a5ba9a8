"""What a critical path says of those that were not recorded: servers of names, and other ends of connections."""

from collections.abc import Iterator, Sequence

from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.join.critical.chain import Piece
from wiretale.join.critical.lookups import Lookup, WaitFor
from wiretale.join.critical.path import CriticalPath

_MOST_NAMES = 3


def for_names(wait: WaitFor) -> str:
    """What a thread waited for that had asked for names: what goes on from 'waited for'."""
    told = [f"{_question(one, types)} of {escape_text(one.server)}" for one, types in wait.answers[:_MOST_NAMES]]
    more = f" and {len(wait.answers) - _MOST_NAMES} more" if len(wait.answers) > _MOST_NAMES else ""
    came = ", which did not come in time" if wait.gave_up else ""
    return f"the DNS answer to {', '.join(told)}{more}{came}"


def lookups(path: CriticalPath) -> list[tuple[Lookup, str]]:
    """Each name that the chain's threads waited for, and what became of the question, in order of time."""
    found = {id(one): one for wait in path.names.values() for one, _ in wait.answers}
    return [(one, _became(path, one)) for one in sorted(found.values(), key=lambda one: one.asked_ns)]


def _question(one: Lookup, types: Sequence[str]) -> str:
    return f"{escape_text(one.name)} ({', '.join(types)})"


def _became(path: CriticalPath, one: Lookup) -> str:
    who = escape_text(path.threads.get(one.tid, f"thread {one.tid}"))
    again = f", {one.times} times" if one.times > 1 else ""
    asked = f"{who} asked {escape_text(one.server)} for {_question(one, one.types)}{again}"
    if one.answered_ns is None:
        return f"{asked}: it read no answer"
    said = "" if one.rcode == "NOERROR" else f", {one.rcode}"
    if one.unanswered:
        said += f"; it read no answer to {', '.join(one.unanswered)}"
    return f"{asked}: answered {duration(one.answered_ns - one.asked_ns)} later{said}"


def outside(piece: Piece) -> str:
    """Whose turn it was while an unrecorded end had it."""
    peer = f", {escape_text(piece.peer)}" if piece.peer else ""
    if piece.stranger:
        return f"the other end{peer}{',' * bool(peer)} was at work or waited, or what lies between"
    return f"the network and the other end{peer}"


def split(path: CriticalPath, piece: Piece, ns: int, times: int) -> str:
    """How much of the time of so many exchanges like this one the network had, as far as that is known."""
    round_trip = path.round_trips.get(piece.packet_id)
    if round_trip is None or piece.stranger:
        return ""
    rest = ns - times * round_trip
    fastest = f": the connection's fastest round trip took {duration(round_trip)}"
    each = " each time" if times > 1 else ""
    return fastest + (
        f", so at most {duration(rest)} were the other end's" if rest > 0 else f", no less than this{each}"
    )


def notes(path: CriticalPath) -> Iterator[str]:
    """Lines about the names that were looked up."""
    for _, became in lookups(path):
        yield f"DNS: {became}"
