"""Where entries occur: in the small capture written by hand, and in one row made for each case."""

import duckdb
import pytest

from tests.show.synthetic import insert, make
from wiretale.explain.entry import Entry, Kind
from wiretale.explain.load import entries
from wiretale.explain.lookup import entry_named
from wiretale.explain.occurrences import RowKind, occurrences, state_spans
from wiretale.explain.subjects import SUBJECTS
from wiretale.model.enums import Arch
from wiretale.model.tables import TABLES
from wiretale.store.capture import open_capture


def named(word: str) -> Entry:
    found = entry_named(word)
    assert found is not None
    return found


@pytest.fixture
def db(tmp_path):
    with open_capture(make(tmp_path / "c.wiretale")) as opened:
        yield opened


@pytest.fixture
def empty():
    """The tables of a capture, to be filled by the test."""
    made = duckdb.connect()
    for table in TABLES:
        made.execute(table.ddl)
    yield made
    made.close()


def totals(db: duckdb.DuckDBPyConnection, word: str, limit: int = 5) -> dict[str, int]:
    return {one.what: one.total for one in occurrences(db, named(word), limit) if one.total}


@pytest.mark.parametrize(("word", "found"), [
    ("accept4", {"calls": 1}), ("poll", {"calls": 2}), ("recvmsg", {}),
    ("EBADF", {"calls that failed with it": 1}), ("EINPROGRESS", {"calls that failed with it": 1}),
    ("SIGINT", {"deliveries": 1}), ("SIGTERM", {}),
    ("ESTABLISHED", {"spans in this state": 2}), ("LISTEN", {"spans in this state": 1}),
    ("SYN-SENT", {"spans in this state": 1}),
    ("TIME_WAIT", {}), ("SYN", {"segments": 2}), ("PSH", {"segments": 1}), ("RST", {}),
    ("POLLIN", {"calls of poll that asked for it": 2, "calls of poll that reported it": 1}), ("POLLHUP", {}),
    ("SOCK_NONBLOCK", {"calls that name it": 2}), ("SOCK_STREAM", {"calls that name it": 2}), ("SOCK_DGRAM", {}),
    ("AF_INET", {"calls that name it": 2}), ("IPPROTO_TCP", {"calls that name it": 2}), ("IPPROTO_UDP", {}),
    ("SO_REUSEADDR", {}), ("retransmission", {}), ("MSS", {}), ("handshake", {}),
])  # fmt: skip
def test_the_small_capture(db, word, found):
    assert totals(db, word) == found


def _call(empty: duckdb.DuckDBPyConnection, name: str, *args: int, arch: Arch = Arch.X86_64, **more: object) -> None:
    made = empty.execute("SELECT count(*) + 1 FROM call").fetchone()
    assert made is not None
    padded = (*args, 0, 0, 0, 0, 0, 0)[:6]
    insert(empty, "call", {"call_id": made[0], "name": name, "arch": int(arch), "entry_ns": made[0],
                           **{f"a{i}": a for i, a in enumerate(padded)}, **more})  # fmt: skip


def _data(empty: duckdb.DuckDBPyConnection, role: str, data: bytes, *, at_exit: bool = False) -> None:
    made = empty.execute("SELECT max(call_id) FROM call").fetchone()
    assert made is not None
    insert(empty, "call_data", {"call_id": made[0], "role": role, "bytes": data, "at_exit": at_exit})


def test_an_option_is_found_at_its_level_only(empty):
    _call(empty, "setsockopt", 3, 1, 2)  # SOL_SOCKET, SO_REUSEADDR
    _call(empty, "setsockopt", 3, 6, 2)  # SOL_TCP, TCP_MAXSEG
    _call(empty, "getsockopt", 3, 0xFFFFFFFF00000001, 2)  # the upper half of a register is no part of an int
    assert totals(empty, "SO_REUSEADDR") == {"calls that set it": 1, "calls that asked for it": 1}
    assert totals(empty, "TCP_MAXSEG") == {"calls that set it": 1}


def test_an_option_of_two_levels_or_numbers_is_found_at_both(empty):
    for level in (0, 41):
        _call(empty, "setsockopt", 3, level, 42)
    for number in (20, 66):
        _call(empty, "setsockopt", 3, 1, number)
    assert totals(empty, "MCAST_JOIN_GROUP") == {"calls that set it": 2}
    assert totals(empty, "SO_RCVTIMEO") == {"calls that set it": 2}


