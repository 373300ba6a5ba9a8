"""A DNS message in words: what was asked, and what the answer says (RFC 1035). Enough for a story, no full decoder."""

import ipaddress
import struct

from wiretale.light import dataclass

TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 65: "HTTPS"}
# RFC 1035 4.1.1, RFC 6895 2.3
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
_POINTERS = 16  # more than that are a loop
_ANSWERS = 8


@dataclass(frozen=True, slots=True)
class DnsMessage:
    """One message. `addresses` are those of its A and AAAA answers. Names are raw text of the message."""

    id: int
    is_answer: bool
    rcode: str
    name: str
    type: str
    answers: int
    addresses: tuple[str, ...]


def decode_dns(data: bytes) -> DnsMessage | None:
    """The message; None if it is not one with exactly one question."""
    if len(data) < 12:
        return None
    id_, flags, questions, answers, _, _ = struct.unpack_from(">6H", data)
    if questions != 1 or flags & 0x7800:  # a standard query only
        return None
    question = _name(data, 12)
    if question is None or len(data) < question[1] + 4:
        return None
    name, at = question
    kind, klass = struct.unpack_from(">HH", data, at)
    if klass != 1:
        return None
    rcode = RCODES.get(flags & 15, f"rcode {flags & 15}")
    addresses = _addresses(data, at + 4, answers)
    return DnsMessage(id_, bool(flags & 0x8000), rcode, name, TYPES.get(kind, f"type {kind}"), answers, addresses)


def _name(data: bytes, at: int) -> tuple[str, int] | None:
    """A name and where it ends; None if it is broken or cut."""
    labels: list[str] = []
    end, pointers = None, 0
    while at < len(data):
        size = data[at]
        if size == 0:
            return ".".join(labels) or ".", end if end is not None else at + 1
        if size >= 0xC0:  # a pointer to an earlier name (RFC 1035 4.1.4)
            pointers += 1
            if pointers > _POINTERS or at + 1 >= len(data):
                return None
            end = at + 2 if end is None else end
            at = (size & 0x3F) << 8 | data[at + 1]
            continue
        if size > 63 or at + 1 + size > len(data):
            return None
        labels.append(data[at + 1 : at + 1 + size].decode("latin-1"))
        at += 1 + size
    return None


def _addresses(data: bytes, at: int, answers: int) -> tuple[str, ...]:
    found: list[str] = []
    for _ in range(min(answers, _ANSWERS)):
        owner = _name(data, at)
        if owner is None or len(data) < owner[1] + 10:
            break
        kind, _, _, size = struct.unpack_from(">HHIH", data, owner[1])
        at = owner[1] + 10
        value = data[at : at + size]
        if (kind, len(value)) in ((1, 4), (28, 16)):
            found.append(str(ipaddress.ip_address(value)))
        at += size
    return tuple(found)
