"""DHCP messages: what the bytes say, and that no bytes break it."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from wiretale.decode.dhcp import dhcp
from wiretale.decode.multicast import igmp, mld

COOKIE = bytes.fromhex("63825363")


def message(op: int, options: bytes, *, own: bytes = bytes(4), given: bytes = bytes(4)) -> bytes:
    head = struct.pack(">BBBBIHH", op, 1, 6, 0, 0xABCD1234, 0, 0) + own + given
    return head + bytes(236 - len(head)) + COOKIE + options


def test_a_confirmation_names_address_server_and_time() -> None:
    options = bytes([53, 1, 5, 0, 54, 4, 10, 0, 0, 2, 51, 4, 0, 0, 2, 88, 255])
    said = dhcp(message(2, options, given=bytes([10, 0, 0, 50])))
    assert said is not None
    assert (said.is_reply, said.xid, said.kind) == (True, 0xABCD1234, "DHCPACK")
    assert (said.given, said.server, said.lease_s, said.own, said.requested) == (
        "10.0.0.50", "10.0.0.2", 600, None, None,
    )  # fmt: skip


def test_a_request_names_what_it_asks_for() -> None:
    said = dhcp(message(1, bytes([53, 1, 3, 50, 4, 10, 0, 0, 50, 255])))
    assert said is not None
    assert (said.is_reply, said.kind, said.requested, said.server) == (False, "DHCPREQUEST", "10.0.0.50", None)


def test_options_end_at_their_end() -> None:
    said = dhcp(message(1, bytes([255, 53, 1, 3])))
    assert said is not None and said.kind == ""


def test_what_is_no_dhcp_is_none() -> None:
    assert dhcp(b"GET / HTTP/1.1" * 30) is None
    assert dhcp(message(1, b"")[:200]) is None


@given(st.binary(max_size=80))
def test_no_bytes_break_it(tail: bytes) -> None:
    said = dhcp(message(1, tail))
    assert said is not None
    for told in (igmp(tail), mld(tail), igmp(b"\x22" + tail), mld(b"\x8f" + tail)):
        assert told is None or isinstance(told.text, str)
