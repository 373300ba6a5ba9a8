"""Netlink answers: any bytes behind the fixed part give a row."""

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.record.procfs.sock_diag import _attributes, _inet_row, _unix_row


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=30), max_size=6), st.binary(max_size=3))
def test_attributes_are_read_back(values: dict[int, bytes], tail: bytes) -> None:
    assert _attributes(b"".join(attribute(k, v) for k, v in values.items()) + tail) == values


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_attributes_end(data: bytes) -> None:
    assert sum(map(len, _attributes(data).values())) <= len(data)


@settings(deadline=None)
@given(st.sampled_from([2, 10]), st.binary(min_size=71, max_size=200), st.sampled_from([6, 17]))
def test_any_inet_answer_is_a_row(family: int, rest: bytes, protocol: int) -> None:
    row = _inet_row(bytes([family]) + rest, protocol)
    assert row["family"] == {2: "AF_INET", 10: "AF_INET6"}[family]
    assert (row["peer_addr"] is None) == (row["peer_port"] is None)


@settings(deadline=None)
@given(st.binary(min_size=16, max_size=150))
def test_any_unix_answer_is_a_row(message: bytes) -> None:
    assert _unix_row(message)["family"] == "AF_UNIX"


def test_names_of_unix_sockets() -> None:
    fixed = bytes([1, 1, 10, 0]) + struct.pack("=IQ", 5, 6)
    names = {b"/run/x\0": "/run/x", b"\0abs\0tract": "@abs@tract", b"/\xff\n": "/\\xff\n"}
    assert {n: _unix_row(fixed + attribute(0, n))["local_addr"] for n in names} == names
    assert _unix_row(fixed)["local_addr"] is None
