"""struct termios, termios2 and termio as strace writes them. Source: asm-generic/termbits.h, asm-generic/termios.h.

Fact observed with strace 6.1: flags of which none is set are nothing at all, not 0.
"""

from wiretale.decode.strace import names
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.structs import unpack
from wiretale.decode.writer import Writer

_DELAYS = (  # of c_oflag: mask, names from 0 up
    (0x100, ("NL0", "NL1")), (0x600, ("CR0", "CR1", "CR2", "CR3")), (0x1800, ("TAB0", "TAB1", "TAB2", "XTABS")),
    (0x2000, ("BS0", "BS1")), (0x4000, ("VT0", "VT1")), (0x8000, ("FF0", "FF1")),
)  # fmt: skip
_DELAY_BITS, _BAUD, _INPUT_BAUD, _SIZES = 0xFF00, 0x100F, 0x100F0000, 0x30
_CHARACTERS_AT = {"termios": 17, "termios2": 17, "termio": 9}
_CHARACTER_COUNTS = {"termios": 19, "termios2": 19, "termio": 8}
_INPUT_SHIFT = 16  # IBSHIFT
_CHARACTERS = (
    "VINTR", "VQUIT", "VERASE", "VKILL", "VEOF", "VTIME", "VMIN", "VSWTC", "VSTART", "VSTOP", "VSUSP", "VEOL",
    "VREPRINT", "VDISCARD", "VWERASE", "VLNEXT", "VEOL2",
)  # fmt: skip


def _style(w: Writer) -> Names:
    return w.style.names if isinstance(w, StraceWriter) else Names.ABBREV


def _named(w: Writer, value: int, name: str) -> str:
    """One constant by its name and style."""
    style, number = _style(w), names.number(value)
    return number if style is Names.RAW else f"{number} /* {name} */" if style is Names.VERBOSE else name


def _flags(w: Writer, table: str, value: int) -> str:
    return w.flags(table, value) if value else ""


def _behind(w: Writer, table: str, value: int) -> str:
    """Flags behind others: without what is said of those that have no name."""
    return _flags(w, table, value).replace(" /* C??? */", "")


def _output(w: Writer, value: int) -> str:
    delays = [_named(w, value & mask, label[(value & mask) // (mask & -mask)]) for mask, label in _DELAYS]
    return "|".join([*delays, _flags(w, "termios_oflag", value & ~_DELAY_BITS)])


def _control(w: Writer, value: int) -> str:
    parts = [w.enum("ioctl_baud", value & _BAUD)]
    given = (value & _INPUT_BAUD) >> _INPUT_SHIFT
    if given:
        parts.append(f"{w.enum('ioctl_baud', given)}<<{_named(w, _INPUT_SHIFT, 'IBSHIFT')}")
    parts.append(w.enum("ioctl_char_size", value & _SIZES))
    return "|".join([*parts, _behind(w, "ioctl_cflag", value & ~(_BAUD | _INPUT_BAUD | _SIZES))])


def terminal(w: Writer, name: str, data: bytes) -> str:
    """Modes; with -v also the line discipline, the control characters and the speeds."""
    v = {f.name: value for f, value in unpack(name, w.arch, data)}
    number = {label: value for label, value in v.items() if isinstance(value, int)}
    shown = [
        f"c_iflag={_flags(w, 'termios_iflag', number['c_iflag'])}",
        f"c_oflag={_output(w, number['c_oflag'])}",
        f"c_cflag={_control(w, number['c_cflag'])}",
        f"c_lflag={_flags(w, 'termios_lflag', number['c_lflag'])}",
    ]
    if w.brief:
        return "{" + ", ".join([*shown, "..."]) + "}"
    characters = list(data[_CHARACTERS_AT[name] :][: _CHARACTER_COUNTS[name]])
    labels = [*_CHARACTERS, *map(str, range(len(_CHARACTERS), len(characters)))]
    each = (f"[{label}]={names.number(c)}" for label, c in zip(labels, characters, strict=False))
    shown += [f"c_line={w.enum('ioctl_line', number['c_line'])}", f"c_cc=[{', '.join(each)}]"]
    shown += [f"{label}={number[label]}" for label in ("c_ispeed", "c_ospeed") if label in number]
    return "{" + ", ".join(shown) + "}"
