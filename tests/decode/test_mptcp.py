"""Options of MPTCP, as RFC 8684 lays them out."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.decode.mptcp import (
    INFINITE,
    Capable,
    Join,
    Mapping,
    Option,
    Signal,
    initial_number,
    read,
    token,
    unwrapped,
)

KEY, OTHER = bytes(range(8)), bytes(range(8, 16))
NOPS = b"\x01\x01"


def option(subtype: int, rest: str, low: int = 0) -> bytes:
    body = bytes([subtype << 4 | low]) + bytes.fromhex(rest)
    return bytes([30, 2 + len(body)]) + body


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (option(0, "01", 1), None),  # a SYN of version 1 has no key yet
        (option(0, "01" + KEY.hex(), 1), Capable(1, KEY, None, None)),
        (option(0, "01" + KEY.hex() + OTHER.hex(), 1), Capable(1, KEY, OTHER, None)),
        (option(0, "01" + KEY.hex() + OTHER.hex() + "0005", 1), Capable(1, KEY, OTHER, 5)),
        (option(1, "02" + "01020304" + "aabbccdd"), Join(b"\1\2\3\4")),
        (option(1, "02" + "00" * 12), None),  # its answer has no token
        (option(2, "01" + "00000007"), Signal(7, 32, None)),
        (option(2, "03" + "00" * 7 + "07"), Signal(7, 64, None)),
        (option(2, "04" + "00000009" + "00000001" + "0064"), Signal(None, 32, Mapping(9, 32, 1, 100, fin=False))),
        (
            option(2, "17" + "00000007" * 2 + "00000009" + "00000001" + "0064" + "beef"),
            Signal(0x700000007, 64, Mapping(9, 32, 1, 100, fin=True)),
        ),
        (option(2, "0c" + "00" * 7 + "09" + "00000001" + "0000"), Signal(None, 32, Mapping(9, 64, 1, INFINITE, False))),
        (option(2, "04" + "00000009"), None),  # cut
        (option(3, "00" * 8), None),
    ],
)
def test_what_an_option_says(options: bytes, found: object) -> None:
    expected = [] if found is None else [found]
    assert list(read(NOPS + options + NOPS)) == expected
    assert list(read(b"\x02\x04\x05\xb4" + options + b"\0" + options)) == expected  # nothing counts behind the end


def test_a_key_makes_the_token_and_the_first_number() -> None:
    digest = hashlib.sha256(KEY).digest()
    assert token(KEY, 1) == digest[:4]
    assert initial_number(KEY, 1) == int.from_bytes(digest[24:], "big")
    assert token(KEY, 0) == hashlib.sha1(KEY).digest()[:4]


def test_low_bits_are_of_the_nearest_number() -> None:
    assert unwrapped(3, 32, (1 << 32) - 5) == (1 << 32) + 3
    assert unwrapped((1 << 32) - 5, 32, (1 << 32) + 3) == (1 << 32) - 5
    assert unwrapped(2, 64, (1 << 64) - 2) == (1 << 64) + 2


@given(st.binary(max_size=60))
def test_any_bytes_can_be_read(options: bytes) -> None:
    assert all(isinstance(option, Option) for option in read(options))
