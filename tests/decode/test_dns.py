"""DNS messages: the question, the answer's addresses, and that broken ones are none."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.decode.dns import DnsMessage, decode_dns

NAME = b"\x03www\x04test\x00"
QUESTION = struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + NAME + b"\x00\x1c\x00\x01"


def answer(rcode: int, *records: bytes) -> bytes:
    return struct.pack(">6H", 7, 0x8180 | rcode, 1, len(records), 0, 0) + NAME + b"\x00\x01\x00\x01" + b"".join(records)


def record(kind: int, value: bytes, owner: bytes = b"\xc0\x0c") -> bytes:
    return owner + struct.pack(">HHIH", kind, 1, 60, len(value)) + value


def test_a_question_has_a_name_and_a_type() -> None:
    assert decode_dns(QUESTION) == DnsMessage(7, False, "NOERROR", "www.test", "AAAA", 0, ())


def test_an_answer_gives_the_addresses_behind_other_records() -> None:
    data = answer(0, record(5, b"\x01x\xc0\x10"), record(1, bytes([10, 0, 0, 9])), record(28, bytes(15) + b"\x01"))
    assert decode_dns(data) == DnsMessage(7, True, "NOERROR", "www.test", "A", 3, ("10.0.0.9", "::1"))


@pytest.mark.parametrize(("rcode", "word"), [(2, "SERVFAIL"), (3, "NXDOMAIN"), (11, "rcode 11")])
def test_a_refusal_is_named(rcode: int, word: str) -> None:
    found = decode_dns(answer(rcode))
    assert found is not None
    assert found.rcode == word


def test_a_name_that_points_at_itself_is_no_message() -> None:
    assert decode_dns(struct.pack(">6H", 7, 0, 1, 0, 0, 0) + b"\xc0\x0c\x00\x01\x00\x01") is None


@pytest.mark.parametrize("size", range(len(QUESTION)))
def test_a_cut_question_is_no_message(size: int) -> None:
    assert decode_dns(QUESTION[:size]) is None


@given(st.binary(max_size=80))
def test_any_bytes_give_a_message_or_none(data: bytes) -> None:
    for message in (data, answer(0)[:12] + data):
        found = decode_dns(message)
        assert found is None or found.id == int.from_bytes(message[:2])
