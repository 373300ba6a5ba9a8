"""The tables of the renderer in C, made from the declarations that the decoders in Python use. Run by hatch_build.py.

A printer of `decode` that has no counterpart (`counterparts.py`) makes an argument, a structure or a result unknown to
the renderer, which then leaves the call to Python. The counterpart is found by the function itself, so that an argument
that gets another printer is no longer rendered in C.
"""

import platform
import sys
from collections.abc import Iterable
from pathlib import Path

from wiretale.decode import arguments as shared
from wiretale.decode import struct_text
from wiretale.decode.constants import signal_name
from wiretale.decode.constants.requests import REQUESTS
from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.sockopt import OPTION_TABLES, SOL_ICMPV6, SOL_NETLINK
from wiretale.decode.strace import (
    arguments,
    calls,
    devices,
    ioctl,
    names,
    prctl,
    processor,
    rare,
    request_names,
    results,
    rewrites,
    sockopts,
    special,
    structures,
    unnamed,
)
from wiretale.decode.structs import Field, layout
from wiretale.decode.syscalls import call_spec, table
from wiretale.decode.syscalls.spec import Arg, Call, Kind, Result
from wiretale.model.enums import Arch
from wiretale.strace import netlink_sockets
from wiretale.strace.quick import counterparts
from wiretale.strace.quick.netlink_tables import NAMED_TABLES as NETLINK_TABLES
from wiretale.strace.quick.netlink_tables import NetlinkMaker, c_array, cells

_HERE = Path(__file__).parent
TABLES_PATH = str(_HERE / "_tables.h")
_ROOT = _HERE.parent.parent
_ARCH = {"x86_64": Arch.X86_64, "aarch64": Arch.AARCH64}.get(platform.machine(), Arch.X86_64)
_WORD = 8
_MOST_FLAGS, _MOST_COUNT = 128, 255

_FIELDS = {
    "": "FIELD_NUMBER", "x": "FIELD_HEX", "p": "FIELD_ADDRESS", "o": "FIELD_OCTAL", "sig": "FIELD_SIGNAL",
    "set": "FIELD_SET", "fd": "FIELD_NUMBER", "mode": "FIELD_MODE", "lim": "FIELD_LIMIT", "pid": "FIELD_NUMBER",
    "v4": "FIELD_INET", "=sighandler": "FIELD_HANDLER",
}  # fmt: skip
_IN_ARRAYS = {"": "FIELD_NUMBER", "h": "FIELD_HEX"}
# Tables that the renderer names itself, and places of fields that it looks at.
_NAMED_TABLES = (
    "open_access", "open_flags", "mmap_type", "mmap_flags", "mmap_prot", "at_statx", "futex_cmd", "mode_type",
    "statx_mask", "statx_attributes", "family", "ip_protocol", "netlink_protocol", "socket_kind", "socket_flags",
    "sigev_notify",
    "poll", "epoll", "clone", "clone3", "msg", "fd_flags", "si_code_any", "si_code_chld", "si_code_segv",
    *NETLINK_TABLES,
)  # fmt: skip
_PLACES = {
    "STAT": ("stat", ("st_mode", "st_rdev", "st_size")),
    "STATX": ("statx", ("stx_mask", "stx_attributes", "stx_mode", "stx_size")),
    "SIGACTION": ("sigaction", ("sa_handler", "sa_mask", "sa_flags", "sa_restorer")),
}


