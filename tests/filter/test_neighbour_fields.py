"""Fields of neighbour discovery beside tshark's, on the same packets: its values select the same frames."""

import shutil
import socket
import subprocess

import duckdb
import pytest

from tests.conftest import require
from tests.filter.frames import ETHERNET, ethernet, imported, ip6
from wiretale.filter.compile import compile_filter
from wiretale.filter.events import EventKind
from wiretale.filter.fields.neighbours import NEIGHBOUR_FIELDS
from wiretale.filter.select import selecting
from wiretale.store.capture import open_capture

SOURCE, TARGET = bytes.fromhex("01010a0000000001"), bytes.fromhex("02010a0000000002")
ONE, OTHER = (socket.inet_pton(socket.AF_INET6, text) for text in ("2001:db8::77", "fe80::9"))
MTU, PREFIX = bytes.fromhex("05010000000005dc"), bytes.fromhex("0304408000278d0000093a8000000000") + ONE
SERVERS = bytes.fromhex("190500000000012c") + ONE + OTHER


def message(head: str, *more: bytes) -> bytes:
    return ethernet(ip6(bytes.fromhex(head) + b"".join(more), 58, "fe80::7", "ff02::1"), 0x86DD)


FRAMES = [
    message("8500000100000000", SOURCE),
    message("8600000240c8070800007530000003e8", SOURCE, MTU, PREFIX, SERVERS),
    message("8600000240290708000000000000000c"),
    message("86000002002c0000000000000000000c", PREFIX[:9]),
    message("8700000300000000", ONE, SOURCE),
    message("8700000300000000", ONE[:9]),
    message("88000004e0000000", ONE, TARGET),
    message("8800000440000000", OTHER),
    message("8900000500000000", OTHER, ONE, TARGET),
    message("8000000500000000", OTHER, ONE, TARGET),
]
NAMES = [f.name for f in NEIGHBOUR_FIELDS]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The capture, and field -> frame -> values, as tshark prints them."""
    require(shutil.which("tshark"), "tshark is not installed")
    folder = tmp_path_factory.mktemp("neighbours")
    capture = imported(FRAMES, folder)
    options = [o for name in NAMES for o in ("-e", name)]
    written = ["-E", "separator=|", "-E", "aggregator= "]
    lines = subprocess.run(
        ["tshark", "-n", "-r", str(folder / f"{ETHERNET}.pcap"), "-T", "fields", *written, *options],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    printed: dict[str, dict[int, list[str]]] = {name: {} for name in NAMES}
    for number, line in enumerate(lines, 1):
        for name, cell in zip(NAMES, line.split("|"), strict=True):
            if cell:
                printed[name][number] = cell.split()
    with open_capture(capture) as db:
        yield db, printed


def matching(db: duckdb.DuckDBPyConnection, text: str) -> list[int]:
    found = db.execute(*selecting(compile_filter(text), EventKind.PACKET, "p.number", "p.shown"))
    return sorted(row[0] for row in found.fetchall())


@pytest.mark.parametrize("name", NAMES)
def test_a_field_is_there_and_has_the_values_that_tshark_prints(both, name):
    db, printed = both
    theirs = printed[name]
    assert theirs, "no frame of the test has it"
    assert matching(db, name) == sorted(theirs)
    for value in {v for values in theirs.values() for v in values}:
        assert matching(db, f"{name} == {value}") == [n for n, values in theirs.items() if value in values], value


def test_addresses_are_compared_with_networks(both):
    db, _ = both
    assert matching(db, "icmpv6.nd.ns.target_address == 2001:db8::/32") == [5]
    assert matching(db, "icmpv6.opt.rdnss in {fe80::/10}") == [2]
    assert matching(db, "icmpv6.nd.na.target_address != 2001::/16") == [8]
