"""Where an entry occurs in a capture: for each kind of entry the rows it can be seen in, as conditions of SQL.

What a call was asked with is found by the same tables that decode it: an argument that holds a constant names its
table in `decode/syscalls`, so no list of calls stands here.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum

import duckdb

from wiretale.decode.constants.tables import ERRORS, TABLES
from wiretale.decode.syscalls import CALLS, Arg
from wiretale.decode.syscalls import Kind as ArgKind
from wiretale.explain.entry import Entry, Kind
from wiretale.explain.subjects import SUBJECTS
from wiretale.filter.events import EventKind, source
from wiretale.filter.fields import BY_NAME
from wiretale.filter.own_packets import OWN_PACKETS, traces_connections
from wiretale.filter.tables import with_all_tables
from wiretale.light import dataclass
from wiretale.model.enums import Arch
from wiretale.model.kernel_ring import KINDS

Parameters = tuple[int | str | bytes, ...]
LOW_32_BITS = 0xFFFFFFFF  # an int argument's register; the upper half is not part of it


class RowKind(StrEnum):
    """The table that the rows of an occurrence are in."""

    CALL = "call"
    PACKET = "packet"
    SIGNAL = "signal"
    STATE = "tcp_state"
    KERNEL = "kernel_event"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its time, and its call_id, packet_id, event_id or row number (of signal and tcp_state)."""

    time_ns: int
    id: int


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One way in which the entry occurs. `filter` shows all of them in `wiretale show`; "" if the language cannot."""

    what: str
    kind: RowKind
    total: int
    first: tuple[Row, ...]
    filter: str = ""


@dataclass(frozen=True, slots=True)
class _Search:
    """Rows to look for: a condition over the aliases of `filter.events`."""

    what: str
    kind: RowKind
    condition: str
    parameters: Parameters = ()
    filter: str = ""


_FROM = {
    RowKind.CALL: (source(EventKind.CALL, "t."), "c.entry_ns", "c.call_id"),
    RowKind.PACKET: (source(EventKind.PACKET, "g. i."), "p.time_ns", "p.packet_id"),
    RowKind.SIGNAL: (source(EventKind.SIGNAL, "t."), "s.time_ns", "s.rowid"),
    RowKind.STATE: ("tcp_state x", "x.from_ns", "x.rowid"),
    RowKind.KERNEL: (source(EventKind.KERNEL, "e."), "e.time_ns", "e.event_id"),
}


# Other programs' rows are left out, as `show` does: by the connection, or by who held the listening socket.
_OWN_STATES = (
    "(x.connection_id IN (SELECT connection_id FROM endpoint WHERE pid IS NOT NULL) OR x.connection_id IS NULL"
    " AND x.socket_id IN (SELECT s.socket_id FROM socket s JOIN descriptor d USING (file_id)))"
)


def occurrences(db: duckdb.DuckDBPyConnection, entry: Entry, limit: int) -> tuple[Occurrence, ...]:
    """Where `entry` occurs: every way there is to look for it, those without a row too; `limit` rows of each."""
    with_all_tables(db)
    own = {RowKind.PACKET: "p.shown"}
    if traces_connections(db):
        own = {RowKind.PACKET: OWN_PACKETS, RowKind.STATE: _OWN_STATES}
    return tuple(_found(db, search, own.get(search.kind, "TRUE"), limit) for search in _SEARCHES[entry.kind](entry))


def _found(db: duckdb.DuckDBPyConnection, search: _Search, own: str, limit: int) -> Occurrence:
    rows, time, identity = _FROM[search.kind]
    found = db.execute(
        f"SELECT {time}, {identity}, count(*) OVER () FROM {rows} WHERE ({search.condition}) AND {own}"  # noqa: S608 (built from fixed text; values are parameters)
        " ORDER BY 1, 2 LIMIT ?",
        [*search.parameters, max(1, limit)],
    ).fetchall()
    total = int(found[0][2]) if found else 0
    first = tuple(Row(int(r[0]), int(r[1])) for r in found[:limit])
    return Occurrence(search.what, search.kind, total, first, search.filter)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _of_call(entry: Entry) -> Iterator[_Search]:
    names = (entry.name, *entry.aliases)
    marks = ", ".join("?" * len(names))
    listed = ", ".join(_quoted(name) for name in names)
    shown = f"call.name in {{{listed}}}" if entry.aliases else f"call.name == {listed}"
    yield _Search("calls", RowKind.CALL, f"c.name IN ({marks})", names, shown)


_LEVEL_OF_TABLE = {"so": "SOL_SOCKET", "ip": "SOL_IP", "ipv6": "SOL_IPV6", "tcp": "SOL_TCP", "udp": "SOL_UDP"}
_LEVEL_NUMBERS = {name: number for number, name in TABLES["sockopt_level"].items()}


def _of_option(entry: Entry) -> Iterator[_Search]:
    parts: list[str] = []
    parameters: list[int] = []
    for table, level in _LEVEL_OF_TABLE.items():
        found = [n for n, name in TABLES[table].items() if name in (entry.name, *entry.aliases)]
        if found:
            marks = ", ".join("?" * len(found))
            parts.append(f"c.a1 & {LOW_32_BITS} = ? AND c.a2 & {LOW_32_BITS} IN ({marks})")
            parameters += [_LEVEL_NUMBERS[level], *found]
    either = " OR ".join(f"({part})" for part in parts)
    for name, what in (("setsockopt", "calls that set it"), ("getsockopt", "calls that asked for it")):
        yield _Search(what, RowKind.CALL, f"c.name = '{name}' AND ({either})", tuple(parameters))


_IP_FAMILIES = ", ".join(str(n) for n, name in TABLES["family"].items() if name in ("AF_INET", "AF_INET6"))


def _argument_condition(position: int, arg: Arg, table: str, value: int) -> str | None:
    """The condition that an argument which holds constants of `table` holds `value`."""
    register = f"c.a{position} & {LOW_32_BITS}"
    if arg.constants == "socket_type":  # the kind in the low four bits, flags above (include/linux/net.h)
        if table == "socket_kind":
            return f"{register} & 15 = {value}"
        return f"{register} & {value} = {value}" if table == "socket_flags" else None
    if arg.constants == "protocol" and table == "ip_protocol" and value:  # third argument of socket(), by the family
        return f"{register} = {value} AND c.a0 & {LOW_32_BITS} IN ({_IP_FAMILIES})"
    if arg.constants != table:
        return None
    if arg.kind is ArgKind.FLAGS:
        return f"{register} & {value} = {value}" if value else None
    return f"{register} = {value & LOW_32_BITS}" if arg.kind is ArgKind.ENUM else None


def _calls_with(table: str, value: int) -> Iterator[str]:
    """Conditions for all calls that take this constant, arguments that depend on a command included."""
    for call in CALLS.values():
        for position, arg in enumerate(call.args):
            condition = _argument_condition(position, arg, table, value)
            if condition:
                yield f"c.name = '{call.name}' AND {condition}"
        for command, args in call.variants.items():
            asked = f"c.name = '{call.name}' AND c.a{call.variant_arg} & {LOW_32_BITS} = {command}"
            for position, arg in enumerate(args):
                condition = _argument_condition(position, arg, table, value)
                if condition and (position >= len(call.args) or arg != call.args[position]):
                    yield f"{asked} AND {condition}"


def _of_constant(entry: Entry) -> Iterator[_Search]:
    conditions = {
        condition
        for table in SUBJECTS[entry.subject].tables
        for value, name in TABLES[table].items()
        if name in (entry.name, *entry.aliases)
        for condition in _calls_with(table, value)
    }
    if conditions:
        either = " OR ".join(f"({c})" for c in sorted(conditions))
        yield _Search("calls that name it", RowKind.CALL, either)
    for value, name in TABLES["scm"].items():
        if name in (entry.name, *entry.aliases):
            yield _of_control("messages sent with it", value, at_exit=False)
            yield _of_control("messages received with it", value, at_exit=True)


# Control messages lie behind each other: struct cmsghdr {size_t len; int level; int type}, whose length counts the
# header, the next one at the next whole size_t (linux/socket.h CMSG_ALIGN). Numbers are little-endian.
_CONTROL = f"""c.call_id IN (
WITH RECURSIVE raw AS (
    SELECT d.call_id, hex(d.bytes) AS digits, octet_length(d.bytes) AS bytes,
           CASE WHEN k.arch IN ({int(Arch.X86_64)}, {int(Arch.AARCH64)}) THEN 8 ELSE 4 END AS word
    FROM call_data d JOIN call k USING (call_id) WHERE d.role = 'control' AND d.at_exit = ?
),
header AS (
    SELECT *, 0 AS place FROM raw
    UNION ALL
    SELECT call_id, digits, bytes, word, place + (length_of(digits, place) + word - 1) // word * word FROM header
    WHERE length_of(digits, place) >= word + 8 AND place + length_of(digits, place) + word + 8 <= bytes
)
SELECT call_id FROM header WHERE digits[2 * (place + word) + 1 : 2 * (place + word) + 16] = ?)"""  # noqa: S608 (numbers)
_DIGITS = " || ".join(
    f"digits[2 * place + {n} : 2 * place + {n + 1}]" for n in (7, 5, 3, 1)
)  # of 32 bits, little-endian
_LENGTH = f"CAST('0x' || {_DIGITS} AS BIGINT)"


def _of_control(what: str, kind: int, *, at_exit: bool) -> _Search:
    """Messages with a control message of the level SOL_SOCKET and a type."""
    wanted = (_LEVEL_NUMBERS["SOL_SOCKET"].to_bytes(4, "little") + kind.to_bytes(4, "little")).hex().upper()
    condition = _CONTROL.replace("length_of(digits, place)", _LENGTH)
    return _Search(what, RowKind.CALL, condition, (at_exit, wanted))


# Elements of an array as two digits a byte: struct pollfd is {int fd; short events; short revents}
# (asm-generic/poll.h), struct epoll_event {u32 events; u64 data}, without a gap on x86 (linux/eventpoll.h).
def _any_element(size: str, offset: int, width: int) -> str:
    """The bits that are set in any element: `width` little-endian bytes at `offset` of each `size` bytes of d.bytes."""
    byte = "CAST('0x' || hex(d.bytes)[{start} : {start} + 1] AS UBIGINT)"
    parts = " | ".join(
        f"({byte.format(start=f'2 * (i * {size} + {offset + k}) + 1')} << {8 * k})" for k in range(width)
    )
    count = f"octet_length(d.bytes) // {size}"
    return f"list_bool_or([({parts}) & ? <> 0 FOR i IN range({count})])"


_EPOLL_SIZE = f"(CASE WHEN c.arch IN ({int(Arch.X86_64)}, {int(Arch.I386)}) THEN 12 ELSE 16 END)"
_POLL_NAMES = ("poll", "ppoll", "ppoll_time64")
_EPOLL_WAIT_NAMES = ("epoll_wait", "epoll_pwait", "epoll_pwait2")


def _data_search(what: str, names: tuple[str, ...], piece: tuple[str, bool], test: str, bit: int) -> _Search:
    """Calls whose piece of memory, named by its role and whether it was read at the exit, passes `test`."""
    marks = ", ".join("?" * len(names))
    condition = (
        f"c.name IN ({marks}) AND EXISTS (SELECT 1 FROM call_data d WHERE d.call_id = c.call_id AND d.role = ?"  # noqa: S608 (built from fixed text; values are parameters)
        f" AND d.at_exit = ? AND {test})"
    )
    return _Search(what, RowKind.CALL, condition, (*names, *piece, bit))


def _of_event(entry: Entry) -> Iterator[_Search]:
    names = (entry.name, *entry.aliases)
    poll = next((n for n, name in TABLES["poll"].items() if name in names), 0)
    epoll = next((n for n, name in TABLES["epoll"].items() if name in names), 0)
    if poll:
        asked, given = _any_element("8", 4, 2), _any_element("8", 6, 2)
        yield _data_search("calls of poll that asked for it", _POLL_NAMES, ("array", False), asked, poll)
        yield _data_search("calls of poll that reported it", _POLL_NAMES, ("array", True), given, poll)
    if epoll:
        test = _any_element(_EPOLL_SIZE, 0, 4)
        yield _data_search("calls of epoll_ctl that asked for it", ("epoll_ctl",), ("struct", False), test, epoll)
        yield _data_search("calls of epoll_wait that reported it", _EPOLL_WAIT_NAMES, ("array", True), test, epoll)


_SO_ERROR = 4  # asm-generic/socket.h


def _of_error(entry: Entry) -> Iterator[_Search]:
    number = next(n for n, row in ERRORS.items() if row[0] == entry.name)
    yield _Search("calls that failed with it", RowKind.CALL, "c.errno = ?", (number,), f"call.error == {entry.name}")
    value = number.to_bytes(4, "little")
    condition = (
        f"c.name = 'getsockopt' AND c.a1 & {LOW_32_BITS} = {_LEVEL_NUMBERS['SOL_SOCKET']}"  # noqa: S608 (fixed text)
        f" AND c.a2 & {LOW_32_BITS} = {_SO_ERROR} AND EXISTS (SELECT 1 FROM call_data d WHERE d.call_id = c.call_id"
        " AND d.role = 'optval' AND d.at_exit AND d.bytes = ?)"
    )
    yield _Search("calls that read it as SO_ERROR", RowKind.CALL, condition, (value,))


def _of_signal(entry: Entry) -> Iterator[_Search]:
    yield _Search("deliveries", RowKind.SIGNAL, "s.name = ?", (entry.name,), f'signal.name == "{entry.name}"')


def _of_state(entry: Entry) -> Iterator[_Search]:
    yield _Search("spans in this state", RowKind.STATE, "x.state = ?", (entry.name.replace("_", "-"),))


# RFC 9293 3.1 (AE: RFC 9768), as bits of packet.flags; the field of the filter language, if it has one
_TCP_FLAGS = {
    "FIN": (0x01, "fin"), "SYN": (0x02, "syn"), "RST": (0x04, "reset"), "PSH": (0x08, "push"), "ACK": (0x10, "ack"),
    "URG": (0x20, "urg"), "ECE": (0x40, "ece"), "CWR": (0x80, "cwr"), "AE": (0x100, ""),
}  # fmt: skip


def _of_flag(entry: Entry) -> Iterator[_Search]:
    bit, field = _TCP_FLAGS[entry.name]
    test = f"p.ip_protocol = 6 AND p.flags & {bit} <> 0"
    yield _Search("segments", RowKind.PACKET, test, (), f"tcp.flags.{field} == 1" if field else "")


_HEADER_OPTIONS = {
    "MSS": ("p.mss IS NOT NULL", "tcp.options.mss_val"),
    "WSCALE": ("p.wscale IS NOT NULL", "tcp.options.wscale.shift"),
    "SACK_PERM": ("p.sack_permitted", ""),
    "SACK": ("p.sack IS NOT NULL", ""),
    "TIMESTAMPS": ("p.tsval IS NOT NULL", "tcp.options.timestamp.tsval"),
}


def _of_header_option(entry: Entry) -> Iterator[_Search]:
    if entry.name in _HEADER_OPTIONS:
        test, field = _HEADER_OPTIONS[entry.name]
        yield _Search("segments that carry it", RowKind.PACKET, f"p.ip_protocol = 6 AND {test}", (), field)


def _of_analysis(entry: Entry) -> Iterator[_Search]:
    test = "list_contains(g.analysis, ?)"
    field = f"tcp.analysis.{entry.name}"
    yield _Search("segments", RowKind.PACKET, test, (entry.name,), field if field in BY_NAME else "")


def _of_function(entry: Entry) -> Iterator[_Search]:
    """Of the kernel's functions those occur in a capture that pass a tracepoint of the kernel level."""
    names = tuple(kind.name for kind in KINDS if kind.where.partition(",")[0] == entry.name)
    if names:
        test = f"e.name IN ({', '.join('?' * len(names))})"
        said = f"events of the kernel in it ({', '.join(name.partition(':')[2] for name in names)})"
        yield _Search(said, RowKind.KERNEL, test, names, f'kernel.function == "{entry.name}"')