class _Maker:
    """Collects the tables; numbers in them are places in each other."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {"": 0}
        self._text_bytes = 1
        self._names: dict[str, int] = {}
        self._name_rows: list[str] = []
        self._values: list[str] = []
        self._flags: list[str] = []
        self._widest: list[str] = []
        self._structs: dict[str, int] = {"": 0}
        self._struct_rows: list[str] = ["{ 0, 0, 0, STRUCTURE_UNKNOWN }"]
        self._fields: list[str] = []
        self._arguments: list[str] = []
        self._lists: dict[tuple[str, tuple[Arg, ...]], int] = {}
        self._list_rows: list[str] = []
        self._variants: list[str] = []
        self._calls: list[str] = []

    # -- texts and names -----------------------------------------------------------------------------------------------

    def text(self, text: str) -> int:
        place = self._texts.get(text)
        if place is None:
            assert text.isascii()
            place = self._texts[text] = self._text_bytes
            self._text_bytes += len(text) + 1
        return place

    def names(self, name: str) -> int:
        """The number of a table of constants."""
        place = self._names.get(name)
        if place is None:
            place = self._names[name] = len(self._names)
            self._add_names(name)
        return place

    def _add_names(self, name: str) -> None:
        values = dict(names._table(name, _ARCH))
        order, widest = list(names._order(name, _ARCH)), list(names._widest(name, _ARCH))
        unknown = unnamed.unknown(name) if name != "open_flags" else ""  # the access mode stands before them
        if name == "ioctl":
            known = (REQUESTS | values | request_names.NAMES).items()
            sized = {value: request_names.sized(value) for value, _ in known}
            values = {value: " or ".join(filter(None, (sized[value], label))) for value, label in known}
            values = {value: label for value, label in values.items() if label}
        if len(order) > _MOST_FLAGS:  # an enumeration
            order = widest = []
        first = len(self._values), len(self._flags)
        self._values += [f"{{ {value}LL, {self.text(label)} }}" for value, label in sorted(values.items())]
        self._flags += [f"{{ {_signed(bits)}LL, {self.text(label)} }}" for bits, label in order]
        self._widest += [str(order.index(row)) for row in widest]
        self._name_rows.append(f"{{ {first[0]}, {len(values)}, {first[1]}, {len(order)}, {self.text(unknown)} }}")

    # -- structures ----------------------------------------------------------------------------------------------------

    def struct(self, name: str) -> int:
        """The number of a structure; 0 for one that cannot be rendered."""
        place = self._structs.get(name)
        if place is None:
            how = self._struct_kind(name)
            rows = [self._field(name, f) for f in layout(name, _ARCH).fields if f.name[0] != "_"] if how else None
            if rows is None or None in rows:
                return self._structs.setdefault(name, 0)
            place = self._structs[name] = len(self._struct_rows)
            first, size = len(self._fields), layout(name, _ARCH).size
            self._fields += [row for row in rows if row is not None]
            self._struct_rows.append(f"{{ {first}, {len(rows)}, {size}, {how} }}")
        return place

    def _struct_kind(self, name: str) -> str:
        own = structures.STRUCTS.get(name) or struct_text._SPECIAL.get(name)
        if own is not None:
            return counterparts.STRUCTS.get(own, "")
        fields = layout(name, _ARCH).fields
        return "STRUCTURE_VALUE" if len(fields) == 1 and fields[0].name == "value" else "STRUCTURE_FIELDS"

    def _field(self, struct: str, f: Field) -> str | None:
        """One row; None if the structure cannot be rendered for it, FIELD_UNKNOWN if that is never looked at."""
        how, number = f.how.removeprefix("?"), 0
        flags = ["FIELD_OPTIONAL"] if f.how[:1] == "?" else []
        size = f.size // f.count if f.count else f.size
        if f.nested:
            kind, number = "FIELD_NESTED", self.struct(f.nested)
            if not number or f.count:
                kind = ""
        elif f.unpack is not None and f.unpack.format.endswith("s"):
            kind = "FIELD_TEXT" if how == "s" else ""
        elif f.count and f.name == "f_fsid":
            kind, flags = "FIELD_HEX", ["FIELD_WRAPPED"]
        elif f.count:
            kind = _IN_ARRAYS.get(how, "")
        elif how[:1] == "|" and how != "|open_flags":
            kind, number = "FIELD_FLAGS", self.names(how[1:])
        elif how[:1] == "=" and how not in _FIELDS:
            kind, number = "FIELD_ENUM", self.names(how[1:])
        else:
            kind = _FIELDS.get(how, "")
            number = self.names("sighandler") if how == "=sighandler" else 0
        if f.unpack is not None and f.unpack.format[-1] in "bhiq":
            flags.append("FIELD_SIGNED")
        if f.name in struct_text._POINTERS:
            flags.append("FIELD_POINTER")
        looked_at = self._struct_kind(struct) in ("STRUCTURE_FIELDS", "STRUCTURE_VALUE")
        if not kind and looked_at:
            return None
        row = (self.text(f.name), f.offset, number, min(size, 255), f.count, kind or "FIELD_UNKNOWN")
        return f"{{ {', '.join(map(str, row))}, {' | '.join(flags) or 0} }}"

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _argument(self, name: str, a: Arg, printer: object) -> str:
        kind, number = counterparts.ARGUMENTS.get(printer, "unknown"), a.count
        made = counterparts.MADE.get(getattr(printer, "__qualname__", ""))
        if made is not None:
            kind, number = _made(made, printer, a)
        if printer is ioctl._argument:
            kind = _ioctl_argument(a)
        if (name, a.name) == ("faccessat2", "flags") and printer is special.SPECIAL["faccessat2", "flags"]:
            return f"{{ AS_flags, -1, 0, 0, {self.names('at_eaccess')} }}"
        if kind == "flags" and a.constants in shared._WIDE_FLAGS:
            kind = "wide_flags"
        if kind == "remaining":
            number = int(printer is special._left)
        if kind == "struct_inout":
            number = int(printer is special._unsigned_offset)
        place = 0
        if a.constants and kind in ("enum", "flags", "wide_enum", "wide_flags"):
            place = self.names(a.constants)
        elif a.struct and kind not in _WITHOUT_STRUCT:
            place = self.struct(a.struct)
        elif kind in _STRUCTURED:
            kind = "unknown"
        flags = ["ARGUMENT_UNSIGNED"] if a.constants in arguments._UNSIGNED else []
        if a.struct in calls._OFFSETS or (name, a.name) in calls._GIVEN:
            flags.append("ARGUMENT_GIVEN")
        if number > _MOST_COUNT:
            kind, number = "unknown", 0
        return f"{{ AS_{kind}, {a.length}, {' | '.join(flags) or 0}, {number}, {place} }}"

    def _list(self, name: str, args: tuple[Arg, ...]) -> int:
        place = self._lists.get((name, args))
        if place is None:
            place = self._lists[name, args] = len(self._list_rows)
            rows = [self._argument(name, a, printer) for _, a, printer in calls._steps(name, args)]
            at_entry = "NOT_RENDERED" if any("AS_unknown" in row for row in rows) else calls._at_entry(name, args)
            self._list_rows.append(f"{{ {len(self._arguments)}, {len(rows)}, {at_entry} }}")
            self._arguments += rows
        return place

    def call(self, number: int, name: str) -> None:
        spec = call_spec(name, _ARCH)
        rewrite = rewrites.REWRITES.get(name)
        if spec is None or name in calls._MAY_END or (rewrite is not None and rewrite not in counterparts.REWRITES):
            return
        first, variants = len(self._variants), sorted(spec.variants.items())
        rows = [f"{{ {value}u, {self._list(name, args)} }}" for value, args in variants]
        self._variants += rows
        flags = [flag for flag, calls_of in _CALL_FLAGS.items() if name in calls_of]
        extra = results._EXTRAS.get(name)
        row = {
            "name": self.text(name),
            "arguments": self._list(name, spec.args),
            "first_variant": first,
            "variants": len(rows),
            "variant_arg": spec.variant_arg,
            "rewrite": counterparts.REWRITES.get(rewrite, "REWRITE_NONE"),
            "result": _result(name, spec),
            "extra": "EXTRA_NONE" if extra is None else counterparts.EXTRAS.get(extra, "EXTRA_UNKNOWN"),
            "flags": " | ".join(flags) or "0",
        }
        self._calls.append(f"[{number}] = {{ {', '.join(f'.{key} = {value}' for key, value in row.items())} }}")

    # -- all of it -----------------------------------------------------------------------------------------------------

    def header(self) -> str:
        for name in (*_NAMED_TABLES, "ioctl"):
            self.names(name)
        for number, name in table(_ARCH).items():
            self.call(number, name)
        options = list(_options())
        netlink = NetlinkMaker(self.text, self.names).arrays()
        levels = [f"{{ {level}, {self.names(name)} }}" for level, name in OPTION_TABLES.items() if level != SOL_ICMPV6]
        signals = [self.text(signal_name(n)) if n else 0 for n in range(65)]
        errors = [
            f"{{ {number}, {self.text(label)}, {self.text(f'{label} ({message})')} }}"
            for number, (label, message) in sorted(ERRORS.items())
        ]
        meanings = sorted({*prctl._FLAGS_OF, *prctl._PARTS_OF, prctl._GET_DUMPABLE, prctl._MCE_KILL_GET})
        places = [f"#define NAMES_{name} {self._names[name]}" for name in (*_NAMED_TABLES, "ioctl")]
        for prefix, (struct, wanted) in _PLACES.items():
            shown = [f.name for f in layout(struct, _ARCH).fields if f.name[0] != "_"]
            places += [f"#define PLACE_{prefix}_{name.split('_', 1)[1].upper()} {shown.index(name)}" for name in wanted]
        clone_args = [f"#define CLONE_ARGS_{f.name} {f.offset // 8}" for f in layout("clone_args", _ARCH).fields]
        spelled = "".join(f'\n\t"{text}\\0"' for text in map(_escaped, self._texts))
        return "\n".join(
            [
                "/* Made by tables.py. */",
                f"#define NATIVE_ARCH {int(_ARCH)}u",
                *places,
                *clone_args,
                f"static const char TEXTS[] ={spelled};",
                c_array("struct named", "VALUES", self._values),
                c_array("struct named", "FLAGS", self._flags),
                c_array("uint8_t", "WIDEST", self._widest),
                c_array("struct names", "NAMES", self._name_rows),
                c_array("struct field", "FIELDS", self._fields),
                c_array("struct structure", "STRUCTURES", self._struct_rows),
                c_array("struct argument", "ARGUMENTS", self._arguments),
                c_array("struct arguments", "CALL_ARGUMENTS", self._list_rows),
                c_array("struct variant", "VARIANTS", self._variants),
                c_array("struct call", "CALLS", self._calls),
                c_array("struct error", "ERRORS", errors),
                c_array("struct level", "LEVELS", levels),
                c_array("struct option", "OPTIONS", options),
                c_array("uint32_t", "SIGNAL_NAMES", map(str, signals)),
                *netlink,
                c_array("uint32_t", "PRCTL_MEANING", map(str, meanings)),
                c_array("uint32_t", "ARCH_PRCTL_MEANING", map(str, processor._REQUESTS)),
                "const char *const QUICK_SOURCES[] = {" + ", ".join(f'"{path}"' for path in _sources()) + ", NULL };\n",
            ]
        )


_STRUCTURED = frozenset(
    {
        "struct_in",
        "struct_out",
        "struct_in_cut",
        "struct_out_cut",
        "array_in",
        "array_out",
        "remaining",
        "struct_inout",
        "of_child",
    }
)
_WITHOUT_STRUCT = frozenset({"unknown", "pointer", "hex", "argpack", "fdset", "poll_fds", "option_in", "option_out"})
_CALL_FLAGS = {
    "CALL_FILLED_ON_ERROR": special.FILLED_ON_ERROR,
    "CALL_SHOWN_AFTER_RESULT": calls._SHOWN_AFTER_RESULT,
    "CALL_SPEAKS": netlink_sockets._SPEAKING,
    "CALL_RESTARTS": frozenset({"restart_syscall"}),
}


def _made(made: tuple[str, str], printer: object, a: Arg) -> tuple[str, int]:
    """The kind of a printer that was made for a value, and that value."""
    kind, variable = made
    value = cells(printer)[variable]
    if kind == "signal_set":
        return f"{kind}_{'out' if a.kind is Kind.STRUCT_OUT else 'in'}", special._SET_SIZES[str(value)]
    if kind == "cpus":
        return "cpus_out" if value else "cpus_in", 0
    assert isinstance(value, int)
    return kind, value


def _ioctl_argument(a: Arg) -> str:
    """What `ioctl._argument` does with an argument."""
    if a.more or a.follows:
        return "unknown"
    if a.kind is Kind.STRING:
        return "short_string"
    if a.struct == "ifreq" or a.kind in (Kind.STRUCT_INOUT, Kind.REQUEST) or devices.has_form(a.struct):
        return "unknown"
    return counterparts.ARGUMENTS.get(shared.KINDS[a.kind], "unknown")


def _result(name: str, spec: Call) -> str:
    own: dict[str, object] = getattr(rare._module(name), "RESULTS", {})
    if name in own:
        return counterparts.RESULTS.get(own[name], "RESULT_UNKNOWN")
    if name in results._IDENTITIES:
        return "RESULT_UNSIGNED"
    if name in results._PLAIN:
        return "RESULT_PLAIN"
    if spec.result is Result.HEX:
        return "RESULT_HEX"
    if spec.result in (Result.FD, Result.SOCKET, Result.PID):
        return "RESULT_PLAIN"
    return {"umask": "RESULT_OCTAL", "fcntl": "RESULT_FCNTL", "fcntl64": "RESULT_FCNTL"}.get(name, "RESULT_PLAIN")


def _options() -> Iterable[str]:
    """What of socket options is not one number, and what is one however long its value is."""
    set_otherwise = {*sockopts._SETS, *sockopts._FILTERS, sockopts._TXREHASH}
    asked_otherwise = {
        *sockopts._PARTS,
        *sockopts._FILTERS,
        sockopts._TXREHASH,
        (SOL_NETLINK, sockopts._LIST_MEMBERSHIPS),
    }
    for key in sorted({*set_otherwise, *asked_otherwise, *sockopts._INTEGERS}):
        flags = [
            *(["OPTION_NUMBER"] if key in sockopts._INTEGERS else []),
            *(["OPTION_SET_OTHERWISE"] if key in set_otherwise else []),
            *(["OPTION_ASKED_OTHERWISE"] if key in asked_otherwise else []),
        ]
        yield f"{{ {key[0]}, {key[1]}, {' | '.join(flags)} }}"


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")


def _sources() -> list[str]:
    """All that decides what the lines are: what was loaded to make these tables, and what prints or is compiled."""
    loaded = [getattr(module, "__file__", None) for name, module in sys.modules.items() if name.startswith("wiretale.")]
    strace = _ROOT / "strace"
    found = {*map(Path, filter(None, loaded)), *strace.glob("*.py"), *strace.glob("*.[ch]"), *_HERE.glob("*.[ch]")}
    return sorted(str(path.relative_to(_ROOT)) for path in found if path.name[0] != "_" or path.suffix == ".py")


def write() -> None:
    """Called when wiretale is built."""
    Path(TABLES_PATH).write_text(_Maker().header(), encoding="ascii")
