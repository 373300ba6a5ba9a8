"""Hostile bytes and text made harmless: nothing that leaves here can move a cursor, change a colour or reorder a line.

`escape_bytes` gives the C string literal of bytes: pure printable ASCII. `escape_text` keeps letters of all scripts and
replaces what acts instead of being shown: control characters, bidirectional overrides (CVE-2021-42574), invisible
format characters, line separators and lone surrogates.
"""

_SHORT = {0x09: "\\t", 0x0A: "\\n", 0x0B: "\\v", 0x0C: "\\f", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\"}
_OCTAL_DIGITS = frozenset(b"01234567")


def _plain(byte: int) -> bool:
    return 0x20 <= byte < 0x7F and byte not in _SHORT


# Three spellings of each byte: as it is, octal in its shortest form, octal with three digits. The shortest form would
# swallow an octal digit that follows it, so there the long one is needed.
_LITERAL = [chr(b) if _plain(b) else _SHORT.get(b, f"\\{b:o}") for b in range(256)]
_BEFORE_DIGIT = [chr(b) if _plain(b) else _SHORT.get(b, f"\\{b:03o}") for b in range(256)]
_SPELLED = (_LITERAL, _BEFORE_DIGIT)
_IS_OCTAL_DIGIT = bytes(b in _OCTAL_DIGITS for b in range(256))
# Which is decided byte by byte only where one that is spelled short (s) stands before such a digit (d).
_KINDS = bytes(
    b"s"[0] if len(_LITERAL[b]) in (2, 3) and b not in _SHORT else b"d"[0] if b in _OCTAL_DIGITS else 0
    for b in range(256)
)
_SAFE_BYTES = bytes(b for b in range(256) if _plain(b))


def escape_bytes(data: bytes, limit: int | None = None) -> str:
    r"""The C string literal of `data`, for example `"salam\n"`; followed by "..." if longer than `limit`."""
    cut = limit is not None and len(data) > limit
    if cut:
        data = data[: max(limit or 0, 0)]
    if not data.translate(None, _SAFE_BYTES):
        text = data.decode("ascii")
    elif b"sd" not in data.translate(_KINDS):
        text = data.decode("latin-1").translate(_LITERAL)
    else:
        before_digit = (data[1:] + b"\0").translate(_IS_OCTAL_DIGIT)
        text = "".join([_SPELLED[digit][byte] for byte, digit in zip(data, before_digit, strict=True)])
    return f'"{text}"...' if cut else f'"{text}"'


def _visible(character: str) -> str:
    code = ord(character)
    if code in _SHORT:
        return _SHORT[code]
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escape_text(text: str) -> str:
    r"""`text` with everything that acts on a terminal or reorders it made visible, for example ESC as `\x1b`.

    Bytes that os.fsdecode could not read come out as `\xNN`. A backslash stays itself, so that text escaped
    twice is the same as text escaped once.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _visible(c) for c in text)
