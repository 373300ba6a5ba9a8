"""Options of Multipath TCP (RFC 8684, section 3): which connection a subflow is of, and where its bytes stand in it.

A connection has a key for each end. Hashes of them give its token, by which further subflows are joined to it, and
its initial data sequence number (IDSN): the first byte of payload has the number after it.
"""

import hashlib
from collections.abc import Iterator

from wiretale.light import dataclass

KIND = 30
MP_CAPABLE, MP_JOIN, DSS = 0, 1, 2  # subtypes
_VERSION_0_LENGTH = 12  # of a SYN's MP_CAPABLE in RFC 6824, which had the key there already
_ACK, _ACK_8, _MAP, _MAP_8, _FIN = 1, 2, 4, 8, 16  # flags of DSS: A, a, M, m, F (section 3.3)
INFINITE = 1 << 40  # length of the mapping that stands for all that follows (section 3.7)


@dataclass(frozen=True, slots=True)
class Capable:
    """MP_CAPABLE with at least one key. `length`: of the payload that comes with it, None if it does not say."""

    version: int
    sender: bytes
    receiver: bytes | None
    length: int | None


@dataclass(frozen=True, slots=True)
class Join:
    """MP_JOIN of a SYN: the token of the connection, made of the key of the end that the SYN is for."""

    token: bytes


@dataclass(frozen=True, slots=True)
class Mapping:
    """The bytes from relative sequence number `at` of the subflow on have data sequence numbers from `number` on.

    `bits` is 32 or 64: how much of the number there is. The length counts DATA_FIN, which `fin` tells of, as a byte.
    """

    number: int
    bits: int
    at: int
    length: int
    fin: bool


@dataclass(frozen=True, slots=True)
class Signal:
    """DSS. `ack` is the data sequence number that the sender expects next, of `ack_bits` bits."""

    ack: int | None
    ack_bits: int
    mapping: Mapping | None


Option = Capable | Join | Signal


def token(key: bytes, version: int) -> bytes:
    """Section 3.2; version 0 used SHA-1 (RFC 6824)."""
    return _hash(key, version)[:4]


def initial_number(key: bytes, version: int) -> int:
    """The IDSN of the end that made the key: the last 64 bits of the hash (section 3.1)."""
    return int.from_bytes(_hash(key, version)[-8:], "big")


def _hash(key: bytes, version: int) -> bytes:
    return hashlib.sha256(key).digest() if version else hashlib.sha1(key, usedforsecurity=False).digest()


def unwrapped(value: int, bits: int, near: int) -> int:
    """The number with these low bits that is nearest to `near`."""
    size = 1 << bits
    return near + (value - near + size // 2) % size - size // 2


def read(options: bytes) -> Iterator[Option]:
    """What the options of one TCP header say of MPTCP, as far as placing bytes needs it. Total: any bytes will do."""
    at = 0
    while at < len(options) and options[at] != 0:
        size = 1 if options[at] == 1 else options[at + 1] if at + 1 < len(options) else 0
        if size < 1 or at + size > len(options) or (options[at] != 1 and size < 2):
            return
        if options[at] == KIND and size >= 4:
            found = _READERS.get(options[at + 2] >> 4, _nothing)(options[at : at + size])
            if found is not None:
                yield found
        at += size


def _nothing(_: bytes) -> None:
    return None


def _capable(option: bytes) -> Capable | None:
    version = option[2] & 15
    if len(option) < 12 or (version == 0 and len(option) not in (12, 20)):
        return None
    receiver = option[12:20] if len(option) >= 20 else None
    length = int.from_bytes(option[20:22], "big") if len(option) >= 22 else None
    return Capable(version, option[4:12], receiver, length)


def _join(option: bytes) -> Join | None:
    return Join(option[4:8]) if len(option) == 12 else None  # others belong to the answers


def _signal(option: bytes) -> Signal | None:
    flags, at = option[3], 4
    ack, ack_bits, mapping = None, 64 if flags & _ACK_8 else 32, None
    if flags & _ACK:
        ack, at = int.from_bytes(option[at : at + ack_bits // 8], "big"), at + ack_bits // 8
    if flags & _MAP:
        bits = 64 if flags & _MAP_8 else 32
        number, at = int.from_bytes(option[at : at + bits // 8], "big"), at + bits // 8
        place, length = int.from_bytes(option[at : at + 4], "big"), int.from_bytes(option[at + 4 : at + 6], "big")
        at += 6
        mapping = Mapping(number, bits, place, length or INFINITE, bool(flags & _FIN))
    return Signal(ack, ack_bits, mapping) if at <= len(option) else None


_READERS = {MP_CAPABLE: _capable, MP_JOIN: _join, DSS: _signal}
