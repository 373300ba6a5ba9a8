"""Fields of IGMP and MLD beside tshark's, on the same packets: every value that it prints selects the same frames."""

import shutil
import socket
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path

import duckdb
import pytest

from tests.conftest import require
from tests.filter.frames import ETHERNET, ethernet, imported, ip4, ip6
from wiretale.decode.packet_text import packet_text
from wiretale.filter.compile import compile_filter
from wiretale.filter.events import EventKind
from wiretale.filter.fields import BY_NAME
from wiretale.filter.fields.multicast import IGMP_FIELDS, MLD_FIELDS
from wiretale.filter.fields.table import NUMBER
from wiretale.filter.select import selecting
from wiretale.filter.types import ADDRESSES
from wiretale.store.capture import open_capture

ROUTER_ALERT = bytes.fromhex("94040000")
GROUP, NONE = socket.inet_aton("239.5.6.7"), bytes(4)
FIRST, SECOND = socket.inet_aton("10.1.1.1"), socket.inet_aton("10.1.1.2")
GROUP_6 = socket.inet_pton(socket.AF_INET6, "ff15::1:0:0:9")
SOURCE_6 = socket.inet_pton(socket.AF_INET6, "2001:db8::5")


def igmp(body: str, *more: bytes) -> bytes:
    data = bytes.fromhex(body) + b"".join(more)
    return ethernet(ip4(data, 2, "10.0.0.7", "224.0.0.22", ttl=1, options=ROUTER_ALERT))


def mld(body: str, *more: bytes) -> bytes:
    data = bytes.fromhex(body) + b"".join(more)
    hop_by_hop = bytes([58, 0, 5, 2, 0, 0, 1, 0])  # router alert (RFC 2711), and padding
    return ethernet(ip6(hop_by_hop + data, 0, "fe80::7", "ff02::16"), 0x86DD)


FRAMES = {
    igmp("1100eeff", NONE): "IGMPv1 query: who is in which group?",
    igmp("1164ee9b", NONE): "IGMPv2 query: who is in which group?",
    igmp("11140001", GROUP): "IGMPv2 query: who is in 239.5.6.7?",
    igmp("1164ec1e", NONE, bytes.fromhex("027d0000")): "IGMPv3 query: who is in which group?",
    igmp("119b0002", GROUP, bytes.fromhex("0a7d0002"), FIRST, SECOND): "IGMPv3 query: who is in 239.5.6.7?",
    igmp("12000001", GROUP): "IGMPv1 report: is in 239.5.6.7",
    igmp("16000001", GROUP): "IGMPv2 report: is in 239.5.6.7",
    igmp("17000001", GROUP): "IGMPv2 leave: leaves 239.5.6.7",
    igmp("220000030000000204000000", GROUP, bytes.fromhex("03000000"), GROUP): (
        "IGMPv3 report: joins 239.5.6.7, leaves 239.5.6.7"
    ),
    igmp("220000030000000201000002", GROUP, FIRST, SECOND, bytes.fromhex("06000001"), GROUP, FIRST): (
        "IGMPv3 report: wants 239.5.6.7 only from 10.1.1.1, 10.1.1.2, no longer wants 239.5.6.7 from 10.1.1.1"
    ),
    igmp("2200000300000000"): "IGMPv3 report: ",
    igmp("1600"): "IGMP len=2",
    mld("8200000127100000", bytes(16)): "multicast listener query: who is in which group?",
    mld("8200000103e80000", GROUP_6): "multicast listener query: who is in ff15::1:0:0:9?",
    mld("8200000127100000", GROUP_6, bytes.fromhex("0a7d0001"), SOURCE_6): "who is in ff15::1:0:0:9?",
    mld("8300000100000000", GROUP_6): "multicast listener report: is in ff15::1:0:0:9",
    mld("8400000100000000", GROUP_6): "multicast listener done: leaves ff15::1:0:0:9",
    mld("8f0000010000000205000002", GROUP_6, SOURCE_6, SOURCE_6, bytes.fromhex("04000000"), GROUP_6): (
        "multicast listener report, version 2: now also wants ff15::1:0:0:9 from 2001:db8::5, 2001:db8::5,"
        " joins ff15::1:0:0:9"
    ),
}
FIELDS = [f.name for f in (*IGMP_FIELDS, *MLD_FIELDS) if f.name != "igmp"]


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("multicast")
    with open_capture(imported(list(FRAMES), folder)) as db:
        yield db, folder / f"{ETHERNET}.pcap"


def matching(db: duckdb.DuckDBPyConnection, text: str) -> list[int]:
    found = db.execute(*selecting(compile_filter(text), EventKind.PACKET, "p.number", "p.shown"))
    return sorted(row[0] for row in found.fetchall())


@pytest.fixture(scope="module")
def printed(capture: tuple[duckdb.DuckDBPyConnection, Path]) -> dict[str, dict[int, list[str]]]:
    """Field -> frame -> values, as tshark prints them."""
    require(shutil.which("tshark"), "tshark is not installed")
    options = [o for name in FIELDS for o in ("-e", name)]
    lines = subprocess.run(
        ["tshark", "-n", "-r", str(capture[1]), "-T", "fields", "-E", "separator=|", "-E", "aggregator= ", *options],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert len(lines) == len(FRAMES)
    found: dict[str, dict[int, list[str]]] = {name: {} for name in FIELDS}
    for number, line in enumerate(lines, 1):
        for name, cell in zip(FIELDS, line.split("|"), strict=True):
            if cell:
                found[name][number] = cell.split()
    return found


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_is_there_and_has_the_values_that_tshark_prints(capture, printed, name: str) -> None:
    db, _ = capture
    theirs = printed[name]
    assert theirs, "no frame of the test has it"
    assert matching(db, name) == sorted(theirs)
    for value in {v for values in theirs.values() for v in values}:
        spelled = ":".join(value[n : n + 2] for n in range(0, len(value), 2)) if name == "igmp.reserved" else value
        assert matching(db, f"{name} == {spelled}") == [n for n, values in theirs.items() if value in values], value
    if BY_NAME[name].type is NUMBER:
        largest = max(int(v, 0) for values in theirs.values() for v in values)
        assert matching(db, f"{name} > {largest}") == []


@pytest.mark.parametrize("name", [name for name in FIELDS if BY_NAME[name].type in ADDRESSES])
def test_an_address_is_compared_with_networks_and_in_order(capture, printed, name: str) -> None:
    db, _ = capture
    theirs = {n: [ip_address(v) for v in values] for n, values in printed[name].items()}
    for value in {v for values in theirs.values() for v in values}:
        for bits in (9, 17, 25):
            network = ip_network(f"{value}/{bits}", strict=False)
            inside = [n for n, values in theirs.items() if any(v in network for v in values)]
            assert matching(db, f"{name} == {value}/{bits}") == inside, network
        smaller = [n for n, values in theirs.items() if any(v < value for v in values)]
        assert matching(db, f"{name} < {value}") == smaller, value


def test_each_message_is_told_in_words(capture) -> None:
    db, _ = capture
    rows = db.execute("SELECT * FROM packet ORDER BY number")
    names = [column[0] for column in rows.description]
    for row, said in zip(rows.fetchall(), FRAMES.values(), strict=True):
        text = packet_text(dict(zip(names, row, strict=True)))
        assert said in text
        assert "not decoded" not in text
