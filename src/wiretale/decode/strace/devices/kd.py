"""Requests to consoles and their keyboards (linux/kd.h, keyboard.h)."""

from collections.abc import Callable

from wiretale.decode.strace import names
from wiretale.decode.strace.devices.forms import (
    Form,
    Given,
    Struct,
    bits,
    braces,
    decimal,
    elements,
    number_noted,
    styled,
)
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.writer import pointer_text, signed32

LEAST = {
    "kd_colours": 1, "kd_font": 1, "kd_map": 1, "kd_unicode_map": 1, "kd_accents": 4, "kd_wide_accents": 4,
    "kd_entry": 2, "kd_given_entry": 2, "kd_string": 1, "kd_given_string": 1,
}  # fmt: skip
_LEDS = {1: "LED_SCR", 2: "LED_NUM", 4: "LED_CAP"}
_LEDS_AND_DEFAULTS = {**_LEDS, **{mask << 4: f"{label}<<4" for mask, label in _LEDS.items()}}
_TABLES = {0: "K_NORMTAB", 1: "K_SHIFTTAB", 2: "K_ALTTAB", 3: "K_ALTSHIFTTAB"}
_MODIFIERS = ("SHIFT", "ALTGR", "CTRL", "ALT", "SHIFTL", "SHIFTR", "CTRLL", "CTRLR")  # KG_*, by number
_TABLE_BITS = {1 << bit: f"1<<KG_{name}" for bit, name in enumerate(_MODIFIERS)}
# KT_*, by number
_TYPES = (
    "LATIN", "FN", "SPEC", "PAD", "DEAD", "CONS", "CUR", "SHIFT", "META", "ASCII", "LOCK", "LETTER", "SLOCK", "DEAD2",
    "BRL",
)  # fmt: skip
_OF_CHARACTERS = frozenset({0, 8, 11, 13})
_FUNCTION_KEYS = 1 << 8  # K(KT_FN, 0)
_PORTS = range(0x3B4, 0x3E0)  # GPFIRST to GPLAST of drivers/tty/vt/vt_ioctl.c
_TICKS = 1193182  # PIT_TICK_RATE of linux/timex.h
_DIRECT = range(0xF000, 0xF200)  # UNI_DIRECT_BASE, UNI_DIRECT_MASK of linux/kd.h
_MAX_ACCENTS = 256
_GLYPH = 32  # bytes of a character of the old fonts
_SET, _GET, _SET_DEFAULT, _COPY = range(4)  # KD_FONT_OP_*
_GIO_UNIMAP, _GIO_FONTX, _KDGETKEYCODE = 0x4B66, 0x4B6B, 0x4B4C
_ESCAPES = {
    0x09: "\\t", 0x0A: "\\n", 0x0B: "\\v", 0x0C: "\\f", 0x0D: "\\r", 0x27: "\\'", 0x5C: "\\\\",
}  # fmt: skip


# -- plain numbers ---------------------------------------------------------------------------------------------------


def _mode(w: StraceWriter, value: int) -> str:
    name = names.known("ioctl_kd_kbmode", value, w.arch)
    if w.style.names is Names.RAW:
        return str(value)
    return decimal(w, value, name) if name else f"{value} /* K_??? */"


def _port(w: StraceWriter, value: int) -> str:
    return number_noted(w, names.number(value), f"GPFIRST + {value - _PORTS.start}" if value in _PORTS else "")


def _sound(w: StraceWriter, value: int) -> str:
    pitch = _TICKS // value if value else 0
    return number_noted(w, str(value), f"{pitch} Hz" if pitch else "off")


def _tone(w: StraceWriter, value: int) -> str:
    length, period = value >> 16 & 0xFFFF, value & 0xFFFF
    text = f"{length}<<16|{period}" if length else str(period)
    return number_noted(w, text, f"{_TICKS // period} Hz, {length} ms" if length and period else "off")


def _signal(w: StraceWriter, value: int) -> str:
    return w.signal(value) if 0 < value <= 64 else str(value)


NUMBERS: dict[str, Callable[[StraceWriter, int], str]] = {
    "kd_mode": lambda w, value: _mode(w, signed32(value)),
    "kd_port": _port,
    "kd_sound": _sound,
    "kd_tone": _tone,
    "kd_signal": _signal,
    "kd_lights": lambda w, value: bits(w, value & 0xFF, _LEDS, "LED_???"),
    "kd_locks": lambda w, value: bits(w, value & 0xFF, _LEDS_AND_DEFAULTS, "LED_???"),
}


# -- memory that is not text -----------------------------------------------------------------------------------------


