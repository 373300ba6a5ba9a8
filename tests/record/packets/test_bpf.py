"""The socket filter programs: run by a little interpreter of the few instructions they use, and by the kernel."""

import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import require
from wiretale.errors import ResourceFault, UsageFault
from wiretale.record.packets import bpf

ANCILLARY = 0xFFFFF000
LOOPBACK, ETHERNET, RAW = 772, 1, 519


def run(program: bpf.Program, packet: bytes, ifindex: int = 1, hatype: int = ETHERNET, pkttype: int = 0) -> int:
    """What the kernel would return for `packet`: the number of bytes to keep."""
    known = {4: pkttype, 8: ifindex, 28: hatype}
    a = x = at = 0
    while True:
        i = program[at]
        at += 1
        if i.code in (0x20, 0x28, 0x30):
            if i.k >= ANCILLARY:
                a = known[i.k - ANCILLARY]
                continue
            size = {0x20: 4, 0x28: 2, 0x30: 1}[i.code]
            if i.k + size > len(packet):
                return 0
            a = int.from_bytes(packet[i.k : i.k + size], "big")
        elif i.code in (0x48, 0x40, 0x50):  # indirect loads
            size = {0x40: 4, 0x48: 2, 0x50: 1}[i.code]
            if x + i.k + size > len(packet):
                return 0
            a = int.from_bytes(packet[x + i.k : x + i.k + size], "big")
        elif i.code == 0xB1:  # X = 4 * (P[k] & 15)
            x = 4 * (packet[i.k] & 15)
        elif i.code == 0x15:
            at += i.jump_true if a == i.k else i.jump_false
        elif i.code == 0x45:
            at += i.jump_true if a & i.k else i.jump_false
        elif i.code == 0x54:  # A &= k
            a &= i.k
        elif i.code == 0x05:
            at += i.k
        elif i.code == 0x06:
            return i.k
        else:
            raise AssertionError(f"unknown instruction {i}")


def udp_packet(sport: int, dport: int, link: bytes = b"\0" * 12 + b"\x08\0") -> bytes:
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    return link + ip + struct.pack(">HHHH", sport, dport, 8, 0)


@settings(deadline=None)
@given(st.lists(st.integers(1, 1000), max_size=20, unique=True), st.integers(1, 1000))
def test_only_the_named_interfaces_pass(interfaces: list[int], ifindex: int) -> None:
    program = bpf.capture_program(tuple(interfaces), None, None, None)
    kept = run(program, b"x", ifindex=ifindex)
    assert kept == (bpf.WHOLE_PACKET if not interfaces or ifindex in interfaces else 0)


@settings(deadline=None)
@given(st.sampled_from([LOOPBACK, ETHERNET, RAW]), st.integers(0, 7), st.none() | st.integers(1, 70_000))
def test_only_the_leaving_copy_on_loopback_is_cut(hatype: int, pkttype: int, snaplen: int | None) -> None:
    program = bpf.capture_program((), snaplen, 128, None)
    whole = bpf.WHOLE_PACKET if snaplen is None else snaplen
    wanted = min(128, whole) if hatype == LOOPBACK and pkttype == 4 else whole
    assert run(program, b"x" * 2000, hatype=hatype, pkttype=pkttype) == wanted


def test_a_filter_chooses_by_the_kind_of_link_and_keeps_the_snaplen() -> None:
    try:
        filters = bpf.compile_filter("udp dst port 4000")
    except ResourceFault as missing:
        require(False, missing.message)
        raise
    program = bpf.capture_program((3, 5), 200, 128, filters)
    ethernet, raw = udp_packet(1, 4000), udp_packet(1, 4000, link=b"")
    assert run(program, ethernet, ifindex=5) == 200
    assert run(program, ethernet, ifindex=4) == 0
    assert run(program, udp_packet(4000, 1), ifindex=5) == 0
    assert run(program, raw, ifindex=5, hatype=RAW) == 200
    assert run(program, ethernet, ifindex=5, hatype=RAW) == 0
    assert run(program, ethernet, ifindex=3, hatype=LOOPBACK, pkttype=4) == 128


def test_what_only_ethernet_has_matches_no_raw_packet() -> None:
    program = bpf.capture_program((), None, None, bpf.compile_filter("ether dst 00:00:00:00:00:00"))
    assert run(program, udp_packet(1, 2)) == bpf.WHOLE_PACKET
    assert run(program, udp_packet(1, 2, link=b""), hatype=RAW) == 0


@pytest.mark.parametrize("text", ["tcp prot 80", "port", "udp\0", "((("])
def test_a_wrong_filter_is_a_fault_of_usage(text: str) -> None:
    with pytest.raises(UsageFault, match="filter"):
        bpf.compile_filter(text)


def test_the_probe_program_lets_only_the_probes_in() -> None:
    program = bpf.probe_program(1, 4000)
    assert run(program, udp_packet(4000, 4000)) == bpf.WHOLE_PACKET
    assert run(program, udp_packet(4000, 4000), ifindex=2) == 0
    assert run(program, udp_packet(4000, 4001)) == 0
    assert run(program, udp_packet(4001, 4000)) == 0
    assert run(program, udp_packet(4000, 4000).replace(b"\x40\x11", b"\x40\x06")) == 0
    assert run(program, b"") == 0


def test_the_kernel_accepts_the_programs() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for program in (
            bpf.capture_program(tuple(range(1, 201)), 65, 128, bpf.compile_filter("tcp or udp port 53 or host ::1")),
            bpf.probe_program(1, 4000),
            bpf.DROP_ALL,
        ):
            bpf.attach(sock, program)


def test_too_many_interfaces_are_refused() -> None:
    with pytest.raises(UsageFault, match="200"):
        bpf.capture_program(tuple(range(201)), None, None, None)
