"""Which packet each frame and IP packet was that calls sent or took whole: table `packet_call`.

Packet sockets (AF_PACKET) carry frames, and raw sockets carry TCP's and UDP's packets beside the kernel's own TCP and
UDP. Such a packet may be part of a connection as well, whose ends are others: so these are relations between calls and
packets alone. The bytes tell which it is; where several packets have the same bytes, time and order do, as far as they
leave no choice.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

import duckdb

from wiretale.join.coverage import add_coverage
from wiretale.join.raw_messages import Message
from wiretale.join.rows import Row, put
from wiretale.join.whole_messages import (
    KEY_BYTES,
    MOST_BYTES,
    Frame,
    Whole,
    checksum_places,
    of_packet_sockets,
    of_raw,
    read_frames,
)

UNSEEN = "no captured packet has these bytes"
EQUAL = "another packet has the same bytes, and time does not tell which of them it is"
LOOPBACK = 1  # the kernel's number of the interface lo of each network namespace

Key = tuple[tuple[str, int, tuple[tuple[int, int], ...]], bytes]


def put_whole_packets(db: duckdb.DuckDBPyConnection, raw: Iterable[Message], error_ns: int) -> None:
    """Fill `packet_call`. `raw`: messages of raw sockets whose packets are TCP's or UDP's."""
    messages = of_packet_sockets(db) + of_raw(raw, checksum_places(db))
    if not messages:
        return
    wanted: dict[Key, list[Whole]] = defaultdict(list)
    for m in messages:
        if m.data:
            wanted[m.shape, m.start].append(m)
    frames = _candidates(db, wanted)
    for key, group in wanted.items():
        for queue in _queues(group):
            _pair(queue, frames.get(key, []), error_ns)
    put(db, "j_packet_call", _COLUMNS, [_row(m) for m in messages])
    db.execute(_UNEQUAL)
    db.execute(_FILL)
    unseen = db.execute("SELECT count(*) FROM packet_call WHERE packet_id IS NULL").fetchone()
    add_coverage(db, "messages of raw and packet sockets", unseen[0] if unseen else 0, "unmatched", UNSEEN)


def _candidates(db: duckdb.DuckDBPyConnection, wanted: dict[Key, list[Whole]]) -> dict[Key, list[Frame]]:
    """The frames that begin as a message does, in order of time."""
    shapes = {shape for shape, _ in wanted}
    found: dict[Key, list[Frame]] = defaultdict(list)
    for frame in read_frames(db, frozenset(begins for begins, *_ in shapes)):
        for shape in shapes:
            start = frame.start(shape)
            if start is not None and (shape, start) in wanted:
                found[shape, start].append(frame)
    return found


def _queues(group: list[Whole]) -> Iterable[list[Whole]]:
    """Messages whose order is that of their packets: what was sent, and what each socket's queue gave. All bytes that
    were kept are equal."""
    queues: dict[tuple[object, ...], list[Whole]] = defaultdict(list)
    for m in group:
        of = m.socket_id if m.side == "r" else None
        queues[m.side, of, m.peeked, m.netns_cookie, m.ifindex, m.outgoing, m.size, m.cut, m.data].append(m)
    return queues.values()


def _pair(queue: list[Whole], frames: list[Frame], error_ns: int) -> None:
    """Give each message its packet: the earliest that it may be, in order. It is certain if it is the latest, too."""
    frames = [f for f in frames if f.may_be(queue[0])]
    own = queue[0].netns_cookie
    if own is not None and any(f.cookie == own for f in frames):
        frames = [f for f in frames if f.cookie == own]
    else:  # nothing of its own namespace was captured: the other end of its wire is as good
        frames = [f for f in frames if f.cookie is None or own is None or f.ifindex != LOOPBACK]
    if not frames:
        return
    times = [f.time_ns for f in frames]
    windows = [_window(m, times, error_ns) for m in queue]
    first = _in_order(windows)
    last = [len(frames) - 1 - n if n is not None else None for n in _in_order(_backwards(windows, len(frames)))][::-1]
    side_by_side = _side_by_side(queue)
    for n, (m, place) in enumerate(zip(queue, first, strict=True)):
        if place is not None:
            m.packet = frames[place]
            m.exact = place == last[n] and n not in side_by_side
    _sent_later([m for m in queue if m.packet is None and m.side == "w"], frames, set(first))


def _window(m: Whole, times: list[int], error_ns: int) -> tuple[int, int]:
    """From which frame on, and before which, it may be: one that left during the call; one that had come before the
    call that took it returned, while there was the socket."""
    early = m.early_ns if m.side == "w" else m.since_ns
    return bisect_left(times, early - error_ns), bisect_left(times, m.late_ns + error_ns + 1)


def _sent_later(left: list[Whole], frames: list[Frame], taken: set[int | None]) -> None:
    """What had to wait in the queue of a device left after its call had returned."""
    free = [f for n, f in enumerate(frames) if n not in taken]
    for m in left:
        later = next((f for f in free if f.time_ns > m.late_ns), None)
        if later is not None:
            m.packet, m.exact = later, len(left) == len(free)
            free = free[free.index(later) + 1 :]


def _in_order(windows: list[tuple[int, int]]) -> list[int | None]:
    """Each the first that is free, behind the one before."""
    found: list[int | None] = []
    free = 0
    for low, high in windows:
        place = max(low, free)
        found.append(place if place < high else None)
        free = place + 1 if place < high else free
    return found


def _backwards(windows: list[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    return [(count - high, count - low) for low, high in reversed(windows)]


def _side_by_side(queue: list[Whole]) -> set[int]:
    """Messages of calls that ran at the same time: their order is not known."""
    found: set[int] = set()
    for n, m in enumerate(queue):
        before = n - 1
        while before >= 0 and queue[before].late_ns > m.early_ns:
            if queue[before].key[0] != m.key[0]:
                found |= {before, n}
            before -= 1
    return found


_COLUMNS = (
    ("call_id", "BIGINT"),
    ("message", "INTEGER"),
    ("side", "VARCHAR"),
    ("socket_id", "BIGINT"),
    ("packet_id", "BIGINT"),
    ("lo", "BIGINT"),
    ("size", "BIGINT"),
    ("filled", "VARCHAR"),
    ("peeked", "BOOLEAN"),
    ("exact", "BOOLEAN"),
    ("lag_ns", "BIGINT"),
)


def _row(m: Whole) -> Row:
    filled = str([at for part in m.filled for at in part])
    if m.packet is None:
        return *m.key, m.side, m.socket_id, None, None, m.size, filled, m.peeked, None, None
    low, _ = m.packet.places[m.begins]
    lag = m.packet.time_ns - m.early_ns if m.side == "w" else m.late_ns - m.packet.time_ns
    return *m.key, m.side, m.socket_id, m.packet.packet_id, low, m.size, filled, m.peeked, m.exact, lag


# What stands further behind than the bytes that were looked at has to be equal, too.
_UNEQUAL = f"""
UPDATE j_packet_call SET packet_id = NULL, lo = NULL, exact = NULL, lag_ns = NULL
WHERE (call_id, message, side) IN (
    WITH part AS (
        SELECT j.call_id, j.message, j.side, d.bytes, p.frame, greatest({KEY_BYTES} - d."offset", 0) AS low,
               least(octet_length(d.bytes), octet_length(p.frame) - j.lo - d."offset") AS high,
               j.lo + d."offset" AS place
        FROM j_packet_call j JOIN call_data d ON d.call_id = j.call_id AND d.idx // 65536 = j.message
        JOIN packet p USING (packet_id)
        WHERE j.size > {MOST_BYTES} AND d.role = 'payload' AND d.at_exit = (j.side = 'r')
    )
    SELECT call_id, message, side FROM part
    WHERE low < high AND bytes[low + 1:high] <> frame[place + low + 1:place + high])
"""  # noqa: S608 (numbers of this program)
_FILL = f"""
INSERT INTO packet_call
SELECT call_id, message, side, socket_id, packet_id, lo, size, filled::BIGINT[], peeked, exact,
       CASE WHEN packet_id IS NULL THEN '{UNSEEN}' WHEN NOT exact THEN '{EQUAL}' END, lag_ns
FROM j_packet_call ORDER BY call_id, message, side
"""  # noqa: S608 (text of this program)
