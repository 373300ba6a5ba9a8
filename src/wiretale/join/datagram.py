"""Two lists of datagrams that are the same ones, seen at two places: which is which. Pure: lists in, pairs out.

They are matched by length and bytes, never by count alone. Datagrams get lost, repeated and reordered: the lists are
walked together; where they disagree the nearer of "these were lost" and "these came from elsewhere" is taken, and what
is left over is matched if its content occurs once.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate

from wiretale.light import dataclass

PREFIX_BYTES = 64  # enough to tell datagrams apart here; links compare all that was captured
_LOOK_AHEAD = 256


@dataclass(slots=True)
class Datagram:
    """One datagram as one row saw it. `early_ns` and `late_ns` bound when it can have been there."""

    key: tuple[int, ...]  # (call_id, message) or (packet_id,)
    size: int
    whole: int  # size before a too small buffer cut it; -1 if that is not known
    prefix: bytes
    early_ns: int
    late_ns: int
    peeked: bool = False
    socket_id: int | None = None  # whose call it was
    ip_id: int | None = None
    lo: int = -1

    @property
    def content(self) -> tuple[int, bytes]:
        return self.size, self.prefix


def fits(sent: Datagram, seen: Datagram, error_ns: int) -> bool:
    """Could `seen` be `sent`: not before it, as long (or cut by a small buffer), and equal where both were captured."""
    if seen.late_ns + error_ns < sent.early_ns or seen.size > sent.size:
        return False
    if seen.whole != sent.size and seen.size == seen.whole:
        return False
    common = min(len(sent.prefix), len(seen.prefix))
    return sent.prefix[:common] == seen.prefix[:common]


def align(sent: Sequence[Datagram], seen: Sequence[Datagram], error_ns: int) -> list[tuple[int, int]]:
    """Index pairs (sent, seen) in order of `sent`. One that was cut into segments, or put together, has several."""
    pairs: list[tuple[int, int]] = []
    lost: list[int] = []
    strange: list[int] = []
    i = j = 0
    while i < len(sent) and j < len(seen):
        in_time = seen[j].late_ns + error_ns >= sent[i].early_ns
        segments = _segments(sent[i], seen, j) if in_time else 0
        if segments:
            pairs += [(i, j + n) for n in range(segments)]
            i, j = i + 1, j + segments
            continue
        segments = _segments(seen[j], sent, i) if in_time else 0
        if segments:
            pairs += [(i + n, j) for n in range(segments)]
            i, j = i + segments, j + 1
            continue
        if fits(sent[i], seen[j], error_ns):
            pairs.append((i, j))
            i, j = i + 1, j + 1
            continue
        ahead_i = _first(fits(d, seen[j], error_ns) for d in sent[i + 1 : i + _LOOK_AHEAD])
        ahead_j = _first(fits(sent[i], d, error_ns) for d in seen[j + 1 : j + _LOOK_AHEAD])
        if ahead_i is None and ahead_j is None:
            lost.append(i)
            strange.append(j)
            i, j = i + 1, j + 1
        elif ahead_j is None or (ahead_i is not None and ahead_i <= ahead_j):
            assert ahead_i is not None
            lost += range(i, i + ahead_i)
            i += ahead_i
        else:
            strange += range(j, j + ahead_j)
            j += ahead_j
    lost += range(i, len(sent))
    strange += range(j, len(seen))
    return sorted(pairs + _left_over(sent, seen, lost, strange, error_ns))


def _segments(whole: Datagram, parts: Sequence[Datagram], at: int) -> int:
    """How many of `parts` from `at` on are the segments of `whole` (udp(7), UDP_SEGMENT and UDP_GRO); 0: they are not.

    All are of one size, but for the last, which may be smaller.
    """
    first = parts[at]
    if not 0 < first.size < whole.size:
        return 0
    count = -(-whole.size // first.size)
    found = parts[at : at + count]
    last = whole.size - (count - 1) * first.size
    common = min(len(whole.prefix), len(first.prefix))
    fitting = (
        len(found) == count
        and all(p.size == first.size for p in found[:-1])
        and found[-1].size == last
        and whole.prefix[:common] == first.prefix[:common]
    )
    return count if fitting else 0


def _first(fitting: Iterable[bool]) -> int | None:
    """How many steps ahead the first that fits is."""
    return next((step for step, fits_here in enumerate(fitting, 1) if fits_here), None)


def _left_over(
    sent: Sequence[Datagram], seen: Sequence[Datagram], lost: list[int], strange: list[int], error_ns: int
) -> list[tuple[int, int]]:
    """Reordered ones: contents that occur once on both sides."""
    by_content: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for i in lost:
        by_content[sent[i].content].append(i)
    wanted: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for j in strange:
        wanted[seen[j].content].append(j)
    return [
        (by_content[content][0], js[0])
        for content, js in wanted.items()
        if len(js) == 1
        and len(by_content.get(content, [])) == 1
        and fits(sent[by_content[content][0]], seen[js[0]], error_ns)
    ]


def doubtful(
    sent: Sequence[Datagram], seen: Sequence[Datagram], pairs: Iterable[tuple[int, int]], error_ns: int
) -> set[int]:
    """Of `seen`, those that may as well be another one of `sent`: equal, there in time, later, and seen by nobody."""
    paired = dict(pairs)
    left: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for i, d in enumerate(sent):
        if i not in paired:
            left[d.content].append(i)
    # of those from each one on, when the first was there: of equal datagrams, there may be as many as there are at all
    earliest = {
        content: list(accumulate((sent[i].early_ns for i in reversed(others)), min))[::-1]
        for content, others in left.items()
    }
    found = set()
    for i, j in paired.items():
        others = left.get(sent[i].content, [])
        later = bisect_right(others, i)
        if later < len(others) and earliest[sent[i].content][later] <= seen[j].late_ns + error_ns:
            found.add(j)
    return found
