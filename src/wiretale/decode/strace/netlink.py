"""Netlink messages in strace's words: their headers, and what NETLINK_ROUTE and NETLINK_SOCK_DIAG put behind them.

Of other protocols the body is printed as bytes, as strace prints that of NETLINK_GENERIC.
"""

import struct

from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.strace import netlink_diag, netlink_rare, netlink_route
from wiretale.decode.strace.names import several
from wiretale.decode.strace.netlink_values import Memory, attributes, fields_text, hexadecimal, memory, s32, size_of
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter

ROUTE, SOCK_DIAG, XFRM, SELINUX, AUDIT, NETFILTER, UEVENT, GENERIC, CRYPTO = 0, 4, 6, 7, 9, 12, 15, 16, 21
_HEADER = struct.Struct("<IHHII")
_ERROR, _DONE, _FIRST_OF_PROTOCOL, _NLCTRL = 2, 3, 16, 16
_REQUEST = 1  # NLM_F_REQUEST
_CAPPED = 0x100  # NLM_F_CAPPED
_SOCK_DIAG_BY_FAMILY, _SOCK_DESTROY = 20, 21
_COMPATIBLE, _INET = (18, 19), (2, 10)  # TCPDIAG_GETSOCK, DCCPDIAG_GETSOCK
_CACHE_REPORT = 96
_BRIDGE_NEIGHBOURS = (30, 7)  # RTM_GETNEIGH of AF_BRIDGE
_NEW, _DELETE, _GET = "nl_flags_new", "nl_flags_delete", "nl_flags_get"
_ROUTE_FLAGS = (_NEW, _DELETE, _GET, "")
_TYPES = {XFRM: "nl_xfrm", SELINUX: "nl_selnl", AUDIT: "nl_audit", CRYPTO: "nl_crypto"}
# linux/xfrm.h, linux/cryptouser.h: what the flags of these messages mean
_XFRM_FLAGS = {
    **dict.fromkeys((16, 19, 30, 34, 36), _NEW),
    **dict.fromkeys((17, 20), _DELETE),
    **dict.fromkeys((18, 21, 31, 35, 37), _GET),
}
_CRYPTO_FLAGS = {16: _NEW, 17: _DELETE, 18: _NEW, 19: _GET, 20: _DELETE}
_ROUTE_SPECIAL = {49: _GET}  # RTM_DELACTION
# Subsystems of netfilter: names of their messages, and which of them take which flags.
_NETFILTER = {
    1: ("nl_nf_ctnetlink", {0: _NEW, 1: _GET, 2: _DELETE, 3: _GET, 4: _GET, 5: _GET, 6: _GET, 7: _GET}),
    2: ("nl_nf_exp", {0: _NEW, 1: _GET, 2: _DELETE, 3: _GET}),
    3: ("nl_nf_queue", {}),
    4: ("nl_nf_ulog", {}),
    5: ("nl_nf_osf", {}),
    6: ("nl_nf_ipset", {}),
    7: ("nl_nf_acct", {0: _NEW, 1: _GET, 2: _GET, 3: _DELETE}),
    8: ("nl_nf_cttimeout", {0: _NEW, 1: _GET, 2: _DELETE}),
    9: ("nl_nf_cthelper", {0: _NEW, 1: _GET, 2: _DELETE}),
    10: ("nl_nf_tables", {
        **dict.fromkeys((0, 3, 6, 9, 12, 15, 18, 22), _NEW),
        **dict.fromkeys((1, 4, 7, 10, 13, 16, 19, 21, 23), _GET),
        **dict.fromkeys((2, 5, 8, 11, 14, 20, 24), _DELETE),
    }),
    11: ("nl_nf_compat", {0: _GET}),
    12: ("nl_nf_hook", {0: _GET}),
}  # fmt: skip


