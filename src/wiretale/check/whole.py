"""The proof of what raw and packet sockets sent and took whole: bytes of the calls against bytes of the packets."""

from collections.abc import Iterator
from itertools import groupby

import duckdb
import numpy as np

from wiretale.light import dataclass


@dataclass(slots=True)
class WholeCheck:
    """What calls of one side carried whole, 'w' or 'r': messages and their bytes, and how much of it is proven.

    `compared` bytes were captured on both sides and are equal; `filled` ones the kernel wrote itself. `doubtful`
    messages have a packet with their bytes that is not the only one that it may be.
    """

    side: str
    messages: int = 0
    bytes: int = 0
    linked: int = 0
    linked_bytes: int = 0
    compared: int = 0
    filled: int = 0
    doubtful: int = 0


# A row for each piece of what a call carried that was kept, in order.
_PIECES = """
SELECT pc.call_id, pc.message, pc.side, pc.size, pc.lo, pc.filled, pc.exact, p.frame, d."offset", d.bytes
FROM packet_call pc LEFT JOIN packet p USING (packet_id)
LEFT JOIN call_data d ON d.call_id = pc.call_id AND d.idx // 65536 = pc.message AND d.role = 'payload'
    AND d.at_exit = (pc.side = 'r')
WHERE NOT pc.peeked
ORDER BY pc.call_id, pc.message, pc.side, d.idx, d."offset"
"""
_Row = tuple[int, int, str, int, int | None, list[int], bool | None, bytes | None, int, bytes | None]


def check_whole(db: duckdb.DuckDBPyConnection) -> tuple[tuple[WholeCheck, ...], list[str]]:
    """The figures of each side that there is, and what is wrong."""
    found: dict[str, WholeCheck] = {}
    wrong: list[str] = []
    for (call_id, _, side), group in groupby(_rows(db), key=lambda row: row[:3]):
        pieces = list(group)
        _, _, _, size, lo, filled, exact, frame, *_ = pieces[0]
        of = found.setdefault(side, WholeCheck(side))
        of.messages += 1
        of.bytes += size
        if lo is None or frame is None:
            continue
        of.linked += 1
        of.linked_bytes += size
        of.doubtful += exact is False
        compared, unequal = _compare(pieces, bytes(frame), lo, filled)
        of.compared += compared
        of.filled += min(sum(filled[1::2]) - sum(filled[::2]), size)
        if unequal:
            wrong.append(f"call {call_id}: {unequal} bytes differ from those of its packet")
    return tuple(found.values()), wrong


def _rows(db: duckdb.DuckDBPyConnection) -> Iterator[_Row]:
    rows = db.execute(_PIECES)
    while some := rows.fetchmany(1000):
        yield from some


def _compare(pieces: list[_Row], frame: bytes, lo: int, filled: list[int]) -> tuple[int, int]:
    """How many bytes are equal, and how many differ that the kernel did not write."""
    own = list(zip(filled[::2], filled[1::2], strict=True))
    equal = unequal = 0
    for *_, offset, data in pieces:
        if data is None:
            continue
        sent, seen = np.frombuffer(data, np.uint8), np.frombuffer(frame, np.uint8)[lo + offset :]
        size = min(len(sent), len(seen))
        same = sent[:size] == seen[:size]
        counts = np.ones(size, np.bool_)
        for low, high in own:
            counts[max(low - offset, 0) : max(high - offset, 0)] = False
        equal += int(np.count_nonzero(same & counts))
        unequal += int(np.count_nonzero(~same & counts))
    return equal, unequal