def test_an_error_is_found_where_a_program_read_it_later(empty):
    _call(empty, "getsockopt", 3, 1, 4)
    _data(empty, "optval", (111).to_bytes(4, "little"), at_exit=True)
    _call(empty, "getsockopt", 3, 1, 4)
    _data(empty, "optval", bytes(4), at_exit=True)
    assert totals(empty, "ECONNREFUSED") == {"calls that read it as SO_ERROR": 1}


def test_flags_are_found_in_the_argument_that_holds_them(empty):
    _call(empty, "recvfrom", 3, 0, 10, 2)  # MSG_PEEK
    _call(empty, "recvfrom", 3, 0, 2, 0)  # a length of 2
    _call(empty, "recvmsg", 3, 0, 0x42)  # MSG_PEEK|MSG_DONTWAIT
    assert totals(empty, "MSG_PEEK") == {"calls that name it": 2}
    _call(empty, "fcntl", 3, 4, 0x800)  # F_SETFL, O_NONBLOCK
    _call(empty, "fcntl", 3, 0, 0x800)  # F_DUPFD, not below 2048
    assert totals(empty, "O_NONBLOCK") == {"calls that name it": 1}
    _call(empty, "shutdown", 3, 1)
    assert totals(empty, "SHUT_WR") == {"calls that name it": 1}


@pytest.mark.parametrize(("arch", "gap"), [(Arch.X86_64, 0), (Arch.AARCH64, 4)])
def test_epoll_events_are_found_in_any_element(empty, arch, gap):
    edge = (1 << 31 | 1).to_bytes(4, "little") + bytes(gap + 8)
    _call(empty, "epoll_ctl", 5, 1, 4, arch=arch)
    _data(empty, "struct", edge)
    first, second = (1).to_bytes(4, "little") + bytes(gap + 8), (0x2010).to_bytes(4, "little") + bytes(gap + 8)
    _call(empty, "epoll_wait", 5, arch=arch)
    _data(empty, "array", first + second, at_exit=True)
    assert totals(empty, "EPOLLET") == {"calls of epoll_ctl that asked for it": 1}
    assert totals(empty, "POLLRDHUP") == {"calls of epoll_wait that reported it": 1}
    assert totals(empty, "POLLHUP") == {"calls of epoll_wait that reported it": 1}
    assert totals(empty, "POLLOUT") == {}


@pytest.mark.parametrize(("arch", "word"), [(Arch.X86_64, 8), (Arch.I386, 4)])
def test_control_messages_are_found_behind_others_and_never_in_their_data(empty, arch, word):
    def control(kind, data):
        header = (
            (word + 8 + len(data)).to_bytes(word, "little") + (1).to_bytes(4, "little") + kind.to_bytes(4, "little")
        )
        return header + data + bytes(-len(data) % word)

    inner = control(1, b"\7\0\0\0")  # the credentials look like descriptors
    _call(empty, "sendmsg", 3, arch=arch)
    _data(empty, "control", control(2, inner + bytes(3)) + control(4, b"\5\0\0\0"))
    _call(empty, "recvmsg", 4, arch=arch)
    _data(empty, "control", control(2, b"1") + inner, at_exit=True)
    _data(empty, "control", b"\0" * 5, at_exit=True)
    assert totals(empty, "SCM_RIGHTS") == {"messages received with it": 1}
    assert totals(empty, "SCM_PIDFD") == {"messages sent with it": 1}
    assert totals(empty, "SCM_CREDENTIALS") == {"messages sent with it": 1, "messages received with it": 1}


def test_poll_events_that_were_asked_for_are_not_those_that_were_reported(empty):
    fd, asked, given = (4).to_bytes(4, "little"), b"\1\0", b"\x10\x20"  # POLLIN; POLLHUP|POLLRDHUP
    _call(empty, "poll", 1, 2)
    _data(empty, "array", (fd + bytes(4)) + (fd + asked + bytes(2)))
    _data(empty, "array", (fd + bytes(4)) + (fd + asked + given), at_exit=True)
    assert totals(empty, "POLLIN") == {"calls of poll that asked for it": 1}
    assert totals(empty, "POLLHUP") == totals(empty, "POLLRDHUP") == {"calls of poll that reported it": 1}


