"""The kernel's steps in the one list with calls and packets, and in filters."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.show.synthetic import CLIENT, SERVER, US, insert, make
from wiretale.cli import run
from wiretale.errors import Exit, UsageFault
from wiretale.filter.compile import compile_filter
from wiretale.filter.events import EventKind
from wiretale.filter.select import selecting
from wiretale.filter.tables import with_all_tables
from wiretale.model.kernel_ring import KINDS

WRITE = 20  # the client's, whose bytes packet 4 carries
PORTS = {"family": 2, "protocol": 6, "src": "127.0.0.1", "dst": "127.0.0.1", "srcport": 4444, "dstport": 4000}
# after the write began, name, context, softirq, tid, other_tid, packet, fields
EVENTS: tuple[tuple[int, str, str, str | None, int, int | None, bool, dict[str, Any]], ...] = (
    (5, "net:net_dev_queue", "task", None, CLIENT, None, True, {**PORTS, "bytes": 6, "cpu": 1}),
    (7, "tcp:tcp_probe", "softirq", "NET_RX", CLIENT, None, True, {**PORTS, "bytes": 6, "cpu": 1}),
    (9, "sched:sched_waking", "softirq", "NET_RX", CLIENT, SERVER, False, {"cpu": 1}),
    (11, "sock:inet_sock_set_state", "task", None, CLIENT, None, False, {"value": 2, "value2": 1, "cpu": 0}),
)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make(tmp_path_factory.mktemp("kernel") / "c.wiretale")
    with duckdb.connect(str(path)) as db:
        row = db.execute("SELECT packet_id, entry_ns FROM packet p, call WHERE p.number = 4 AND call_id = ?", [WRITE])
        packet_id, entry_ns = row.fetchall()[0]
        for number, (after, name, context, softirq, tid, other, of_packet, fields) in enumerate(EVENTS, 1):
            insert(db, "kernel_event", {
                "event_id": number, "time_ns": entry_ns + after * US, "name": name, "tid": tid, "pid": tid,
                "context": context, "softirq": softirq, "other_tid": other, "value": 0, "value2": 0, **fields,
            })  # fmt: skip
            insert(db, "kernel_link", {
                "event_id": number, "call_id": WRITE, "packet_id": packet_id if of_packet else None,
                "connection_id": 1 if of_packet else None,
            })  # fmt: skip
    return path


def listed(capture: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert run(["show", str(capture), "--no-header", *options]) == Exit.OK
    return capsys.readouterr().out


def test_the_steps_stand_between_the_calls_and_packets_with_function_and_meaning(
    capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = listed(capture, capsys, "--level", "kernel").splitlines()
    assert [line.split()[1] for line in lines if line.split()[1] == "kern"] == ["kern"] * 4
    first = next(i for i, line in enumerate(lines) if " kern " in line)
    assert (
        f"kern nc {CLIENT} " in lines[first]
        and "net:net_dev_queue in __dev_queue_xmit(): the packet is handed" in lines[first]
    )
    assert "packet 4" in lines[first] and lines[first].endswith("in write(); cpu 1")
    assert "write(3" in lines[first - 1]
    # in a softirq nobody is named: the writer only lent its time
    assert "kern NET_RX cpu 1" in lines[first + 1] and "write()" not in lines[first + 1]
    assert lines[first + 2].endswith(f"runnable: nc {SERVER}")
    assert "SYN-SENT to ESTABLISHED" in lines[first + 3]


def test_without_asking_the_list_is_as_before(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in ([], ["--level", "syscall"], ["--level", "packet"]):
        assert " kern " not in listed(capture, capsys, *options)


def test_one_call_or_packet_brings_its_own_steps(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of_packet = listed(capture, capsys, "--level", "kernel", "--packet", "4").splitlines()
    assert [line.split()[1] for line in of_packet] == ["kern", "kern", "pkt"]
    assert listed(capture, capsys, "--level", "kernel", "--call", str(WRITE)).count(" kern ") == len(EVENTS)


def test_a_json_object_says_whose_work_it_is(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = [json.loads(line) for line in listed(capture, capsys, "--level", "kernel", "--json").splitlines()]
    kernel = [o for o in found if o["kind"] == "kernel"]
    assert [(o["name"], o["call"], o["call_id"], o["packet"]) for o in kernel[:2]] == [
        ("net:net_dev_queue", "write", WRITE, 4), ("tcp:tcp_probe", None, None, 4),
    ]  # fmt: skip
    assert kernel[0]["function"] == "__dev_queue_xmit" and kernel[0]["file"] == "net/core/dev.c"


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("kernel", [1, 2, 3, 4]),
        ('kernel.event == "tcp:tcp_probe"', [2]),
        ('kernel.event matches "^sched:"', [3]),
        ('kernel.function == "tcp_rcv_established"', [2]),
        ('kernel.context == "task" and cpu == 1', [1]),
        ("kernel.softirq == NET_RX", [2, 3]),
        ("evt.cpu == 0", [4]),
        ("kernel.value == 2 && kernel.value2 == 1", [4]),
        # by the connection's headers, as of calls and packets
        ("tcp.port == 4000", [1, 2]),
        ("tcp.srcport == 4444 && ip.dst == 127.0.0.1 && kernel.bytes == 6", [1, 2]),
        ("connection == 1", [1, 2]),
        ("link.packet == 4", [1, 2]),
        # a softirq is no part of the call it interrupted, and no work of the process
        (f"link.call == {WRITE}", [1, 4]),
        (f"proc.pid == {CLIENT}", [1, 4]),
        (f"proc.tid == {SERVER}", [3]),
        (f"kernel.current == {CLIENT}", [1, 2, 3, 4]),
        ("call or packet", []),
        ('level == "kernel" and not tcp', [3, 4]),
    ],
)
def test_filters_choose_among_them(capture: Path, text: str, events: list[int]) -> None:
    with duckdb.connect(str(capture), read_only=True) as db:
        sql, parameters = selecting(compile_filter(text), EventKind.KERNEL, "e.event_id")
        assert sorted(i for (i,) in with_all_tables(db).execute(sql, parameters).fetchall()) == events


def test_calls_and_packets_can_be_asked_for_the_steps_made_for_them(
    capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = listed(capture, capsys, "--filter", 'kernel.event == "net:net_dev_queue"').splitlines()
    assert [line.split()[1] for line in found] == ["call", "pkt"] and "write(3" in found[0] and "#4" in found[1]
    found = listed(capture, capsys, "--filter", 'kernel.event == "tcp:tcp_probe"').splitlines()
    assert [line.split()[1] for line in found] == ["pkt"]


def test_while_a_recording_runs_they_are_no_fields() -> None:
    with pytest.raises(UsageFault):
        compile_filter("kernel.event == x", live=True)
    with pytest.raises(UsageFault):
        compile_filter("cpu == 1", live=True)


def test_every_function_named_has_a_file() -> None:
    assert all(len(kind.where.split(", ")) == 2 for kind in KINDS)
