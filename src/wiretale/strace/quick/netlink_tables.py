"""The tables of netlink messages for the renderer in C, from the declarations of `decode/strace/netlink_*.py`.

Printers there are functions made by functions (`one("nl_rtn")`): what they were made of is found in them again.
"""

import struct
from collections.abc import Callable, Iterable, Mapping

from wiretale.decode.strace import netlink_diag, netlink_route
from wiretale.decode.strace import netlink_values as values
from wiretale.decode.strace.netlink_values import Part

NAMED_TABLES = (
    "tcp_state", "nl_inet_diag", "nl_shutdown", "nl_flags", "nl_flags_new", "nl_flags_delete", "nl_flags_get",
    "nl_flags_ack", "nl_msg", "nl_rtm", "nl_sock_diag", "nl_tcpdiag",
)  # fmt: skip
_CACHE_REPORT = 96  # whose family decides how it is printed
# Printer -> kind of part_tables.h, size of the number it prints, least bytes.
_PLAIN: dict[object, tuple[str, int, int]] = {
    values.interface: ("interface", 4, 0),
    values.owner: ("owner", 4, 0),
    values.port: ("port", 2, 0),
    values.ipv4: ("ipv4", 4, 0),
    values.ipv6: ("ipv6", 0, 16),
    values.address: ("address", 0, 0),
    values.text: ("text", 0, 0),
    values.hardware: ("hardware", 0, 0),
    values.hexadecimal: ("bytes", 0, 0),
    values.states: ("states", 4, 0),
    values.cookie: ("cookie", 0, 8),
    netlink_diag._shutdown: ("shutdown", 1, 0),
    netlink_diag._socket_options: ("socket_options", 2, 0),
}
# The same of fields that are printed by functions without names, by the field.
_FIELDS: dict[str, tuple[str, int, int]] = {
    "idiag_src": ("end", 0, 16),
    "idiag_dst": ("end", 0, 16),
    "idiag_ext": ("extensions", 1, 0),
}


def c_array(kind: str, name: str, rows: Iterable[str]) -> str:
    """A constant table in C."""
    return f"static const {kind} {name}[] = {{\n\t" + ",\n\t".join(rows) + "\n};"


