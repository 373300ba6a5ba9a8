"""Scanners, arping, DHCP clients and sniffers: each packet that raw and packet sockets carried whole is proven."""

from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest

from tests.e2e.namespaces import FAR, run_in_two
from tests.e2e.session import WIRETALE, program
from wiretale.check.check import check
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


def record(folder: Path, command: Iterable[str], engine: str, *options: str) -> Path:
    """Record `command` in the near of two namespaces."""
    name, *words = command
    capture = folder / "run.wiretale"
    options = ("--engine", engine, "--snaplen", "all", *options)
    said = run_in_two(folder, [*WIRETALE, "record", "-q", *options, "-o", str(capture), "--", program(name), *words])
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