def _hexadecimal(w: StraceWriter, data: bytes, size: int, address: int) -> str:
    """Bytes, as far as -s says; the address if even those were not there."""
    if not address or len(data) < min(size, w.limit + 1):
        return pointer_text(address)
    return hex_literal(data[: min(size, w.limit)]) + ("..." if size > w.limit else "")


def _block(size: int) -> Form:
    def text(given: Given) -> str:
        data = given.before if given.before is not None else given.after
        address = given.w.unsigned(given.w.values[given.index])
        return given.address if data is None else _hexadecimal(given.w, data, size, address)

    return text


def _data(given: Given, struct: Struct, pointer: str, size: int, *, at_exit: bool) -> str:
    datum = given.followed(struct, pointer, at_exit=at_exit)
    data = datum.bytes if datum is not None else b""
    return f"{pointer}={_hexadecimal(given.w, data, size, struct[pointer])}"


def _old_font(given: Given) -> str:
    """struct consolefontdesc; the characters lie behind its pointer."""
    first = given.first
    head = ("charcount", "charheight")
    if given.w.values[1] & 0xFFFFFFFF != _GIO_FONTX:
        return braces(first.texts(*head), [_data(given, first, "chardata", first["charcount"] * _GLYPH, at_exit=False)])
    asked = braces(first.texts(*head, "chardata"))
    if given.after is None:
        return asked
    last = given.last
    shown = _data(given, last, "chardata", last["charcount"] * _GLYPH, at_exit=True)
    return f"{asked} => {braces(last.texts(*head), [shown])}"


