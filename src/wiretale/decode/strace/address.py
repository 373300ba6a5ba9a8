"""Socket addresses in strace's words. Families that `decode/sockaddr.py` knows are read there."""

from wiretale.decode.escape import escape_bytes
from wiretale.decode.sockaddr import decode_sockaddr
from wiretale.decode.writer import Writer

_LEAST = {2: 16, 10: 24, 16: 12, 17: 20, 40: 16}  # AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK


def address_text(w: Writer, data: bytes) -> str:
    """The bytes of a struct sockaddr; one that is too short for its family as bytes."""
    if len(data) < 2:
        return "{sa_family=AF_UNSPEC}" if not any(data) else "{...}"
    family = data[0] | data[1] << 8
    name = w.enum("family", family)
    if (family == 1 and len(data) > 2) or (family in _LEAST and len(data) >= _LEAST[family]):
        decoded = decode_sockaddr(data)
    else:
        return f"{{sa_family={name}, sa_data={escape_bytes(data[2:])}}}" if len(data) > 2 else f"{{sa_family={name}}}"
    return "{" + ", ".join([f"sa_family={name}", *decoded.fields]) + "}"