def messages(w: StraceWriter, protocol: int, data: bytes, full: int, address: int) -> str:
    """All messages of a buffer; empty if there is not even the head of one."""
    given = memory(data, address, full)
    if protocol == UEVENT:
        return netlink_rare.uevent(w, given)
    shown: list[str] = []
    at = 0
    while at + _HEADER.size <= len(data) and (len(shown) < w.limit or not w.brief):
        length = int.from_bytes(data[at : at + 4], "little")
        shown.append(_message(w, protocol, given.part(at, at + max(length, _HEADER.size)), length))
        at = full if length < _HEADER.size else at + (length + 3) // 4 * 4
    if not shown:
        return ""
    if at < full:
        rest = given.part(at)
        if rest.full < _HEADER.size:
            shown.append(hexadecimal(w, rest))
        else:
            shown.append("..." if len(rest) >= _HEADER.size else f"... /* {rest.address:#x} */")
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def _netfilter_type(w: StraceWriter, kind: int) -> str:
    if kind in (16, 17):
        return w.enum("nl_nfnl", kind)
    subsystem, message = kind >> 8, kind & 0xFF
    table = _NETFILTER.get(subsystem, ("", {}))[0]
    shown = w.enum(table, message) if table else hex(message) if message else "0"
    return f"{w.enum('nl_nfnl_subsys', subsystem)}<<8|{shown}"


def _type(w: StraceWriter, protocol: int, kind: int) -> str:
    if kind < _FIRST_OF_PROTOCOL:
        return w.enum("nl_msg", kind)
    if protocol == NETFILTER:
        return _netfilter_type(w, kind)
    if protocol in _TYPES:
        return w.enum(_TYPES[protocol], kind)
    if protocol == ROUTE:
        return w.enum("nl_rtm", kind)
    if protocol == SOCK_DIAG:
        return w.enum("nl_sock_diag" if kind in (_SOCK_DIAG_BY_FAMILY, _SOCK_DESTROY) else "nl_tcpdiag", kind)
    if protocol == GENERIC:
        family = "nlctrl" if kind == _NLCTRL else w.style.families(kind)
        raw = w.style.names is Names.RAW
        return w.note(family, kind) if family else hex(kind) + ("" if raw else " /* GENERIC_FAMILY_??? */")
    return w.enum("nl_msg", kind)


def _flags_table(protocol: int, kind: int) -> str:
    if kind == _ERROR:
        return "nl_flags_ack"
    if kind < _FIRST_OF_PROTOCOL:
        return ""
    if protocol == ROUTE:
        return _ROUTE_SPECIAL.get(kind, _ROUTE_FLAGS[kind & 3])
    if protocol == NETFILTER:
        return _NETFILTER.get(kind >> 8, ("", {}))[1].get(kind & 0xFF, "")
    return {SOCK_DIAG: _GET, XFRM: _XFRM_FLAGS.get(kind, ""), CRYPTO: _CRYPTO_FLAGS.get(kind, "")}.get(protocol, "")


def _flags(w: StraceWriter, protocol: int, kind: int, flags: int) -> str:
    table = _flags_table(protocol, kind)
    low, high, style = flags & 0xFF, flags & ~0xFF, w.style.names
    if style is Names.RAW or not flags:
        return hex(flags) if flags else "0"
    shown = [several("nl_flags", low, w.arch, Names.ABBREV)] if low else []
    if high:
        unknown = hex(high) if low else f"{high:#x} /* NLM_F_??? */"
        shown.append(several(table, high, w.arch, Names.ABBREV) if table else unknown)
    text = "|".join(shown)
    return f"{flags:#x} /* {text} */" if style is Names.VERBOSE and (low or table) else text


def _message(w: StraceWriter, protocol: int, data: Memory, length: int) -> str:
    _, kind, flags, sequence, pid = _HEADER.unpack_from(data)
    sender = str(pid - (1 << 32)) if pid >> 31 else w.pid(pid)
    head = (
        f"{{nlmsg_len={length}, nlmsg_type={_type(w, protocol, kind)}, nlmsg_flags={_flags(w, protocol, kind, flags)}, "
        f"nlmsg_seq={sequence}, nlmsg_pid={sender}}}"
    )
    body = data.part(_HEADER.size)
    return f"[{head}, {_body(w, protocol, kind, flags, body)}]" if length > _HEADER.size and body.full else head


