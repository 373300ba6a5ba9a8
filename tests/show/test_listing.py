import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.show.golden_text import check
from tests.show.synthetic import CLIENT, SERVER, make
from wiretale.cli import run
from wiretale.errors import Exit


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return make(tmp_path_factory.mktemp("show") / "c.wiretale")


@pytest.fixture
def shown(capsys):
    def show(*args):
        code = run([str(a) for a in args])
        out, err = capsys.readouterr()
        return code, out, err

    return show


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("show", ()),
        ("show-unfold-numbers", ("--unfold", "--numbers", "--ids")),
        ("show-descriptors", ("--names-of-fds", "--level", "syscall")),
        ("show-packets-all", ("--level", "packet", "--all")),
        ("show-filter", ("--filter", 'tcp.port == 4000 && call.name == "write"')),
        ("show-real-time", ("--time", "real", "--tail", "3")),
    ],
)
def test_text(capture, shown, name, options):
    code, out, err = shown("show", capture, *options)
    assert (code, err) == (Exit.OK, "")
    check(name, out)


def test_text_on_a_narrow_terminal(capture, shown):
    _, out, _ = shown("--width", "80", "show", capture)
    assert max(len(line) for line in out.splitlines() if line[:1] not in "#!") <= 80
    check("show-80-columns", out)


def test_reading_down_is_reading_forward_in_time(capture, shown):
    _, out, _ = shown("show", capture, "--no-header", "--time", "monotonic", "--unfold")
    times = [float(line.split()[0]) for line in out.splitlines()]
    assert times == sorted(times)


def test_a_call_that_waited_stands_at_both_its_times(capture, shown):
    _, out, _ = shown("show", capture, "--no-header")
    lines = [line for line in out.splitlines() if "accept4" in line]
    assert len(lines) == 2
    assert lines[0].endswith("...")
    assert "resumed = 4" in lines[1]
    assert "woken by packet 3" in lines[1]


def test_limits_count_lines_from_their_end(capture, shown):
    _, everything, _ = shown("show", capture, "--no-header")
    _, first, _ = shown("show", capture, "--no-header", "--limit", "4")
    _, last, _ = shown("show", capture, "--no-header", "--tail", "4")
    assert first.splitlines() == everything.splitlines()[:4]
    assert last.splitlines() == everything.splitlines()[-4:]


def test_one_call_and_one_packet_can_be_asked_for(capture, shown):
    _, out, _ = shown("show", capture, "--no-header", "--packet", "4", "--call", "20")
    assert len(out.splitlines()) == 2
    assert "write(" in out
    assert "lo #4" in out


def test_json_has_the_links_as_numbers(capture, shown):
    code, out, _ = shown("show", capture, "--json")
    assert code == Exit.OK
    events = [json.loads(line) for line in out.splitlines()]
    write = next(e for e in events if e.get("name") == "write")
    packet = next(e for e in events if e.get("number") == 4 and e["kind"] == "packet")
    read = next(e for e in events if e.get("name") == "read")
    assert write["writes"][0] | {"packets": [4], "lo": 0, "hi": 6} == write["writes"][0]
    assert packet["written_by"] == [write["call_id"]]
    assert packet["read_by"] == [read["call_id"]]
    assert write["descriptor"] == "3<tcp 127.0.0.1:4444->127.0.0.1:4000>"  # without --labels, too
    socket = next(e for e in events if e.get("name") == "socket")
    assert socket["args"][0]["constants"] == {"AF_INET": 2}
    assert {e["kind"] for e in events} == {"begin", "call", "packet", "signal", "end"}
    waited = [e for e in events if e.get("name") == "accept4"]
    assert len(waited) == 1
    assert waited[0]["waits"][0]["packet"] == 3


def test_nothing_found_says_so_and_is_no_success(capture, shown):
    code, out, err = shown("show", capture, "--filter", "udp.port == 53")
    assert (code, "matches" in err) == (Exit.FAILED, True)
    assert not [line for line in out.splitlines() if not line.startswith("#")]


HOSTILE = st.text(min_size=1, max_size=15).filter(lambda t: t.isprintable() is False and "\0" not in t)


def _is_safe(text):
    return all(c.isprintable() or c == "\n" for c in text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=6, deadline=None)
@given(HOSTILE.filter(lambda t: not any(0xD800 <= ord(c) < 0xE000 for c in t)), st.binary(min_size=1, max_size=40))
def test_hostile_names_and_payloads_never_reach_the_terminal(tmp_path_factory, shown, name, payload):
    capture = make(tmp_path_factory.mktemp("hostile") / "c.wiretale", command=name, payload=payload)
    for command in (["show", "--unfold", "--names-of-fds"], ["show", "--json"], ["connections"], ["fds"], ["ps"],
                    ["sql"], ["fds", "--json"], ["ps", "--json"], ["connections", "--json"]):  # fmt: skip
        _, out, err = shown(command[0], capture, *command[1:])
        assert _is_safe(out + err), command
    _, out, _ = shown("sql", capture, "select comm, argv from task")
    assert _is_safe(out)


def test_escape_sequences_are_visible_instead(tmp_path, shown):
    capture = make(tmp_path / "c.wiretale", command="\x1b]0;owned\x07", payload=b"\x1b[31mred\xff\x00\r\n")
    _, out, _ = shown("show", capture)
    assert "\\33[31mred\\377" in out
    assert "\\x1b]0;owned\\x07" in out


def test_colour_only_where_it_was_asked_for(capture, shown, monkeypatch):
    assert "\x1b" not in shown("show", capture)[1]
    assert "\x1b[" in shown("--color", "always", "show", capture)[1]
    assert "\x1b" not in shown("--color", "never", "show", capture)[1]


def test_descriptors_at_a_moment(capture, shown):
    code, out, _ = shown("fds", capture, "--at", "packet:4")
    assert code == Exit.OK
    check("fds", out)
    _, out, _ = shown("fds", capture, "--at", "0.0005", "--pid", CLIENT)
    assert out == ""
    _, out, _ = shown("fds", capture, "--at", "0.002", "--json")
    assert {(json.loads(line)["pid"], json.loads(line)["fd"]) for line in out.splitlines()} == {
        (SERVER, 0),
        (SERVER, 3),
    }


@pytest.mark.parametrize("moment", ["yesterday", "packet:99", "call:0", "call:", "-1", "1e400", "packet:" + "9" * 40])
def test_a_moment_that_is_none_is_a_usage_fault(capture, shown, moment):
    code, _, err = shown("fds", capture, f"--at={moment}")
    assert code == Exit.USAGE
    assert "try:" in err


def test_processes_and_connections(capture, shown):
    check("ps", shown("ps", capture)[1])
    check("connections", shown("connections", capture)[1])
    narrow = shown("--width", "80", "connections", capture)[1]
    assert max(map(len, narrow.splitlines())) <= 80
    check("connections-80-columns", narrow)
    assert shown("ps", capture, "--at", "0.002")[1].count("\n") == 2


def test_connections_as_json(capture, shown):
    found = json.loads(shown("connections", capture, "--json")[1])
    assert found["client"] | {"addr": "127.0.0.1", "port": 4444, "pid": CLIENT, "fd": 3} == found["client"]
    assert found["server"]["state"] == "ESTABLISHED"
    assert found["handshake_ns"] == 91_000
