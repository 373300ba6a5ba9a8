"""The flags of a TCP header (RFC 9293 3.1) by name."""

from functools import lru_cache

_FLAGS = (
    (0x002, "SYN"), (0x001, "FIN"), (0x004, "RST"), (0x008, "PSH"), (0x010, "ACK"), (0x020, "URG"), (0x040, "ECE"),
    (0x080, "CWR"), (0x100, "AE"),
)  # fmt: skip


@lru_cache(maxsize=1024)
def flag_names(flags: int) -> str:
    """`[SYN, ACK]`; `[none]` if no flag is set."""
    return f"[{', '.join(name for bit, name in _FLAGS if flags & bit) or 'none'}]"
