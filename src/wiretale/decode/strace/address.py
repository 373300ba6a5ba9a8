"""Socket addresses in strace's words. Families that `decode/sockaddr.py` knows are read there."""

from wiretale.decode.sockaddr import decode_sockaddr
from wiretale.decode.writer import Writer


def address_text(w: Writer, data: bytes) -> str:
    """The bytes of a struct sockaddr."""
    return decode_sockaddr(data).text