def _of_topic(_entry: Entry) -> Iterator[_Search]:
    """A topic is about how things go together: the entries it names occur, it does not."""
    return iter(())


_SEARCHES: dict[Kind, Callable[[Entry], Iterator[_Search]]] = {
    Kind.CALL: _of_call,
    Kind.OPTION: _of_option,
    Kind.CONSTANT: _of_constant,
    Kind.MESSAGE_FLAG: _of_constant,
    Kind.EVENT: _of_event,
    Kind.ERROR: _of_error,
    Kind.SIGNAL: _of_signal,
    Kind.STATE: _of_state,
    Kind.FLAG: _of_flag,
    Kind.HEADER_OPTION: _of_header_option,
    Kind.ANALYSIS: _of_analysis,
    Kind.FUNCTION: _of_function,
    Kind.TOPIC: _of_topic,
}


@dataclass(frozen=True, slots=True)
class StateSpan:
    """One span of a TCP endpoint in a state, with what caused it and who had it."""

    state: str
    from_ns: int
    to_ns: int | None
    role: str | None
    addr: str | None
    port: int | None
    pid: int | None
    comm: str | None
    fd: int | None
    connection_id: int | None
    packet_number: int | None
    call_id: int | None
    inferred: bool


def state_spans(db: duckdb.DuckDBPyConnection, rows: tuple[Row, ...]) -> list[StateSpan]:
    """The spans behind rows of `tcp_state`, in order of time."""
    found = db.execute(
        """
        SELECT x.state, x.from_ns, x.to_ns, e.role, e.addr, e.port, coalesce(e.pid, d.pid),
               (SELECT any_value(t.comm ORDER BY t.start_ns DESC) FROM task t WHERE t.pid = coalesce(e.pid, d.pid)),
               coalesce(e.fd, d.fd), x.connection_id, p.number, x.call_id, x.inferred
        FROM tcp_state x
        LEFT JOIN endpoint e USING (endpoint_id)
        LEFT JOIN socket s ON s.socket_id = x.socket_id
        LEFT JOIN (
            SELECT file_id, arg_min(pid, from_ns) AS pid, arg_min(fd, from_ns) AS fd FROM descriptor GROUP BY 1
        ) d ON d.file_id = s.file_id
        LEFT JOIN packet p ON p.packet_id = x.packet_id
        WHERE x.rowid IN (SELECT unnest(?)) ORDER BY x.from_ns, x.rowid""",
        [[row.id for row in rows]],
    ).fetchall()
    return [StateSpan(*row) for row in found]
