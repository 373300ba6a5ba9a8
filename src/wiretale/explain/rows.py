"""The rows a story is told from, fetched in bulk by their ids: a few queries a story, never one a step."""

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

import duckdb

from wiretale.decode.calls import decode_call
from wiretale.decode.icmp_names import icmp_type_name
from wiretale.decode.record_types import Datum, DecodedCall, RawCall
from wiretale.explain.story import Ref
from wiretale.light import dataclass, field

SHOWN_BYTES = 48  # of payload in a text
FEW_CALLS = 2000  # all calls of such a capture are fetched at once: that takes no longer than a handful of them
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
_FLAG_NAMES = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"), (ACK, "ACK"))


@dataclass(frozen=True, slots=True)
class Call:
    """One call with what it carried. `exit_ns` is None while it has not returned."""

    call_id: int
    task_id: int | None
    pid: int
    tid: int
    name: str
    fd: int | None
    retval: int | None
    errno: int | None
    entry_ns: int
    start_ns: int
    exit_ns: int | None
    raw: RawCall
    decoded: list[DecodedCall] = field(default_factory=list, compare=False)

    @property
    def words(self) -> DecodedCall:
        """The call decoded, once."""
        if not self.decoded:
            self.decoded.append(decode_call(self.raw, string_limit=SHOWN_BYTES))
        return self.decoded[0]

    @property
    def text(self) -> str:
        """As strace writes it."""
        return self.words.text

    @property
    def ref(self) -> Ref:
        """The row."""
        return Ref("call", self.call_id, f"call {self.call_id}")

    @property
    def took_ns(self) -> int | None:
        """From the moment the kernel was let go on with it to its return."""
        return None if self.exit_ns is None else self.exit_ns - self.start_ns

    @property
    def failed(self) -> bool:
        """It returned an error."""
        return self.errno is not None

    def argument(self, name: str) -> str:
        """The text of one argument; empty if it has none of that name."""
        return next((a.text for a in self.words.args if a.name == name), "")

    def payload(self) -> bytes:
        """The captured bytes of its payload, as far as they follow each other from the first."""
        found = bytearray()
        for datum in sorted((d for d in self.raw.data if d.role == "payload"), key=lambda d: d.offset):
            if datum.offset != len(found):
                break
            found += datum.bytes
        return bytes(found[: self.retval]) if self.retval is not None and self.retval >= 0 else bytes(found)

    def address(self) -> bytes:
        """The socket address it was given or gave; empty if none was recorded."""
        found = [d for d in self.raw.data if d.role == "sockaddr" and d.bytes]
        return found[-1].bytes if found else b""

    def holds(self, time_ns: int, error_ns: int = 0) -> bool:
        """Whether that moment lies inside the call, give or take the clock error."""
        return self.start_ns - error_ns <= time_ns and (self.exit_ns is None or time_ns <= self.exit_ns + error_ns)


# All calls of a small capture that is being told. A capture that is open does not change.
_kept: WeakKeyDictionary[duckdb.DuckDBPyConnection, dict[int, Call]] = WeakKeyDictionary()
_WANTED = " WHERE call_id IN (SELECT unnest(?))"


def keep_few(db: duckdb.DuckDBPyConnection) -> None:
    """If the capture has few calls, fetch them all now, so that `calls` asks no more as long as `db` is open."""
    row = db.execute("SELECT count(*) FROM call").fetchone()
    if row is not None and row[0] <= FEW_CALLS:
        _kept[db] = _fetch(db, None)


def call_data(
    db: duckdb.DuckDBPyConnection, condition: str = "", parameters: Sequence[object] = ()
) -> dict[int, list[Datum]]:
    """What calls carried, by call, in the order it was copied. `condition`: of which calls, a WHERE on call_id."""
    data: dict[int, list[Datum]] = {}
    for call_id, *rest in db.execute(
        'SELECT call_id, at_exit, role, arg, idx, address, "offset", full_bytes, error, bytes FROM call_data'  # noqa: S608 (fixed text)
        f"{condition} ORDER BY call_id, rowid",
        parameters,
    ).fetchall():
        at_exit, role, arg, idx, address, offset, full, error, captured = rest
        datum = Datum(bool(at_exit), role, arg, idx, address or 0, offset or 0, full or 0, error or 0, captured or b"")
        data.setdefault(call_id, []).append(datum)
    return data


