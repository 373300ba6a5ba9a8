"""What bounded the slowest answer, as one step of a story: the words are those of `wiretale critical`."""

from collections.abc import Iterator

from wiretale.decode.durations import duration
from wiretale.explain.critical import Told, caveats, share, summary, tell
from wiretale.explain.story import Hop, Ref, Step
from wiretale.explain.words import code
from wiretale.explain.world import World
from wiretale.join.critical.chain import Piece
from wiretale.join.critical.path import CriticalPath, critical_path
from wiretale.join.critical.span import slowest_answer
from wiretale.light import replace

_MOST_HOPS = 8
_TOLD_PARTS = 20  # a piece shorter than this part of the whole is not shown by itself


def slowest(world: World, connection_id: int | None = None) -> list[Step]:
    """Of all answers, or of one connection's, the one that took longest. Needs the kernel level."""
    span = slowest_answer(world.db, connection_id)
    if span is None or span.end_ns <= span.begin_ns:
        return []
    path = _named(world, critical_path(world.db, span))
    said = [summary(path)]
    said.append(f"{code(f'wiretale critical FILE {span.end_call}')} shows all of it.")
    said += [f"{caveat[0].upper()}{caveat[1:]}." for caveat in caveats(path)]
    calls = [Ref("call", i, f"call {i}") for i in dict.fromkeys((span.begin_call, span.end_call))]
    return [
        Step(
            "", "What bounded the slowest answer", tuple(said), span.begin_ns,
            hops=tuple(_hops(path)), refs=tuple(calls), key="slowest-answer",
        )
    ]  # fmt: skip


def _named(world: World, path: CriticalPath) -> CriticalPath:
    """Its threads by the names the story gives them."""
    rows = world.db.execute(
        "SELECT tid, any_value(pid) FROM task WHERE tid IN (SELECT unnest(?)) GROUP BY tid", [list(path.threads)]
    )
    names = {tid: f"thread {tid} of {world.who(pid)}" if tid != pid else world.who(pid) for tid, pid in rows.fetchall()}
    return replace(path, threads=path.threads | names)


def _hops(path: CriticalPath) -> Iterator[Hop]:
    """The pieces that took a part worth telling, in the order of time."""
    length = path.span.end_ns - path.span.begin_ns
    told = [(p, t) for p, t in zip(path.pieces, tell(path), strict=True) if _lasted(p) * _TOLD_PARTS >= length]
    longest = sorted(told, key=lambda one: -_lasted(one[0]))[:_MOST_HOPS]
    for piece, words in sorted(longest, key=lambda one: one[0].from_ns):
        yield _hop(path, piece, words, length)


def _hop(path: CriticalPath, piece: Piece, words: Told, length: int) -> Hop:
    refs = [Ref("call", i, f"call {i}") for i in (piece.call_id, piece.waiter_call) if i]
    if piece.packet_id in path.packets:
        refs.append(Ref("packet", piece.packet_id, f"packet {path.packets[piece.packet_id]}"))
    lasted = f"{duration(_lasted(piece))}, {share(_lasted(piece), length)}"
    until = f"; until {words.until}" if words.until else ""
    return Hop(piece.from_ns, words.who, words.what, f"{lasted}{until}", tuple(refs))


def _lasted(piece: Piece) -> int:
    return piece.to_ns - piece.from_ns
