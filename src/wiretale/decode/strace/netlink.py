"""Netlink messages in strace's words: their headers, and what NETLINK_ROUTE and NETLINK_SOCK_DIAG put behind them.

Of other protocols the body is printed as bytes, as strace prints that of NETLINK_GENERIC.
"""

import struct

from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.strace import netlink_diag, netlink_route
from wiretale.decode.strace.netlink_values import attributes, fields_text, hexadecimal, size_of
from wiretale.decode.strace.writer import StraceWriter

ROUTE, SOCK_DIAG, GENERIC = 0, 4, 16
_HEADER = struct.Struct("<IHHII")
_ERROR, _DONE, _FIRST_OF_PROTOCOL, _NLCTRL = 2, 3, 16, 16
_REQUEST = 1  # NLM_F_REQUEST
_ROUTE_FLAGS = ("nl_flags_new", "nl_flags_delete", "nl_flags_get", "")
_SOCK_DIAG_BY_FAMILY, _SOCK_DESTROY = 20, 21


def messages(w: StraceWriter, protocol: int, data: bytes, full: int, address: int) -> str:
    """All messages of a buffer; empty if there is not even the head of one."""
    shown: list[str] = []
    at = 0
    while at + _HEADER.size <= len(data) and (len(shown) < w.limit or not w.brief):
        length = int.from_bytes(data[at : at + 4], "little")
        shown.append(_message(w, protocol, data[at : at + length] if length >= _HEADER.size else data[at:], length))
        if length < _HEADER.size:
            at = full
            break
        at += (length + 3) // 4 * 4
    if not shown:
        return ""
    if at < full and len(data) - at >= _HEADER.size:
        shown.append("...")
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def _type(w: StraceWriter, protocol: int, kind: int) -> str:
    if kind < _FIRST_OF_PROTOCOL:
        return w.enum("nl_msg", kind)
    if protocol == ROUTE:
        return w.enum("nl_rtm", kind)
    if protocol == SOCK_DIAG:
        return w.enum("nl_sock_diag" if kind in (_SOCK_DIAG_BY_FAMILY, _SOCK_DESTROY) else "nl_tcpdiag", kind)
    if protocol == GENERIC and kind == _NLCTRL:
        return w.note("nlctrl", kind)
    return w.enum("nl_msg", kind) if protocol != GENERIC else hex(kind)


def _flags(w: StraceWriter, protocol: int, kind: int, flags: int) -> str:
    table = ""
    if kind == _ERROR:
        table = "nl_flags_ack"
    elif protocol == ROUTE and kind >= _FIRST_OF_PROTOCOL:
        table = _ROUTE_FLAGS[kind & 3]
    elif protocol == SOCK_DIAG and kind >= _FIRST_OF_PROTOCOL:
        table = "nl_flags_get"
    low, high = flags & 0xFF, flags & ~0xFF
    shown = [w.flags("nl_flags", low)] if low else []
    shown += [w.flags(table, high) if table else hex(high)] if high else []
    return "|".join(shown) or "0"


def _message(w: StraceWriter, protocol: int, data: bytes, length: int) -> str:
    _, kind, flags, sequence, pid = _HEADER.unpack_from(data)
    head = (
        f"{{nlmsg_len={length}, nlmsg_type={_type(w, protocol, kind)}, nlmsg_flags={_flags(w, protocol, kind, flags)}, "
        f"nlmsg_seq={sequence}, nlmsg_pid={pid if pid < 1 << 31 else pid - (1 << 32)}}}"
    )
    body = data[_HEADER.size :] if length > _HEADER.size else b""
    return f"[{head}, {_body(w, protocol, kind, flags, body)}]" if body else head


def _body(w: StraceWriter, protocol: int, kind: int, flags: int, body: bytes) -> str:
    if kind == _ERROR and len(body) >= 4:
        return _fault(w, protocol, body)
    if kind == _DONE and len(body) >= 4:
        return str(int.from_bytes(body[:4], "little", signed=True))
    if kind < _FIRST_OF_PROTOCOL or protocol not in (ROUTE, SOCK_DIAG):
        return hexadecimal(w, body)
    family = body[0]
    found = netlink_route.KINDS.get(kind)
    if protocol == SOCK_DIAG:
        found = (netlink_diag.REQUESTS if flags & _REQUEST else netlink_diag.ANSWERS).get(family)
        found = found if kind in (_SOCK_DIAG_BY_FAMILY, _SOCK_DESTROY) else None
    if found is None:
        rest = f", data={hexadecimal(w, body[1:])}" if len(body) > 1 else ""
        return f"{{family={w.enum('family', family)}{rest}}}"
    fields, table, printers = found
    size = size_of(fields)
    name = fields[0].name
    if len(body) < size:
        return f"{{{name if len(body) > 1 else 'family'}={w.enum('family', family)}{', ...' if len(body) > 1 else ''}}}"
    shown = f"{{{fields_text(w, fields, body, family)}}}"
    more = attributes(w, table, printers, body[(size + 3) // 4 * 4 :], family)
    return f"{shown}, {more}" if more else shown


def _fault(w: StraceWriter, protocol: int, body: bytes) -> str:
    number = int.from_bytes(body[:4], "little", signed=True)
    row = ERRORS.get(-number)
    error = f"-{row[0]}" if number < 0 and row is not None else str(number)
    if len(body) < 4 + _HEADER.size:
        return f"{{error={error}{', msg=' + hexadecimal(w, body[4:]) if len(body) > 4 else ''}}}"
    length = int.from_bytes(body[4:8], "little")
    return f"{{error={error}, msg={_message(w, protocol, body[4 : 4 + max(length, _HEADER.size)], length)}}}"
