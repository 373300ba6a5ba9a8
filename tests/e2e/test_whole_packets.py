"""Scanners, arping, DHCP clients and sniffers: each packet that raw and packet sockets carried whole is proven."""

import re
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest

from tests.e2e.namespaces import FAR, run_in_two
from tests.e2e.session import WIRETALE, program
from wiretale.check.check import check
from wiretale.explain.tell import Options, tell
from wiretale.explain.words import plain
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e
ENGINES = ("ptrace", "ebpf")
PROGRAMS = {
    "SYN scan": ["nmap", "-sS", "-n", "-Pn", "-p", "20-25,80", FAR],
    "UDP scan": ["nmap", "-sU", "-n", "-Pn", "-p", "53,123", FAR],
    "hping3": ["hping3", "-S", "-p", "80", "-c", "2", "-i", "u1000", FAR],
    "traceroute": ["traceroute", "-T", "-n", "-p", "80", FAR],
    "arping": ["arping", "-c", "2", "-I", "va", FAR],
    "udhcpc": ["busybox", "udhcpc", "-i", "va", "-n", "-t", "2", "-T", "1", "-s", "/bin/true", "-f", "-q"],
}


def record(
    folder: Path, command: Iterable[str], engine: str, *options: str, before: str = "true", after: str = "true"
) -> Path:
    """Record `command` in the near of two namespaces; `before` and `after` are commands of a shell, not recorded."""
    name, *words = command
    capture = folder / "run.wiretale"
    options = ("--engine", engine, "--snaplen", "all", *options)
    recording = [*WIRETALE, "record", "-q", *options, "-o", str(capture), "--", program(name), *words]
    script = f"{before}\n{shlex.join(recording)}\n{after}"
    said = run_in_two(folder, ["eval", script])
    assert capture.exists(), said
    return capture


def proven(db: duckdb.DuckDBPyConnection) -> None:
    """All that raw and packet sockets carried is linked, and equal but for what the kernel wrote."""
    found = check(db)
    assert found.holds, found.wrong
    assert found.whole
    for side in found.whole:
        assert (side.linked_bytes, side.doubtful) == (side.bytes, 0)
        assert side.compared + side.filled == side.bytes
    assert not any(c.unplaced_calls for c in found.calls if not c.peeked)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_packet_that_was_sent_or_taken_whole_is_joined(name: str, engine: str, tmp_path: Path) -> None:
    capture = record(tmp_path, PROGRAMS[name], engine)
    with open_capture(capture) as db:
        proven(db)
        sides = dict(db.execute("SELECT side, count(*) FROM packet_call GROUP BY side").fetchall())
        assert set(sides) == ({"w", "r"} if name in ("arping", "traceroute") else {"w"})
        # no packet was sent by two calls, and the packet left while its call ran
        assert (
            db.execute(
                "SELECT count(*) FROM packet_call WHERE side = 'w' GROUP BY packet_id HAVING count(*) > 1"
            ).fetchall()
            == []
        )
        assert db.execute(
            "SELECT count(*) FROM packet_call w JOIN packet p USING (packet_id) JOIN call c USING (call_id)"
            " WHERE side = 'w' AND NOT p.time_ns BETWEEN c.entry_ns AND c.exit_ns + 100000"
        ).fetchone() == (0,)
        rings = db.execute("SELECT count(*) FROM coverage WHERE item = 'packet sockets with a ring'").fetchone()
        assert rings == (int("scan" in name or name == "hping3"),)


def story(db: duckdb.DuckDBPyConnection) -> str:
    told = tell(db, Options())
    steps = [s for c in told.chapters for part in c.sections for s in part.steps]
    return " ".join(plain(t) for t in (*told.summary, *told.about, *(s for step in steps for s in step.sentences)))


# One port has a listener, and what comes for another is thrown away.
_FAR_PORTS = """
nsenter -t {far} -n nft add table ip t
nsenter -t {far} -n nft add chain ip t c "{ type filter hook input priority 0; }"
nsenter -t {far} -n nft add rule ip t c tcp dport 22 drop
nsenter -t {far} -n nc.openbsd -kl 80 >/dev/null 2>&1 & listener=$!
until nsenter -t {far} -n ss -Hltn 'sport = 80' | grep -q .; do :; done
"""