class NetlinkMaker:
    """Makes the tables; `text` and `names` give the places of texts and of tables of constants."""

    def __init__(self, text: Callable[[str], int], names: Callable[[str], int]) -> None:
        self._text = text
        self._names = names
        self._values: list[str] = []
        self._places: dict[object, int] = {}
        self._fields: list[str] = []
        self._attributes: list[str] = []
        self._unknown = self._add("unknown")
        self._bytes = self.value(values.hexadecimal)

    def _add(self, kind: str, *, size: int = 0, signed: bool = False, table: int = 0, rows: tuple[int, int] = (0, 0),
             least: int = 0) -> int:  # fmt: skip
        first, count = rows
        self._values.append(f"{{ NETLINK_AS_{kind}, {size}, {int(signed)}, {count}, {table}, {first}, {least} }}")
        return len(self._values) - 1

    def value(self, printer: object) -> int:
        """The place of what a printer prints."""
        place = self._places.get(printer)
        if place is None:
            place = self._places[printer] = self._made(printer)
        return place

    def _made(self, printer: object) -> int:
        if printer in _PLAIN:
            kind, size, least = _PLAIN[printer]
            return self._add(kind, size=size, least=least)
        kind = getattr(printer, "__qualname__", "")
        made_of = cells(printer)
        if kind == _OF:
            return self._number(str(made_of["code"]), made_of["show"])
        if kind == _NESTED:
            return self._nested(str(made_of["table"]), made_of["printers"])
        if kind == _WHOLE:
            return self._whole(made_of["show"], made_of["least"])
        return self._unknown

    def _number(self, code: str, show: object) -> int:
        if code[0] not in "<!":
            return self._unknown
        kind, size = _SHOWN.get(getattr(show, "__qualname__", ""), ""), struct.calcsize(code)
        table = cells(show).get("table")
        if not kind or (code[0] == "!" and kind != "network_enum"):
            return self._unknown
        return self._add(kind, size=size, signed=code[1:].islower(), table=self._names(str(table)) if table else 0)

    def _nested(self, table: str, printers: object) -> int:
        assert isinstance(printers, Mapping)
        rows = [f"{{ {kind}, {self.value(printer)} }}" for kind, printer in sorted(printers.items())]
        first = len(self._attributes)
        self._attributes += rows
        return self._add("nested", table=self._names(table) if table else 0, rows=(first, len(rows)))

    def _whole(self, show: object, least: object) -> int:
        assert isinstance(least, int)
        if getattr(show, "__qualname__", "") == _GROWN:
            fields = cells(show)["fields"]
            return self._structure(fields, least)
        return self.value(show) if show in _PLAIN and _PLAIN[show][1] == least else self._unknown

    def _structure(self, fields: object, least: int) -> int:
        assert isinstance(fields, tuple)
        rows = [self._field(field) for field in fields]
        first = len(self._fields)
        self._fields += rows
        return self._add("structure", rows=(first, len(rows)), least=least)

    def _field(self, field: Part) -> str:
        size = struct.calcsize("<" + field.code)
        if not field.name:
            return f"{{ 0, 0, {size} }}"
        if field.how is None:
            place = self._add("number", size=size, signed=field.code.islower())
        elif field.name in _FIELDS and field.how not in self._places:
            kind, number, least = _FIELDS[field.name]
            place = self._add(kind, size=number, least=least)
        elif field.how is values.if_set:
            place = self._add("if_set", size=size)
        elif field.how is netlink_diag._identity:
            place = self._structure(netlink_diag._ID, values.size_of(netlink_diag._ID))
        else:
            place = self.value(field.how)
        return f"{{ {self._text(field.name)}, {place}, {size} }}"

    def _bodies(self, kinds: Mapping[int, tuple[tuple[Part, ...], str, values.Attributes]]) -> list[str]:
        rows = []
        for kind, (fields, table, printers) in sorted(kinds.items()):
            if kind == _CACHE_REPORT:
                continue
            attributes = self._nested(table, printers) if table else 0
            rows.append(f"{{ {kind}, {self._structure(fields, values.size_of(fields))}, {attributes} }}")
        return rows

    def arrays(self) -> list[str]:
        """The tables as C."""
        bodies = {
            "NETLINK_ROUTING": self._bodies(netlink_route.KINDS),
            "NETLINK_ASKED": self._bodies(netlink_diag.REQUESTS),
            "NETLINK_ANSWERED": self._bodies(netlink_diag.ANSWERS),
        }
        options = [str(self._text(name)) for name in netlink_diag._SOCKET_OPTIONS]
        return [
            f"#define NETLINK_BYTES {self._bytes}",
            c_array("struct netlink_value", "NETLINK_VALUES", self._values),
            c_array("struct netlink_field", "NETLINK_FIELDS", self._fields),
            c_array("struct netlink_attribute", "NETLINK_ATTRIBUTES", self._attributes),
            *(c_array("struct netlink_body", name, rows) for name, rows in bodies.items()),
            c_array("uint32_t", "SOCKET_OPTIONS", options),
        ]


def cells(function: object) -> dict[str, object]:
    """The values that a function was made of, by their names."""
    code, closure = getattr(function, "__code__", None), getattr(function, "__closure__", None) or ()
    names = code.co_freevars if code is not None else ()
    return {name: cell.cell_contents for name, cell in zip(names, closure, strict=True)}


def _shown_by(printer: object) -> str:
    return str(getattr(cells(printer)["show"], "__qualname__", ""))


_OF, _NESTED = values.u8.__qualname__, values.nested("", {}).__qualname__
_WHOLE = values.structure("B x").__qualname__
_GROWN = _shown_by(values.structure("B x"))
_SHOWN = {
    _shown_by(values.number("B")): "number",
    _shown_by(values.hexed("B")): "hex",
    _shown_by(values.one("family")): "enum",
    _shown_by(values.some("iff")): "flags",
    _shown_by(values.network_order("ethertype")): "network_enum",
}
