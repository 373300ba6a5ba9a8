"""Requests to input devices (linux/input.h). Most of them have the kind of event and a size in their number."""

from wiretale.decode.strace import names
from wiretale.decode.strace.devices.forms import Form, Given, Struct, braces
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.structs import unpack
from wiretale.decode.writer import pointer_text

LEAST = {"evdev_any": 1}
_TYPE, _WRITE, _READ = ord("E"), 1, 2
_BIT, _ABS, _SET_ABS = range(0x20, 0x40), range(0x40, 0x80), range(0xC0, 0x100)
_SLOTS, _POWER = 0x0A, 0x20 + 0x16  # EVIOCGBIT(EV_PWR)
_STRINGS = {0x06: "NAME", 0x07: "PHYS", 0x08: "UNIQ"}
_SETS = {
    0x09: ("PROP", "prop"), 0x18: ("KEY", "key"), 0x19: ("LED", "led"), 0x1A: ("SND", "sound"), 0x1B: ("SW", "switch"),
}  # fmt: skip
# EV_*: the table of the codes of that kind of event
_CODES = {
    0: "event", 1: "key", 2: "rel", 3: "abs", 4: "msc", 5: "switch", 0x11: "led", 0x12: "sound", 0x14: "repeat",
    0x15: "ff_all", 0x17: "ff_status",
}  # fmt: skip
# The highest code of each, *_MAX of linux/input-event-codes.h. strace leaves that one out.
_HIGHEST = {
    "event": 0x1F, "key": 0x2FF, "rel": 0xF, "abs": 0x3F, "msc": 7, "switch": 0x10, "led": 0xF, "sound": 7,
    "repeat": 1, "ff_all": 0x7F, "ff_status": 1, "prop": 0x1F,
}  # fmt: skip
_BRIEF_BITS, _WORD = 4, 8
_ABSINFO_BYTES, _OLD_ABSINFO_BYTES = 24, 20  # without `resolution` until Linux 2.6.31


def _parts(request: int) -> tuple[int, int, int]:
    """Direction, number and size of a request; direction 0 if it is not one to an input device."""
    direction = request >> 30 if request >> 8 & 0xFF == _TYPE else 0
    return direction, request & 0xFF, request >> 16 & 0x3FFF


def _code(w: StraceWriter, table: str, value: int) -> str:
    """The name of a code inside the name of a request."""
    known = names.known(f"device_input_{table}", value, w.arch)
    if known or w.style.names is Names.VERBOSE:
        return known or hex(value)
    return w.enum(f"device_input_{table}", value)


def request_name(w: StraceWriter, request: int) -> str:
    """EVIOCGBIT(EV_KEY, 96); empty if it is none of those with a size or a code in their number."""
    direction, number, size = _parts(request)
    if direction == _WRITE and number in _SET_ABS:
        return f"EVIOCSABS({_code(w, 'abs', number - _SET_ABS.start)})"
    if direction != _READ:
        return ""
    if number in _ABS:
        return f"EVIOCGABS({_code(w, 'abs', number - _ABS.start)})"
    if number in _BIT:
        kind = number - _BIT.start
        return f"EVIOCGBIT({_code(w, 'event', kind) if kind else 0}, {size})"
    if number == _SLOTS:
        return f"EVIOCGMTSLOTS({size})"
    label = _STRINGS.get(number) or (_SETS[number][0] if number in _SETS else "")
    return f"EVIOCG{label}({size})" if label else ""


def is_ours(request: int) -> bool:
    """Whether a request is one to an input device, of the kinds that differ by a size or a code."""
    return _parts(request)[0] in (_WRITE, _READ)


def reads(request: int) -> bool:
    return _parts(request)[0] == _READ


