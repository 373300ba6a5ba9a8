"""`--bytes DIR:LO-HI`: a range of bytes of a connection, as commands take it."""

import re

from wiretale.errors import UsageFault

_BYTES = re.compile(r"(c2s|s2c):(\d+)(?:-(\d+))?")
_MOST = 1 << 62  # beyond any stream, and within the database's integers


def byte_range(text: str) -> tuple[str, int, int]:
    """Direction, first byte, last byte."""
    words = _BYTES.fullmatch(text)
    if words is None:
        raise UsageFault(f"{text!r} is no direction with a range of bytes", "for example --bytes s2c:0-99")
    first, last = int(words[2]), int(words[3] or words[2])
    if last < first or last > _MOST:
        raise UsageFault(f"{text!r} is no range of bytes", "for example --bytes s2c:0-99")
    return words[1], first, last
