"""Words and figures as sentences use them. Everything that takes text of a capture escapes it."""

import re
from collections.abc import Iterable, Sequence

from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text

# Of Unicode's private use area: escape_text makes them visible (they are not printable), so no captured text has them.
CODE_BEGIN, CODE_END = "\ue000", "\ue001"


def code(text: str) -> str:
    """`text`, to be set as code. Escapes it."""
    return f"{CODE_BEGIN}{escape_text(text)}{CODE_END}"


def plain(text: str, mark: str = "") -> str:
    """A text without its marks, or with `mark` in their place."""
    return text.replace(CODE_BEGIN, mark).replace(CODE_END, mark)


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 byte`, `6 bytes`, `no bytes`, `1,234 bytes`."""
    many = plural or noun + "s"
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {many}" if number else f"no {many}"


def listed(items: Iterable[str], most: int = 6) -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, c and 9 more`."""
    found = list(items)
    if len(found) > most:
        found = [*found[: most - 1], f"{len(found) - most + 1} more"]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""


def spread(least: int, median: int, most: int, total: int) -> str:
    """Some durations in ns: `2 ms`, `2 ms and 3 ms`, `2 ms to 9 ms, half of them within 4 ms`."""
    if total == 1 or duration(least) == duration(most):
        return duration(least)
    if total == 2:
        return f"{duration(least)} and {duration(most)}"
    return f"{duration(least)} to {duration(most)}, half of them within {duration(median)}"


def sizes(least: int, median: int, most: int, total: int) -> str:
    """Some numbers of bytes: `5 bytes`, `4 and 5 bytes`, `4 or 5 bytes`, `4 to 90 bytes (median 9)`."""
    if least == most:
        return count(least, "byte")
    if total == 2 or most == least + 1:
        return f"{least:,} {'and' if total == 2 else 'or'} {count(most, 'byte')}"
    return f"{least:,} to {count(most, 'byte')} (median {median:,})"


def place(addr: str | None, port: int | None) -> str:
    """`127.0.0.1:4000`, `[::1]:4000`, a unix path, or that there is none."""
    if not addr:
        return "a socket without a name" if port is None else f"port {port}"
    host = f"[{addr}]" if ":" in addr and port is not None else escape_text(addr)
    return host if port is None else f"{host}:{port}"


def bytes_at(low: int | None, high: int | None) -> str:
    """`bytes 0 to 5 of the stream`, or nothing for an empty or unknown range."""
    if low is None or high is None or high <= low:
        return ""
    return f"byte {low:,}" if high == low + 1 else f"bytes {low:,} to {high - 1:,}"


def within(error_ns: int) -> str:
    """The error bound in brackets, where there is one."""
    return f" (clock error at most {duration(error_ns)})" if error_ns else ""


def ordinal(number: int) -> str:
    """first, second, third, 4th."""
    words = ("", "first", "second", "third")
    if number < len(words):
        return words[number]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"


def numbers(label: str, found: Sequence[int], more: int = 0) -> str:
    """`packet 4`, `packets 4 and 6`, `packets 4, 6 and 3 more`."""
    items = [str(n) for n in found]
    said = f"{', '.join(items)} and {more:,} more" if more > 0 else listed(items, len(items))
    return f"{label}{'s' if len(items) > 1 or more > 0 else ''} {said}"


def capital(text: str) -> str:
    """With a capital letter in front."""
    return text[:1].upper() + text[1:]


_SENTENCE_START = re.compile(r"(?:^|(?<=[.?!] ))[a-z](?=\w* )")


def in_sentences(text: str) -> str:
    """With a capital letter at the beginning of each sentence. Marked code stays as it is."""
    pieces = re.split(f"({CODE_BEGIN}[^{CODE_END}]*{CODE_END})", text)
    return "".join(p if p[:1] == CODE_BEGIN else _capitals(p, is_first=i == 0) for i, p in enumerate(pieces))


def _capitals(text: str, *, is_first: bool) -> str:
    return _SENTENCE_START.sub(lambda m: m[0].upper() if m.start() or is_first else m[0], text)