def argument(w: StraceWriter, index: int, request: int) -> str:
    """What one of our requests was given or answered; of one without a name the address."""
    direction, number, size = _parts(request)
    address = pointer_text(w.unsigned(w.values[index]))
    if w.terse or not request_name(w, request):
        return address
    if direction == _WRITE or number in _ABS:
        datum = w.readable(index, "struct", at_exit=direction == _READ)
        whole = datum is not None and len(datum.bytes) >= _OLD_ABSINFO_BYTES
        return _absinfo(w, datum.bytes, size) if datum is not None and whole else address
    datum = w.datum(index, "struct", at_exit=True)
    count = w.call.retval or 0
    if not w.succeeded:
        return address
    if number in _STRINGS and not count and w.values[index]:
        return '""'
    if datum is None:
        return address
    if number == _POWER:
        return f"[{int.from_bytes(datum.bytes[:4], 'little', signed=True)}]" if len(datum.bytes) >= 4 else address
    if number == _SLOTS:
        return _slots(w, datum.bytes, size) if size >= 4 and len(datum.bytes) >= size else address
    if number in _STRINGS:
        cut = datum.error and len(datum.bytes) < min(count, w.limit + 1)
        return address if cut else w.data(datum.bytes[:count], count)
    table = _SETS[number][1] if number in _SETS else _CODES.get(number - _BIT.start, "")
    if count <= 0 or not table:
        return address
    used = min(count, -(-_HIGHEST[table] // 8))
    words = -(-used // _WORD) * _WORD
    cut = datum.error and len(datum.bytes) < words
    return address if cut else _set(w, table, datum.bytes[:words], used)


def _absinfo(w: StraceWriter, data: bytes, size: int) -> str:
    fields = [f"{f.name}={v!r}" for f, v in unpack("evdev_absinfo", w.arch, data)]
    if w.brief:
        return braces(fields[:2], ["..."])
    if size < _ABSINFO_BYTES:
        fields = fields[:5]
    known = (_OLD_ABSINFO_BYTES, _ABSINFO_BYTES)
    return braces(fields, ["..."] if size not in known else [])


def _slots(w: StraceWriter, data: bytes, size: int) -> str:
    """A code and its value in each slot."""
    words = [int.from_bytes(data[at : at + 4], "little", signed=at > 0) for at in range(0, size - size % 4, 4)]
    values = ", ".join(map(str, words[1:]))
    return f"{{code={w.enum('device_input_slot', words[0])}, values=[{values}]}}"


def _set(w: StraceWriter, table: str, data: bytes, used: int) -> str:
    """Codes whose bits are set in the first `used` bytes, or the words that they are in."""
    words = [names.number(int.from_bytes(data[at : at + _WORD], "little")) for at in range(0, len(data), _WORD)]
    raw = f"[{', '.join(words)}]"
    if w.style.names is Names.RAW:
        return raw
    value = int.from_bytes(data, "little")
    codes = [n for n in range(min(value.bit_length(), 8 * used, _HIGHEST[table])) if value >> n & 1]
    shown = [w.enum(f"device_input_{table}", code) for code in codes]
    if w.brief and len(shown) > _BRIEF_BITS:
        shown = [*shown[:_BRIEF_BITS], "..."]
    text = f"[{' '.join(shown)}]"
    return f"{text} /* {raw} */" if w.style.names is Names.VERBOSE else text


def _keymap(given: Given) -> str:
    keymap = given.only
    head = keymap.texts("flags", "len")
    return braces(head, ["..."] if given.w.brief else keymap.texts("index", "keycode", "scancode"))


_FF_RUMBLE, _FF_PERIODIC, _FF_CONSTANT, _FF_RAMP = 0x50, 0x51, 0x52, 0x57
_EFFECTS = {_FF_RUMBLE: "rumble", _FF_PERIODIC: "periodic", _FF_CONSTANT: "constant", _FF_RAMP: "ramp"}


def _effect(given: Given) -> str:
    effect = given.first
    head = effect.texts("type", "id", "direction")
    if given.w.brief:
        return braces(head)[:-1] + ", ...}"
    kind = _EFFECTS.get(effect["type"])
    own = [f"{kind}={effect.part('periodic', f'evdev_{kind}')}"] if kind else []
    return braces(head, effect.texts("trigger", "replay"), own)


def _pair(given: Given) -> str:
    return given.only.value("values")


def _key(given: Given) -> str:
    key: Struct = given.only
    return f"[{key['index']}, {key.value('keycode')}]"


def _any(given: Given) -> str:
    return argument(given.w, given.index, given.w.values[1] & 0xFFFFFFFF)


FORMS: dict[str, Form] = {
    "evdev_any": _any,
    "evdev_pair": _pair,
    "evdev_key": _key,
    "evdev_keymap": _keymap,
    "evdev_effect": _effect,
}
