"""DHCP messages of IPv4, from their bytes: the layout of RFC 2131 2, options of RFC 2132. Pure."""

import ipaddress

from wiretale.light import dataclass

SERVER_PORT, CLIENT_PORT = 67, 68
_HEADER, _COOKIE = 236, bytes.fromhex("63825363")
# Option 53 (RFC 2132 9.6; RFC 4388, 6926 and 7724 have further ones)
KINDS = {
    1: "DHCPDISCOVER", 2: "DHCPOFFER", 3: "DHCPREQUEST", 4: "DHCPDECLINE", 5: "DHCPACK", 6: "DHCPNAK",
    7: "DHCPRELEASE", 8: "DHCPINFORM",
}  # fmt: skip
_PAD, _END = 0, 255
_REQUESTED, _LEASE, _KIND, _SERVER, _MESSAGE = 50, 51, 53, 54, 56


@dataclass(frozen=True, slots=True)
class Dhcp:
    """One message. Addresses are None where the message has none; `kind` is "" of plain BOOTP."""

    is_reply: bool
    xid: int
    kind: str
    own: str | None  # the client's, which it has already
    given: str | None
    server: str | None
    requested: str | None
    lease_s: int | None
    message: str


def dhcp(data: bytes) -> Dhcp | None:
    """The message that a UDP payload is; None if it is none, or too little of it is there."""
    if len(data) < _HEADER or data[0] not in (1, 2):
        return None
    options = _options(data[_HEADER + len(_COOKIE) :]) if data[_HEADER:].startswith(_COOKIE) else {}
    kind = options.get(_KIND, b"")
    lease = options.get(_LEASE, b"")
    return Dhcp(
        data[0] == 2,
        int.from_bytes(data[4:8], "big"),
        KINDS.get(kind[0], f"DHCP message {kind[0]}") if kind else "",
        _address(data[12:16]),
        _address(data[16:20]),
        _address(options.get(_SERVER, b"")),
        _address(options.get(_REQUESTED, b"")),
        int.from_bytes(lease, "big") if len(lease) == 4 else None,
        options.get(_MESSAGE, b"").decode("latin-1"),
    )


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != _END:
        if data[at] == _PAD:
            at += 1
            continue
        if at + 1 >= len(data):
            break
        size = data[at + 1]
        found.setdefault(data[at], data[at + 2 : at + 2 + size])
        at += 2 + size
    return found


def _address(data: bytes) -> str | None:
    return str(ipaddress.IPv4Address(data)) if len(data) == 4 and any(data) else None