def calls(db: duckdb.DuckDBPyConnection, wanted: Iterable[int]) -> dict[int, Call]:
    """Calls by id."""
    ids = sorted(set(wanted))
    if not ids:
        return {}
    kept = _kept.get(db)
    return {i: kept[i] for i in ids if i in kept} if kept is not None else _fetch(db, ids)


def _fetch(db: duckdb.DuckDBPyConnection, ids: list[int] | None) -> dict[int, Call]:
    """Calls by id; None: all."""
    which: tuple[str, list[object]] = ("", []) if ids is None else (_WANTED, [ids])
    data = call_data(db, *which)
    found = db.execute(
        "SELECT call_id, task_id, pid, tid, name, fd, retval, errno, entry_ns, start_ns, exit_ns, arch,"  # noqa: S608
        f" a0, a1, a2, a3, a4, a5 FROM call{which[0]}",
        which[1],
    ).fetchall()
    result = {}
    for row in found:
        call_id, task_id, pid, tid, name, fd, retval, errno, entry, start, end, arch, *args = row
        raw = RawCall(name or "?", arch or 0, tuple(a or 0 for a in args), retval, errno, tuple(data.get(call_id, ())))
        begun = entry if entry is not None else start or 0
        result[call_id] = Call(
            call_id, task_id, pid or 0, tid or 0, name or "?", fd, retval, errno, begun,
            start if start is not None else begun, end, raw,
        )  # fmt: skip
    return result


@dataclass(frozen=True, slots=True)
class Packet:
    """One shown packet of a connection. `lo` and `hi` are its bytes' positions in the stream, None if unknown."""

    packet_id: int
    number: int
    time_ns: int
    connection_id: int
    direction: str
    flags: int
    rel_seq: int | None
    rel_ack: int | None
    lo: int | None
    hi: int | None
    payload_bytes: int
    window: int | None
    mss: int | None
    wscale: int | None
    sack_permitted: bool
    analysis: tuple[str, ...]
    seq: int | None
    payload: bytes
    icmp: tuple[int, int] | None = None  # IP version and ICMP type
    sender: str = ""  # the address it came from

    @property
    def ref(self) -> Ref:
        """The row."""
        return Ref("packet", self.packet_id, f"packet {self.number}")

    @property
    def flag_text(self) -> str:
        """`SYN, ACK`; `datagram` for UDP; what an ICMP message is."""
        if self.icmp is not None:
            return icmp_type_name(*self.icmp)
        return ", ".join(name for bit, name in _FLAG_NAMES if self.flags & bit) if self.flags else "datagram"

    @property
    def is_tcp(self) -> bool:
        """Whether it is a segment."""
        return bool(self.flags)


_PACKETS = """
SELECT p.packet_id, p.number, p.time_ns, g.connection_id, g.direction, p.flags, g.rel_seq, g.rel_ack, g.lo, g.hi,
    p.payload_bytes, g.scaled_window, p.mss, p.wscale, p.sack_permitted, g.analysis, p.seq,
    p.frame[p.payload_offset + 1 : p.payload_offset + 64], p.ip_version, p.icmp_type,
    coalesce(p.src, '')
FROM segment g JOIN packet p USING (packet_id) WHERE g.shown AND p.number IS NOT NULL AND {condition}
ORDER BY p.packet_id"""


def packets(db: duckdb.DuckDBPyConnection, condition: str, parameters: list[object]) -> list[Packet]:
    """Shown packets of connections that satisfy `condition` (of this module's callers, never of a user)."""
    return [
        Packet(
            i, n, t, c, d or "", f or 0, seq, ack, lo, hi, size or 0, win, mss, ws, bool(sack), tuple(an or ()),
            raw_seq, data or b"", None if kind is None else (ip, kind), src,
        )
        for i, n, t, c, d, f, seq, ack, lo, hi, size, win, mss, ws, sack, an, raw_seq, data, ip, kind, src
        in db.execute(_PACKETS.format(condition=condition), parameters).fetchall()
    ]  # fmt: skip