@pytest.mark.parametrize(("word", "column", "value"), [
    ("MSS", "mss", 1460), ("WSCALE", "wscale", 7), ("SACK_PERM", "sack_permitted", True), ("TIMESTAMPS", "tsval", 1),
    ("SACK", "sack", [1, 2]), ("FIN", "flags", 0x11), ("CWR", "flags", 0x80),
])  # fmt: skip
def test_header_fields_are_found_in_segments(empty, word, column, value):
    insert(empty, "packet", {"packet_id": 1, "time_ns": 1, "shown": True, "ip_protocol": 6, "flags": 0, column: value})
    insert(empty, "packet", {"packet_id": 2, "time_ns": 2, "shown": False, "ip_protocol": 6, "flags": 0, column: value})
    assert sum(totals(empty, word).values()) == 1


def test_findings_of_the_analysis_are_found(empty):
    insert(empty, "packet", {"packet_id": 1, "time_ns": 1, "shown": True})
    insert(empty, "segment", {"packet_id": 1, "analysis": ["retransmission", "fast_retransmission"]})
    assert totals(empty, "fast_retransmission") == {"segments": 1}
    assert totals(empty, "zero_window") == {}


def test_all_are_counted_and_the_first_are_named(empty):
    for _ in range(9):
        _call(empty, "listen", 3, 1)
    found = occurrences(empty, named("listen"), 3)[0]
    assert (found.kind, found.total, [row.id for row in found.first]) == (RowKind.CALL, 9, [1, 2, 3])
    assert found.filter == 'call.name == "listen"'
    assert occurrences(empty, named("listen"), 0)[0].first == ()
    assert occurrences(empty, named("listen"), 0)[0].total == 9


def test_a_state_says_who_was_in_it_and_why(db):
    found = occurrences(db, named("LISTEN"), 5)[0]
    span = state_spans(db, found.first)[0]
    assert (span.state, span.comm, span.pid, span.fd, span.to_ns) == ("LISTEN", "nc", 4019, 3, None)
    client = state_spans(db, occurrences(db, named("SYN_SENT"), 5)[0].first)[0]
    assert (client.role, client.addr, client.port, client.connection_id) == ("client", "127.0.0.1", 4444, 1)


def test_other_programs_are_left_out_as_in_show(db):
    db.execute("CREATE TEMP TABLE tcp_state AS SELECT * FROM tcp_state")
    db.execute("INSERT INTO temp.tcp_state (socket_id, state, from_ns) VALUES (99, 'LISTEN', 1)")
    found = occurrences(db, named("LISTEN"), 5)[0]
    assert found.total == 1


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_entry_can_be_looked_for(empty, subject):
    for entry in entries(subject).values():
        found = occurrences(empty, entry, 1)
        assert all(one.total == 0 and one.first == () for one in found)
        assert (
            found or entry.kind in (Kind.TOPIC, Kind.CONSTANT, Kind.FUNCTION) or entry.name in ("TFO", "NOP", "EOL")
        ), entry.name


def test_the_filters_are_filters(empty):
    from wiretale.filter.compile import compile_filter

    filters = [
        one.filter
        for subject in SUBJECTS
        for entry in entries(subject).values()
        for one in occurrences(empty, entry, 1)
        if one.filter
    ]
    assert len(filters) > 100
    for text in filters:
        compile_filter(text)


def test_a_function_occurs_where_its_tracepoint_was_passed(empty):
    empty.execute("INSERT INTO kernel_event (event_id, time_ns, name) VALUES (1, 5, 'sock:inet_sock_set_state')")
    empty.execute("INSERT INTO kernel_event (event_id, time_ns, name) VALUES (2, 6, 'tcp:tcp_probe')")
    (found,) = occurrences(empty, named("inet_sock_set_state"), 5)
    assert found.kind is RowKind.KERNEL
    assert [row.id for row in found.first] == [1]
    assert found.filter == 'kernel.function == "inet_sk_state_store"'
    assert occurrences(empty, named("tcp_ack"), 5) == ()
