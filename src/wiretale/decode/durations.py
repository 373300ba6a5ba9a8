"""Time spans in words."""


def duration(nanoseconds: int) -> str:
    """A time span with three significant digits and its unit: 61 us, 1.25 ms, 3.2 s."""
    size = abs(nanoseconds)
    for unit, scale in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000)):
        if size >= scale:
            value = nanoseconds / scale
            digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
            return f"{value:.{digits}f}".rstrip("0").rstrip(".") + f" {unit}" if digits else f"{value:.0f} {unit}"
    return f"{nanoseconds} ns"