def _glyphs(struct: Struct) -> int:
    return struct["charcount"] * _GLYPH * ((struct["width"] + 7) // 8)


def _font(given: Given) -> str:
    """struct console_font_op: what its fields are for depends on the operation."""
    first = given.first
    operation = first["op"]
    size = ("width", "height")
    if operation == _COPY:
        return braces(first.texts("op", "height"))
    if operation == _SET_DEFAULT:
        datum = given.followed(first, "data", at_exit=False)
        asked = braces(
            first.texts("op", *size), [f"data={_name(given, first, datum.bytes if datum is not None else b'')}"]
        )
        return asked if given.after is None else f"{asked} => {braces(given.last.texts(*size))}"
    head = first.texts("op", "flags", *size, "charcount")
    if operation == _SET:
        return braces(head, [_data(given, first, "data", _glyphs(first), at_exit=False)])
    asked = braces(head, first.texts("data"))
    if given.after is None:
        return asked
    last = given.last
    shown = _data(given, last, "data", _glyphs(last), at_exit=True) if operation == _GET else last.texts("data")[0]
    return f"{asked} => {braces(last.texts(*size, 'charcount'), [shown])}"


def _name(given: Given, struct: Struct, data: bytes) -> str:
    """The name of a font, of at most MAX_FONT_NAME bytes (drivers/tty/vt/vt.c)."""
    text, nul, _ = data[:32].partition(b"\0")
    w = given.w
    if nul:
        return w.text(text)
    return w.text(text[:31]) + "..." if len(text) >= 32 else pointer_text(struct["data"])


# -- tables ----------------------------------------------------------------------------------------------------------


def _unicode(w: StraceWriter, data: bytes) -> str:
    value = int.from_bytes(data, "little")
    if value not in _DIRECT or w.style.names is Names.RAW:
        return names.number(value)
    text = f"UNI_DIRECT_BASE+{names.number(value - _DIRECT.start)}"
    return f"{value:#x} /* {text} */" if w.style.names is Names.VERBOSE else text


def _unicode_map(given: Given) -> str:
    data = given.before if given.before is not None else given.after
    w = given.w
    address = w.unsigned(w.values[given.index])
    return (
        given.address
        if data is None
        else elements(w, data, address, lambda piece: _unicode(w, piece), count=256, size=2)
    )


def _pairs(given: Given) -> str:
    """struct unimapdesc. How many there are is read anew even if the call failed."""
    first, w = given.first, given.w
    asks = w.values[1] & 0xFFFFFFFF == _GIO_UNIMAP
    count = first
    text = first.texts("entry_ct")[0]
    if asks:
        datum = w.datum(given.index, "struct", at_exit=True)
        count = (
            Struct(w, given.name, datum.bytes) if datum is not None and len(datum.bytes) >= len(first.data) else first
        )
        text += f" => {count['entry_ct']}"
    address = count["entries"]
    if asks and given.after is None:
        return braces([text], [f"entries={pointer_text(address)}"])
    pairs = given.followed(first, "entries", at_exit=asks)
    data = pairs.bytes if pairs is not None else b""
    shown = elements(w, data, address, lambda piece: str(Struct(w, "kd_pair", piece)), count=count["entry_ct"], size=4)
    return braces([text], [f"entries={shown if address else 'NULL'}"])


def _character(value: int) -> str:
    if value in _ESCAPES:
        return f"'{_ESCAPES[value]}'"
    return f"'{chr(value)}'" if 0x20 <= value < 0x7F else f"'\\x{value:02x}'"


def _accents(given: Given) -> str:
    """How many there are, and letters with accents behind that."""
    data = given.before if given.before is not None else given.after
    w = given.w
    if data is None:
        return given.address
    count = int.from_bytes(data[:4], "little")
    wide = given.name == "kd_wide_accents"
    size, label = (12, "kbdiacruc") if wide else (3, "kbdiacr")

    def text(piece: bytes) -> str:
        parts = [int.from_bytes(piece[at : at + size // 3], "little") for at in range(0, size, size // 3)]
        labels = zip(("diacr", "base", "result"), parts, strict=True)
        return braces(f"{name}={names.number(v) if wide else _character(v)}" for name, v in labels)

    address = w.unsigned(w.values[given.index]) + 4
    shown = elements(w, data[4:], address, text, count=count, size=size, room=_MAX_ACCENTS)
    return braces([f"kb_cnt={count}"], [f"{label}={shown}"])


# -- keys ------------------------------------------------------------------------------------------------------------


def _key(w: StraceWriter, value: int) -> str:
    """What a key does: K_HOLE, K(KT_LATIN, 'a')."""
    kind, code = value >> 8, value & 0xFF
    name = names.known("device_kd_key", value, w.arch) if kind not in _OF_CHARACTERS else ""
    if not name:
        shown = _character(code) if kind in _OF_CHARACTERS else names.number(code)
        name = f"K({f'KT_{_TYPES[kind]}' if kind < len(_TYPES) else names.number(kind)}, {shown})"
    return number_noted(w, names.number(value), name)


def _entry(given: Given) -> str:
    if given.before is None:
        return given.address
    w = given.w
    table, index = given.before[:2]
    name = styled(w, table, _TABLES[table]) if table in _TABLES else bits(w, table, _TABLE_BITS, "")
    shown = [f"kb_table={name}", f"kb_index={index}"]
    answer = given.after if given.name == "kd_entry" else given.before
    if answer is not None:
        whole = len(answer) >= 4
        shown.append(f"kb_value={_key(w, int.from_bytes(answer[2:4], 'little')) if whole else '???'}")
    return braces(shown)


def _string(given: Given) -> str:
    if given.before is None:
        return given.address
    w = given.w
    function = given.before[0]
    key = names.known("device_kd_key", _FUNCTION_KEYS + function, w.arch)
    shown = [f"kb_func={styled(w, function, f'KVAL({key})')}"]
    answer = given.after if given.name == "kd_string" else given.before
    if answer is not None:
        shown.append(f"kb_string={_text(w, answer[1:])}")
    return braces(shown)


_STRING_BYTES = 512


def _text(w: StraceWriter, data: bytes) -> str:
    most = min(w.limit, _STRING_BYTES)
    text, nul, _ = data[:most].partition(b"\0")
    if nul:
        return w.text(text)
    return w.text(data[:most]) + "..." if len(data) >= min(most + 1, _STRING_BYTES) else "???"


def _code(given: Given) -> str:
    first = given.first
    if given.w.values[1] & 0xFFFFFFFF != _KDGETKEYCODE or given.after is None:
        return str(first)
    return braces(first.texts("scancode"), [f"{first.texts('keycode')[0]} => {given.last.value('keycode')}"])


def _repeat(given: Given) -> str:
    return str(given.first) if given.after is None else f"{given.first} => {given.last}"


def _one(text: Callable[[StraceWriter, int], str]) -> Form:
    return lambda given: f"[{text(given.w, given.only['value'])}]"


FORMS: dict[str, Form] = {
    "kd_colours": _block(48),
    "kd_font": _block(8192),
    "kd_map": _block(256),
    "kd_unicode_map": _unicode_map,
    "kd_accents": _accents,
    "kd_wide_accents": _accents,
    "kd_entry": _entry,
    "kd_given_entry": _entry,
    "kd_string": _string,
    "kd_given_string": _string,
    "kd_code": _code,
    "kd_repeat": _repeat,
    "kd_old_font": _old_font,
    "kd_font_op": _font,
    "kd_pairs": _pairs,
    "kd_leds": _one(NUMBERS["kd_lights"]),
    "kd_lock_leds": _one(NUMBERS["kd_locks"]),
    "kd_keyboard_mode": _one(_mode),
}
