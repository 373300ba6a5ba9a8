"""Types of values in filters: what each is called, and which can be compared with which."""

from enum import StrEnum


class FieldType(StrEnum):
    """What values a field has, in words for error messages and lists."""

    NUMBER = "a number"
    BOOLEAN = "true or false"
    TEXT = "a text"
    BYTES = "bytes"
    PROTOCOL = "a protocol"  # bytes, and the test whether it is there
    ETHER = "a hardware address"
    IPV4 = "an IPv4 address"
    IPV6 = "an IPv6 address"
    ADDRESS = "an IP address"  # of either version
    DURATION = "a time span such as 1ms or 0.5s"
    TIME = 'a date and time such as "2026-11-25 04:15:16"'
    ERROR = "an error such as ECONNREFUSED"
    LABEL = "no value"  # it is there or not


NUMERIC = (FieldType.NUMBER, FieldType.BOOLEAN, FieldType.ERROR)
ADDRESSES = (FieldType.IPV4, FieldType.IPV6, FieldType.ADDRESS)
BYTES_LIKE = (FieldType.BYTES, FieldType.PROTOCOL, FieldType.ETHER)
SLICED = (*BYTES_LIKE, *ADDRESSES, FieldType.TEXT)  # what a slice can be taken of
_SPANS = (FieldType.DURATION,)
_GROUPS = (
    NUMERIC,
    (*BYTES_LIKE,),
    (FieldType.TEXT,),
    (FieldType.IPV4, FieldType.ADDRESS),
    (FieldType.IPV6, FieldType.ADDRESS),
    _SPANS,
    (FieldType.TIME,),
)


def comparable(left: FieldType, right: FieldType) -> bool:
    """Whether two fields can be compared. An address compares with a slice, too: with the bytes it has in a packet."""
    if any(left in group and right in group for group in _GROUPS):
        return {left, right} != {FieldType.PROTOCOL, FieldType.ETHER}
    return (left in ADDRESSES and right is FieldType.BYTES) or (right in ADDRESSES and left is FieldType.BYTES)
