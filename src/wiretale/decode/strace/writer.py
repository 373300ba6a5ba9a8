"""The writer of the strace dialect: same data, strace's words for numbers, constants and strings."""

from collections.abc import Callable, Mapping

from wiretale.decode.constants import Named, error_text
from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.escape import escape_text
from wiretale.decode.record_types import Datum, FdLabel, RawCall
from wiretale.decode.strace import names
from wiretale.decode.strace.address import address_text
from wiretale.decode.strace.strings import hex_literal, literal
from wiretale.decode.strace.style import Names, StraceStyle
from wiretale.decode.writer import ACCESS_MASK, AT_FDCWD, Writer
from wiretale.light import later

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from wiretale.decode.strace import unnamed
else:
    unnamed = later("wiretale.decode.strace.unnamed")

_REFUSED_ROLES = frozenset({"struct", "array"})  # not shown by what is printed after a call has failed
_TEXT_ROLES = frozenset({"payload", "string", "argv", "envp"})  # what -e verbose leaves alone

StructPrinter = Callable[[Writer, str, bytes], str]


class StraceWriter(Writer):
    """One call while it is put in strace's words."""

    __slots__ = ("brief", "netlink", "pid_label", "refused", "structs", "style", "terse")

    def __init__(
        self,
        call: RawCall,
        style: StraceStyle,
        *,
        label: FdLabel | None = None,
        pid_label: FdLabel | None = None,
        structs: Mapping[str, StructPrinter],
    ) -> None:
        super().__init__(call, label=label, limit=style.strings, numbered=False)
        self.style = style
        self.brief = style.abbreviated(call.name, call.arch)
        self.structs = structs
        self.pid_label = pid_label
        self.terse = not style.verbose(call.name, call.arch)
        self.refused = False
        self.netlink: int | None = None  # the protocol of the netlink socket it acts on

    def named(self, named: Named) -> str:
        return named[0]

    def enum(self, table: str, value: int) -> str:
        return names.one(table, value, self.arch, self.style.names)

    def flags(self, table: str, value: int) -> str:
        return names.several(table, value, self.arch, self.style.names)

    def open_flags(self, value: int) -> str:
        """With names in every style: where they are an argument, styled_open_flags says which style is wanted."""
        rest = value & ~ACCESS_MASK
        parts = [names.one("open_access", value & ACCESS_MASK, self.arch, Names.ABBREV)]
        parts += [names.several("open_flags", rest, self.arch, Names.ABBREV).partition(" /* ")[0]] if rest else []
        return "|".join(parts)

    def styled_open_flags(self, value: int) -> str:
        if self.style.names is Names.RAW:
            return names.number(value)
        text = self.open_flags(value)
        return f"{names.number(value)} /* {text} */" if self.style.names is Names.VERBOSE else text

    def commented(self, table: str, value: int) -> str:
        """A number with its name behind it, which only -X raw leaves out."""
        number = names.number(value)
        name = names.known(table, value, self.arch) or unnamed.unknown(table)
        return number if self.style.names is Names.RAW or not name else f"{number} /* {name} */"

    def note(self, name: str, value: int) -> str:
        number = names.number(value) if value >= 0 else str(value)
        if self.style.names is Names.RAW:
            return number
        return f"{number} /* {name} */" if self.style.names is Names.VERBOSE else name

    def readable(self, arg: int, role: str, *, at_exit: bool, idx: int = 0) -> Datum | None:
        if self.terse and role not in _TEXT_ROLES:
            return None
        if self.refused and role in _REFUSED_ROLES:
            return None
        found = super().readable(arg, role, at_exit=at_exit, idx=idx)
        cut = found is not None and role == "struct" and found.error and len(found.bytes) < found.full_bytes
        return None if cut else found

    def pid(self, number: int) -> str:
        """A process or thread, or (negative) a process group, with its name if that is wanted."""
        return str(number) if self.pid_label is None or number in (0, -1) else self.pid_label(number)

    def hardware(self, data: bytes, length: int) -> str:
        text = super().hardware(data, length)
        if self.style.names is Names.ABBREV:
            return text
        whole = hex_literal(data)
        return whole if self.style.names is Names.RAW else f"{whole} /* {text} */"

    def interface(self, index: int) -> str:
        name = self.style.interfaces(index)
        if not name or self.style.names is Names.RAW:
            return str(index)
        text = f'if_nametoindex("{escape_text(name)}")'
        return f"{index} /* {text} */" if self.style.names is Names.VERBOSE else text

    def signal_set(self, mask: int) -> str:
        text = super().signal_set(mask)
        if self.style.names is Names.ABBREV or "[]" in text:
            return text
        head, _, body = text.removesuffix("]").partition("[")
        rows = [(number, name) for name in body.split() for number in (names.signal_number(name),)]
        plain = self.style.names is Names.RAW
        return f"{head}[{' '.join(str(n) if plain else f'{n} /* {name} */' for n, name in rows)}]"

    def signal(self, number: int) -> str:
        name, style = names.signal_text(number), self.style.names
        if style is Names.ABBREV or not name.startswith("SIG"):
            return name
        return str(number) if style is Names.RAW else f"{number} /* {name} */"

    def decimal(self, text: str, value: int) -> str:
        number = str(value)
        if text == number or self.style.names is Names.ABBREV:
            return text
        return number if self.style.names is Names.RAW else f"{number} /* {text} */"

    def plain_enum(self, table: str, value: int) -> str:
        return names.one(table, value, self.arch, Names.ABBREV)

    def plain_signal(self, number: int) -> str:
        return names.signal_text(number)

    def error(self, number: int) -> str:
        return error_text(number) if number in ERRORS else f"(errno {number})"

    def dirfd(self, number: int) -> str:
        if number != AT_FDCWD:
            return self.fd(number)
        text = self.note("AT_FDCWD", AT_FDCWD)
        if self.label is None:
            return text
        return escape_text(self.label(AT_FDCWD)).replace(str(AT_FDCWD), text, 1)

    def data(self, data: bytes, full: int) -> str:
        limit = self.limit
        if full > limit:
            return literal(data[:limit], self.style.hex) + "..."
        return literal(data, self.style.hex)

    def text(self, data: bytes) -> str:
        """A path or name: never cut."""
        return literal(data, self.style.hex)

    def sockaddr(self, data: bytes) -> str:
        return address_text(self, data)
