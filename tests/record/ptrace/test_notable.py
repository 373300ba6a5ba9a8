"""What the control thread is told."""

import ctypes
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.model.enums import Arch
from wiretale.model.spool import EventFlag, EventKind, Role
from wiretale.record.ptrace.library import Chunk, Event
from wiretale.record.ptrace.notable import Notable, SocketFact, decode_notable, socket_fact


def socket_record(family: int, kind: int, local: bytes, peer: bytes, listening: int = 0) -> bytes:
    head = struct.pack("=QQQiiiiII", 77, 1, 2, family, kind, 6, listening, len(local), len(peer))
    return head + local.ljust(128, b"\0") + peer.ljust(128, b"\0")


def inet(port: int) -> bytes:
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, b"\x7f\0\0\1")


def test_a_socket_record_tells_ports_and_peer() -> None:
    fact = socket_fact(socket_record(socket.AF_INET, socket.SOCK_STREAM, inet(4444), inet(4000)))
    assert fact == SocketFact(77, socket.AF_INET, socket.SOCK_STREAM, 6, False, True, 4444, 4000)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_fact_or_nothing(raw: bytes) -> None:
    fact = socket_fact(raw)
    assert (fact is None) == (len(raw) < 176)


@pytest.mark.parametrize(
    ("name", "family", "kind", "value", "expected"),
    [
        ("listen", socket.AF_INET, socket.SOCK_STREAM, 0, True),
        ("listen", socket.AF_UNIX, socket.SOCK_STREAM, 0, True),
        ("listen", socket.AF_INET, socket.SOCK_STREAM, -98, False),
        ("bind", socket.AF_INET, socket.SOCK_STREAM, 0, False),
        ("bind", socket.AF_INET, socket.SOCK_DGRAM, 0, True),
        ("bind", socket.AF_NETLINK, socket.SOCK_DGRAM, 0, False),
    ],
)
def test_who_listens(name: str, family: int, kind: int, value: int, expected: bool) -> None:
    fact = SocketFact(1, family, kind, 0, name == "listen", False, 4000, None)
    notable = Notable(EventKind.EXIT, 0, 0, 1, 1, name=name, value=value, socket=fact)
    assert notable.listens is expected


@pytest.mark.parametrize(
    ("name", "value", "has_peer", "expected"),
    [
        ("connect", 0, True, True),
        ("connect", -115, False, False),
        ("connect", -115, True, False),
        ("getsockopt", 0, True, True),
        ("getsockopt", 0, False, False),
        ("accept4", 4, True, True),
        ("bind", 0, True, False),
    ],
)
def test_who_is_connected(name: str, value: int, has_peer: bool, expected: bool) -> None:
    fact = SocketFact(1, socket.AF_INET, socket.SOCK_STREAM, 6, False, has_peer, 4444, 4000)
    assert Notable(EventKind.EXIT, 0, 0, 1, 1, name=name, value=value, socket=fact).connected is expected


def test_the_last_socket_of_an_event_counts() -> None:
    records = [
        socket_record(socket.AF_INET, socket.SOCK_STREAM, inet(4000), b"", 1),
        socket_record(socket.AF_INET, socket.SOCK_STREAM, inet(4000), inet(4444)),
    ]
    data = ctypes.create_string_buffer(b"".join(records))
    chunks = (Chunk * 2)(
        *(Chunk(offset=i * len(r), captured_bytes=len(r), role=Role.SOCKET) for i, r in enumerate(records))
    )
    event = Event(kind=EventKind.EXIT, arch=Arch.X86_64, number=288, value=4, chunks=2, tgid=5, tid=6)
    notable = decode_notable(event, ctypes.cast(chunks, ctypes.POINTER(Chunk)), ctypes.addressof(data))
    assert notable.name == "accept4" and notable.connected and notable.tgid == 5
    assert notable.socket is not None and notable.socket.peer_port == 4444


def test_new_processes_and_ends_are_told() -> None:
    none = ctypes.POINTER(Chunk)()
    thread = Event(kind=EventKind.CLONE, number=12)
    process = Event(kind=EventKind.CLONE, number=12, flags=EventFlag.NOTABLE)
    end = Event(kind=EventKind.END, number=256)
    assert decode_notable(thread, none, 0).child_pid == 0
    assert decode_notable(process, none, 0).child_pid == 12
    assert decode_notable(end, none, 0).status == 256