def _body(w: StraceWriter, protocol: int, kind: int, flags: int, body: Memory) -> str:
    if kind == _ERROR:
        return _fault(w, protocol, flags, body)
    if kind == _DONE and body.full >= 4:
        return s32(w, body, 0)
    own = _OWN_BODIES.get(protocol)
    if own is not None and kind >= _FIRST_OF_PROTOCOL:
        return own(w, kind, body)
    if kind < _FIRST_OF_PROTOCOL or protocol not in (ROUTE, SOCK_DIAG):
        return hexadecimal(w, body)
    if not body:
        return hexadecimal(w, body)
    family = body[0]
    found = netlink_route.KINDS.get(kind)
    if protocol == SOCK_DIAG:
        found = (netlink_diag.REQUESTS if flags & _REQUEST else netlink_diag.ANSWERS).get(family)
        if body.full == 1:
            found = None
        elif kind in _COMPATIBLE and family in _INET:
            found = netlink_diag.COMPATIBLE if flags & _REQUEST else found
        elif kind not in (_SOCK_DIAG_BY_FAMILY, _SOCK_DESTROY):
            found = None
    elif (kind, family) == _BRIDGE_NEIGHBOURS:
        found = netlink_route.BRIDGE_NEIGHBOURS
    elif kind == _CACHE_REPORT and found is not None:
        ipv4, ipv6 = netlink_route.MULTICAST_ROUTING
        found = {ipv4: found, ipv6: netlink_route.REPORT_IPV6}.get(family, (found[0], "", {}))
    if found is None:
        rest = f", data={hexadecimal(w, body.part(1))}" if body.full > 1 else ""
        return f"{{family={w.enum('family', family)}{rest}}}"
    return structured(w, found, body, family)


def structured(w: StraceWriter, found: netlink_route.Kind, body: Memory, family: int) -> str:
    """A structure and the attributes behind it."""
    fields, table, printers = found
    size = size_of(fields)
    if body.full < size or len(body) < size:
        alone = sum(bool(f.name) for f in fields) == 1
        rest = "" if alone else ", ..." if body.full < size else f", {body.address + 1:#x}"
        return f"{{{fields[0].name}={w.enum('family', family)}{rest}}}"
    shown = f"{{{fields_text(w, fields, body, family)}}}"
    behind = body.part((size + 3) // 4 * 4)
    if not behind.full:
        return shown
    return f"{shown}, {attributes(w, table, printers, behind, family) if table else hexadecimal(w, behind)}"


def _fault(w: StraceWriter, protocol: int, flags: int, body: Memory) -> str:
    size = 4 + _HEADER.size
    if body.full < size or len(body) < size:
        return hexadecimal(w, body)
    number = int.from_bytes(body[:4], "little", signed=True)
    row = ERRORS.get(-number)
    error = f"-{row[0]}" if number < 0 and row is not None else str(number)
    length = int.from_bytes(body[4:8], "little")
    capped = flags & _CAPPED
    inner = body.part(4, size if capped else 4 + max(length, _HEADER.size))
    shown = f"{{error={error}, msg={_message(w, protocol, inner, _HEADER.size if capped else length)}}}"
    if capped:
        shown = shown.replace(f"nlmsg_len={_HEADER.size}", f"nlmsg_len={length}", 1)
    behind = body.part(size if capped else 4 + (max(length, _HEADER.size) + 3) // 4 * 4)
    if not behind.full:
        return shown
    return f"[{shown}, {attributes(w, 'nl_nlmsgerr', netlink_rare.ERROR_ATTRIBUTES, behind, 0)}]"


_OWN_BODIES = {
    NETFILTER: netlink_rare.netfilter,
    SELINUX: netlink_rare.selinux,
    CRYPTO: netlink_rare.crypto,
}
