"""Amateur radio addresses (linux/ax25.h): a call sign is seven bytes, each letter shifted left by one."""

import struct

from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.writer import Writer

_CALL, _MOST_DIGIPEATERS = 7, 8
_AT = 16  # struct full_sockaddr_ax25: the digipeaters follow struct sockaddr_ax25


def call_sign(raw: bytes) -> str:
    """VALID-13; `*` if it is empty; the bytes themselves, with what they look like, if it is not a proper one."""
    letters, number = [b >> 1 for b in raw[:6]], raw[6] >> 1 & 0xF
    text = "".join(map(chr, letters)).rstrip(" ")
    shiftless = not any(b & 1 for b in raw[:6])
    proper = bool(text) and all(c.isascii() and (c.isdigit() or c.isupper()) for c in text)
    if shiftless and not text and not raw[6]:
        return "*"
    if shiftless and proper and not raw[6] & 0xE1:
        return f"{text}-{number}"
    visible = all(0x20 <= c < 0x7F for c in letters) and "*/" not in text and any(letters)
    note = f" /* {text}-{number} */" if visible else ""
    return f"{{ax25_call={hex_literal(raw)}}}{note}"


def ax25_fields(w: Writer, data: bytes) -> list[str]:
    """struct sockaddr_ax25, or the full one when there is room for digipeaters."""
    (count,) = struct.unpack_from("<i", data, 12) if len(data) >= 16 else (0,)
    sign = call_sign(data[2:9])
    if not count and len(data) <= _AT:
        return [f"sax25_call={sign}", f"sax25_ndigis={count}"]
    fields = [f"fsa_ax25={{sax25_call={sign}, sax25_ndigis={count}}}"]
    wanted = min(max(count, 0), _MOST_DIGIPEATERS)
    there = min((len(data) - _AT) // _CALL, wanted)
    shown = [call_sign(data[_AT + _CALL * i : _AT + _CALL * (i + 1)]) for i in range(there)]
    shown += ["..."] if there < wanted else []
    if shown:
        fields.append(f"fsa_digipeater=[{', '.join(shown)}]")
    room = min((len(data) - _AT) // _CALL, _MOST_DIGIPEATERS)
    return [*fields, *(["..."] if len(data) > _AT + _CALL * room else [])]
