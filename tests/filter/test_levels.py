"""One filter over calls, packets, processes, descriptors, connections, waits and links: the netcat experiment."""

import pytest

from tests.show.synthetic import CLIENT, SERVER, make
from wiretale.filter.compile import compile_filter
from wiretale.filter.events import EventKind
from wiretale.filter.fields.sysdig import SYNONYMS
from wiretale.filter.select import selecting
from wiretale.store.capture import open_capture


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    with open_capture(make(tmp_path_factory.mktemp("levels") / "c.wiretale")) as db:
        yield db


def found(db, text):
    """Names of calls and numbers of packets that match, in the order of time."""
    compiled = compile_filter(text)
    out = []
    for kind, column, time in ((EventKind.CALL, "c.name", "c.entry_ns"), (EventKind.PACKET, "p.number", "p.time_ns")):
        sql, parameters = selecting(
            compiled, kind, f"{column}, {time} AS sort_ns", *(["p.shown"] if column == "p.number" else [])
        )
        out += db.execute(sql, parameters).fetchall()
    return [name for name, _ in sorted(out, key=lambda row: row[1])]


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("link.packet == 4", ["write", 4, "read"]),
        ("link.call == 20", ["write", 4]),
        ("link.writer == 20", [4]),
        ("link.reader == 21", [4]),
        (f"proc.pid == {CLIENT} && call.failed == 1 && connection", ["connect"]),
        ("wait.latency > 100us", ["accept4"]),
        ('wait.ended_by == "packet" && wait.duration < 10ms', ["accept4"]),
        ('fd.name == "socket:[601]" && call', ["connect", "write"]),
        ("fd.inode == 601 && packet && frame.number < 3", [1, 2]),
        ("socket.listening == True && call", ["bind", "listen", "accept4"]),
        ('connection.role == "client" && packet', [1, 3, 4]),
        (
            "connection.client_port == 4444 && connection.server_addr == 127.0.0.0/8 && call.bytes > 0",
            ["write", "read"],
        ),
        ('fd.l4proto == "tcp" && evt.type == "write"', ["write"]),
        ("fd.lport == 4000 && evt.buflen == 6", ["read"]),
        ("fd.rip == 127.0.0.1 && evt.rawres == -115", ["connect"]),
        ('call.path == "/etc/ld.so.preload"', ["access", "access"]),
        ("count(call.path) == 1 && call.failed == false", ["openat", "openat"]),
        ("call.arg1 == 4444", []),
        ('proc.cmdline contains "-l" && call.name == "listen"', ["listen"]),
        (f"proc.pid == {SERVER} && tcp.len > 0 && packet", [4]),
        ("not packet and call.finished == false", ["poll"]),
        ("tcp.srcport == fd + 4441 && call.bytes", ["write"]),
        ("tcp.srcport == tcp.dstport - 444 && call.name == write", []),
        ("tcp.srcport == tcp.dstport + 444 && call.name == write", ["write"]),
        ('payload[0:3] == "sal" && len(payload) == 6', ["write", 4, "read"]),
        ("all tcp.port > 3999 && tcp.port != 4444 && call", []),
    ],
)
def test_one_filter_over_all_levels(capture, text, events):
    assert found(capture, text) == events


def test_signals_and_tasks_are_events_too(capture):
    for text, kind, count in (
        ("signal.number == 2", EventKind.SIGNAL, 1),
        (f"signal && proc.tid == {CLIENT}", EventKind.SIGNAL, 1),
        ('process && proc.end == "exited"', EventKind.TASK, 1),
        ("tcp", EventKind.TASK, 0),
    ):
        sql, parameters = selecting(compile_filter(text), kind, "1")
        assert len(capture.execute(sql, parameters).fetchall()) == count, text


@pytest.mark.parametrize("other", SYNONYMS)
def test_another_name_selects_the_same(capture, other):
    assert found(capture, other) == found(capture, SYNONYMS[other])


@pytest.mark.parametrize(
    "text", ["connection == 1", "tcp.stream == 0", "wait.duration > 1", "call.id == 1", "proc.exe == x"]
)
def test_what_only_the_whole_recording_tells_is_no_field_while_it_runs(text):
    with pytest.raises(Exception, match="only when everything has been recorded"):
        compile_filter(text, live=True)


@pytest.mark.parametrize(
    "text", ["tcp.port == 1", "call.name == write", "fd == 3", "payload contains x", "tcp.seq > 1"]
)
def test_the_rest_is(text):
    compile_filter(text.replace("x", '"x"'), live=True)
