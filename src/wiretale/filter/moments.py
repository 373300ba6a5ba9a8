"""Dates and times as wireshark-filter(4) writes them -> nanoseconds since 1970."""

import re
from datetime import UTC, datetime, timedelta, timezone

_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{1,2})(?::(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?)?"
    r"\s*(Z|UTC|[+-]\d{2}:?(?:\d{2})?)?",
    re.IGNORECASE,
)
_MONTHS = {
    name: n
    for n, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}
_LEGACY = re.compile(
    r"([A-Za-z]{3}) +(\d{1,2}), *(\d{4})(?: +(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s*(UTC|Z)?",
    re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(text: str) -> int | None:
    """2026-11-25, 2026-11-25T04:15:16.5Z, "2026-11-25 04:15:16 +01:00", "Nov 25, 2026 04:15:16 UTC"; without a zone it
    is local time. None if it is none of these."""
    text = text.strip()
    if match := _ISO.fullmatch(text):
        year, month, day = (int(match.group(n)) for n in (1, 2, 3))
    elif match := _LEGACY.fullmatch(text):
        year, month, day = int(match.group(3)), _MONTHS.get(match.group(1).lower(), 0), int(match.group(2))
    else:
        return None
    hour, minute, second = (int(match.group(n) or 0) for n in (4, 5, 6))
    fraction = (match.group(7) or "").ljust(9, "0")
    try:
        local = datetime(year, month, day, hour, minute, second)
        zone = _zone(match.group(8))
        there = local.replace(tzinfo=zone) if zone is not None else local.astimezone()
        since = there - _EPOCH
    except (ValueError, OverflowError, OSError):
        return None
    nanoseconds = (since // timedelta(seconds=1)) * 1_000_000_000 + int(fraction)
    return nanoseconds if abs(nanoseconds) < 1 << 63 else None


def _zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text.upper() in ("Z", "UTC"):
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