def test_a_scan_is_told_by_what_each_port_answered(tmp_path: Path) -> None:
    for tool in ("nft", "nc.openbsd", "ss"):
        program(tool)
    command = ["nmap", "-sS", "-n", "-Pn", "--max-retries", "1", "-p", "21,22,23,80", FAR]
    with open_capture(record(tmp_path, command, "ptrace", before=_FAR_PORTS, after="kill $listener")) as db:
        proven(db)
        said = story(db)
        assert "port 80 answered with SYN/ACK, 2 ports answered with RST and port 22 brought nothing back." in said
        assert "Port 80 answered with SYN/ACK: there a program listens." in said
        assert "From port 22 nothing came back that was captured: a filter dropped" in said
        assert "so it answered with RST by itself" in said
        assert "Ports 21 and 23 answered with RST: nothing listens there" in said
        assert "other programs" not in said
        assert "there were no connections" in said


def test_addresses_that_nobody_has_are_told_apart_from_those_that_answer(tmp_path: Path) -> None:
    with open_capture(record(tmp_path, ["nmap", "-sn", "-PR", "-n", "10.0.0.2-7"], "ptrace")) as db:
        proven(db)
        said = story(db)
        assert "asked by ARP who has 6 addresses" in said
        assert "1 address was answered for: 10.0.0.2 (" in said
        assert "No answer was captured about 5 addresses (10.0.0.3 to 10.0.0.7)" in said


def test_arping_is_told_with_who_answered(tmp_path: Path) -> None:
    with open_capture(record(tmp_path, ["arping", "-c", "2", "-w", "3", "-I", "va", "10.0.0.9"], "ptrace")) as db:
        said = story(db)
        assert "asked" in said and "by ARP who has 10.0.0.9" in said
        assert "No answer was captured: no host of this segment has it" in said


_SERVER = """
printf 'start 10.0.0.50\\nend 10.0.0.60\\ninterface vb\\nlease_file leases\\noption lease 600\\n' >dhcpd.conf; : >leases
nsenter -t {far} -n busybox udhcpd -fS dhcpd.conf & server=$!
until nsenter -t {far} -n ss -Hlun 'sport = 67' | grep -q .; do :; done
"""


@pytest.mark.parametrize("has_server", [False, True])
def test_a_dhcp_client_is_told_with_what_it_was_given(has_server: bool, tmp_path: Path) -> None:
    program("ss")
    words = ["busybox", "udhcpc", "-i", "va", "-n", "-q", "-f", "-s", "/bin/true", "-t", "15" if has_server else "1"]
    around = {"before": _SERVER, "after": "kill $server"} if has_server else {}
    with open_capture(record(tmp_path, [*words, "-T", "1"], "ptrace", **around)) as db:
        proven(db)
        said = story(db)
        assert "sent DHCPDISCOVER" in said
        if has_server:
            assert "It was offered 10.0.0.5" in said
            assert "It sent DHCPREQUEST about 10.0.0.5" in said
            assert "Server 10.0.0.2 confirmed 10.0.0.5" in said and "for 600 seconds" in said
            assert {side for (side,) in db.execute("SELECT DISTINCT side FROM packet_call").fetchall()} == {"w", "r"}
        else:
            assert "No offer was captured" in said


def test_show_and_path_know_the_packet_of_a_call(tmp_path: Path) -> None:
    capture = record(tmp_path, ["arping", "-c", "1", "-I", "va", FAR], "ebpf", "--kernel")
    shown = subprocess.run(
        [*WIRETALE, "show", str(capture)], capture_output=True, text=True, timeout=60, check=True
    ).stdout.splitlines()
    sent = next(line for line in shown if "sendto(" in line and "AF_PACKET" in line)
    assert re.search(r"-> packet \d+$", sent)
    assert any(re.search(r"recvfrom\(.*<- packet \d+$", line) for line in shown)
    assert any(re.search(r"ARP who has .*<- sendto by arping\(\d+\) fd \d+$", line) for line in shown)
    assert any(re.search(r"ARP 10.0.0.2 is at .*-> recvfrom by arping\(\d+\) fd \d+$", line) for line in shown)
    with open_capture(capture) as db:
        call, number = db.execute(
            "SELECT call_id, number FROM packet_call JOIN packet USING (packet_id) WHERE side = 'w'"
        ).fetchone() or (0, 0)
    for which in ([str(call)], ["--packet", str(number)]):
        way = subprocess.run(
            [*WIRETALE, "path", str(capture), *which], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        assert f"call {call}: sendto(" in way
        assert "net:net_dev_start_xmit" in way and "net:netif_receive_skb" in way


def test_connections_are_not_said_to_be_other_programs(tmp_path: Path) -> None:
    capture = record(tmp_path, ["traceroute", "-T", "-n", "-p", "80", FAR], "ptrace")
    done = subprocess.run(
        [*WIRETALE, "connections", str(capture)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "flows of packets that programs made whole, not shown: 16" in done.stderr
    assert "other programs" not in done.stderr
