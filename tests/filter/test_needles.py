import pytest

from wiretale.filter.compile import compile_filter
from wiretale.filter.events import EventKind
from wiretale.filter.fields import FIELDS
from wiretale.filter.types import BYTES_LIKE


def needles(text, kind=EventKind.PACKET):
    return [n.data for n in compile_filter(text).needles.get(kind, ())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('frame contains "needle"', [b"needle"]),
        ("tcp.payload contains de:ad", [b"\xde\xad"]),
        ('payload matches "Ne+Dle"', [b"dle"]),
        ('tcp && payload contains "needle"', [b"needle"]),
        ('udp contains "ab" && frame contains "longer"', [b"longer"]),
        ('udp contains "one" || tcp contains "two"', [b"one", b"two"]),
        ("all eth.addr contains 00:01", [b"\x00\x01"]),
        ('payload == "needle"', [b"needle"]),
        ("payload[0:4] == 41:42:43:44", [b"ABCD"]),
        ("all tcp.payload[-2:] == 0d:0a", [b"\r\n"]),
        ("eth.src[0:3] == 00:00:5e", [b"\0\0\x5e"]),
        ("eth.src == 00:00:5e:00:01:02", [b"\0\0\x5e\0\x01\x02"]),
        # An event may match without holding the bytes, or what is searched is no piece of a frame.
        ('tcp || payload contains "needle"', []),
        ('not payload contains "needle"', []),
        ('tcp ^^ payload contains "needle"', []),
        ("frame contains eth.src", []),
        ('tcp.payload[0,2] contains "ab"', []),
        ('payload matches "a|b"', []),
        ('payload matches "\\xff+"', []),
        ('frame contains ""', []),
        ("tcp.port == 80", []),
        ('payload != "needle"', []),
        ("payload[0:2,4:2] == 41:42:43:44", []),
        ("payload > 41:42", []),
        ("payload == eth.src", []),
        ("de:ad == payload", []),
        ("ip.addr == 127.0.0.1", []),
    ],
)
def test_what_a_packet_must_hold(text, expected):
    assert needles(text) == expected


def test_a_call_must_hold_it_in_what_it_carried():
    assert needles('payload contains "needle"', EventKind.CALL) == [b"needle"]
    assert needles("payload[0:4] == 41:42:43:44", EventKind.CALL) == [b"ABCD"]
    assert needles('call.name contains "needle"', EventKind.CALL) == []
    assert needles('call.name == "needle"', EventKind.CALL) == []
    assert needles('tcp.payload contains "needle"', EventKind.CALL) == []


def test_bytes_that_are_made_are_no_piece_of_the_frame():
    made = {"tcp.options.nop", "ip.options.timestamp", "sll.src.eth", "vlan"}
    fields = {f.name for f in FIELDS if f.type in BYTES_LIKE and EventKind.PACKET in f.on}
    assert made <= fields
    assert not any(needles(f"{name} contains 01") for name in made)
    assert needles("tcp contains 01") == needles("eth.src contains 01") == [b"\x01"]
