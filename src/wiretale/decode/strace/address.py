"""Socket addresses in strace's words, of every family that strace 6.1 takes apart; of the others as bytes.

Layouts: linux/un.h, in.h, in6.h, ipx.h, x25.h, netlink.h, if_packet.h, rxrpc.h, if_alg.h, nfc.h, qrtr.h, vm_sockets.h,
if_xdp.h, mctp.h, and net/bluetooth/*.h and net/af_ieee802154.h of the kernel. What strace says of each was seen by
connecting to it.
"""

import struct
from _socket import AF_INET, AF_INET6, inet_ntop  # socket makes enumerations of hundreds of constants
from collections.abc import Callable

from wiretale.decode.escape import escape_bytes
from wiretale.decode.sockaddr import decode_sockaddr
from wiretale.decode.strace import names
from wiretale.decode.strace.strings import hex_literal, in_style
from wiretale.decode.strace.style import Names
from wiretale.light import later

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from wiretale.decode.strace import ax25
    from wiretale.decode.strace.writer import StraceWriter
else:
    ax25 = later("wiretale.decode.strace.ax25")

Fields = Callable[["StraceWriter", bytes], list[str]]
_LINK_LOCAL, _LINK_LOCAL_GROUP = 0xFE80, 0xFF02
_L2CAP_DYNAMIC_CID, _L2CAP_DYNAMIC_PSM = 0x40, 0x1001
_WITHOUT_SCOPE = 24  # struct sockaddr_in6 of RFC 2133; what the program gave of the scope counts as its lower bytes
_ADDR_SHORT = 2
_LLCP_BYTES, _LLCP_NAME = 96, 63  # linux/nfc.h: struct sockaddr_nfc_llcp, NFC_LLCP_MAX_SERVICE_NAME
_SHARED_MEMORY = 1  # XDP_SHARED_UMEM
_KERNEL_DRIVER_ONLY = 0x1000  # include/linux/crypto.h, not exported to user space


def number(value: int) -> str:
    return hex(value) if value else "0"


def _unix(w: "StraceWriter", data: bytes) -> list[str]:
    return list(decode_sockaddr(data).fields)


def _port(w: "StraceWriter", data: bytes) -> str:
    return in_style(w.style.names, data, f"htons({int.from_bytes(data, 'big')})")


def _inet(w: "StraceWriter", data: bytes) -> list[str]:
    where = in_style(w.style.names, data[4:8], f'inet_addr("{inet_ntop(AF_INET, data[4:8])}")')
    return [f"sin_port={_port(w, data[2:4])}", f"sin_addr={where}"]


def _inet6(w: "StraceWriter", data: bytes) -> list[str]:
    flow = in_style(w.style.names, data[4:8], f"htonl({int.from_bytes(data[4:8], 'big')})")
    fields = [f"sin6_port={_port(w, data[2:4])}", f"sin6_flowinfo={flow}"]
    text = inet_ntop(AF_INET6, data[8:24])
    if w.style.names is Names.ABBREV:
        fields.append(f'inet_pton(AF_INET6, "{text}", &sin6_addr)')
    else:
        whole = f'inet_pton(AF_INET6, "{text}")'
        fields.append(f"sin6_addr={in_style(w.style.names, data[8:24], whole)}")
    if len(data) <= _WITHOUT_SCOPE:
        return fields
    head, scope = int.from_bytes(data[8:10], "big"), int.from_bytes(data[24:28], "little")
    local = head & 0xFFC0 == _LINK_LOCAL or head & 0xFF0F == _LINK_LOCAL_GROUP
    return [*fields, f"sin6_scope_id={w.interface(scope) if local else scope}"]


def _octet(value: int) -> str:
    return f"{value:#x}" if value else "00"


def _ipx(w: "StraceWriter", data: bytes) -> list[str]:
    (network,) = struct.unpack_from("!I", data, 4)
    zero = [f"sipx_zero={data[15]:#x}"] if data[15] else []
    return [
        f"sipx_port={_port(w, data[2:4])}",
        f"sipx_network=htonl({number(network)})",
        f"sipx_node=[{', '.join(map(_octet, data[8:14]))}]",
        f"sipx_type={_octet(data[14])}",
        *zero,
    ]


def _x25(w: "StraceWriter", data: bytes) -> list[str]:
    return [f"sx25_addr={{x25_addr={_text(data[2:18])}}}"]


def _text(data: bytes) -> str:
    """Text in a field of fixed size; the last byte is taken for the NUL."""
    text, nul, _ = data.partition(b"\0")
    return escape_bytes(text) if nul else escape_bytes(data[:-1]) + "..."


def _netlink(w: "StraceWriter", data: bytes) -> list[str]:
    pad, pid, groups = struct.unpack_from("<HiI", data, 2)
    shown = f"{groups:#08x}" if groups else "00000000"
    return [*([f"nl_pad={pad:#x}"] if pad else []), f"nl_pid={w.pid(pid)}", f"nl_groups={shown}"]


def _packet(w: "StraceWriter", data: bytes) -> list[str]:
    (protocol,) = struct.unpack_from("!H", data, 2)
    kind_of = names.one("ethertype", protocol, w.arch, Names.ABBREV)
    index, hardware, kind, length = struct.unpack_from("<IHBB", data, 4)
    octets = [_octet(b) for b in data[12 : 12 + length]]
    address = ", ".join([*octets, *(["..."] if length > len(octets) else [])])
    return [
        f"sll_protocol={in_style(w.style.names, data[2:4], f'htons({kind_of})')}",
        f"sll_ifindex={w.interface(index)}",
        f"sll_hatype={w.enum('arphrd', hardware)}",
        f"sll_pkttype={w.enum('packet_type', kind)}",
        f"sll_halen={length}",
        *([f"sll_addr=[{address}]"] if length else []),
    ]


def _bluetooth(w: "StraceWriter", data: bytes) -> list[str]:
    """Which of the four protocols it is only its length tells."""
    if len(data) in (4, 6):
        channel = (
            [f"hci_channel={w.enum('hci_channel', int.from_bytes(data[4:6], 'little'))}"] if len(data) == 6 else []
        )
        return [f"hci_dev=htobs({int.from_bytes(data[2:4], 'little')})", *channel]
    if len(data) == 8:
        return [f"sco_bdaddr={_hardware(w, data[2:8])}"]
    if len(data) == 10:
        return [f"rc_bdaddr={_hardware(w, data[2:8])}", f"rc_channel={data[8]}"]
    if len(data) not in (12, 14):
        return [f"sa_data={w.text(data[2:])}"]
    psm, cid = (int.from_bytes(data[i : i + 2], "little") for i in (2, 10))
    where = _dynamic(w, "l2cap_cid", cid, _L2CAP_DYNAMIC_CID)
    service = _dynamic(w, "l2cap_psm", psm, _L2CAP_DYNAMIC_PSM)
    kind = [f"l2_bdaddr_type={w.enum('bdaddr_type', data[12])}"] if len(data) == 14 else []
    return [f"l2_psm=htobs({service})", f"l2_bdaddr={_hardware(w, data[4:10])}", f"l2_cid=htobs({where})", *kind]


def _dynamic(w: "StraceWriter", table: str, value: int, start: int) -> str:
    """A value of a table whose last part is there for everybody, and counted from its start."""
    if value < start or names.known(table, value, w.arch) or w.style.names is Names.RAW:
        return w.enum(table, value)
    text = f"{w.enum(table, start)}+{value - start}"
    return text if w.style.names is Names.ABBREV else f"{value:#x} /* {text} */"


def _hardware(w: "StraceWriter", data: bytes) -> str:
    return in_style(w.style.names, data, ":".join(f"{b:02x}" for b in data))


def _rxrpc(w: "StraceWriter", data: bytes) -> list[str]:
    service, kind, length, family = struct.unpack_from("<HHHH", data, 2)
    inner = data[8 : 8 + length]
    least, name, show = {2: (16, "sin", _inet), 10: (24, "sin6", _inet6)}.get(family, (0, "", _inet))
    rest = show(w, inner) if least and length >= least else [escape_bytes(inner[2:])] if length > 2 else []
    fields = ", ".join([f"{name}{'_' if name else ''}family={w.enum('family', family)}", *rest])
    return [
        f"srx_service={w.commented('rxrpc_service', service)}",
        f"transport_type={w.enum('socket_kind', kind)}",
        f"transport_len={length}",
        f"transport={{{name}={{{fields}}}}}" if name else f"transport={{{fields}}}",
    ]


def _ieee802154(w: "StraceWriter", data: bytes) -> list[str]:
    kind, network = struct.unpack_from("<IH", data, 4)
    fields = [
        f"addr_type={w.commented('ieee802154_addr', kind)}",
        f"pan_id={w.commented('ieee802154_pan', network)}",
    ]
    if kind == _ADDR_SHORT:
        fields.append(f"short_addr={w.commented('ieee802154_short', int.from_bytes(data[10:12], 'little'))}")
    elif kind:
        fields.append(f"hwaddr={_hardware(w, data[10:18])}")
    return [f"addr={{{', '.join(fields)}}}"]


def _algorithm(w: "StraceWriter", data: bytes) -> list[str]:
    features, mask = struct.unpack_from("<II", data, 16)
    return [
        f"salg_type={_text(data[2:16])}",
        f"salg_feat={_algorithm_flags(w, features)}",
        f"salg_mask={_algorithm_flags(w, mask)}",
        f"salg_name={_text(data[24:])}",
    ]


def _algorithm_flags(w: "StraceWriter", value: int) -> str:
    """A number with the names of its flags behind it."""
    if not value or w.style.names is Names.RAW:
        return number(value)
    rest = value & ~_KERNEL_DRIVER_ONLY
    known = value & _KERNEL_DRIVER_ONLY
    text = "|".join([*(["CRYPTO_ALG_KERN_DRIVER_ONLY"] if known else []), *([hex(rest)] if known and rest else [])])
    return f"{value:#x} /* {text or 'CRYPTO_ALG_???'} */"


def _nfc(w: "StraceWriter", data: bytes) -> list[str]:
    device, target, protocol = struct.unpack_from("<III", data, 4)
    shown = [
        f"dev_idx={w.interface(device)}",
        f"target_idx={number(target)}",
        f"nfc_protocol={w.enum('nfc_protocol', protocol)}",
    ]
    if len(data) < _LLCP_BYTES:
        return [*shown, *(["..."] if len(data) > 16 else [])]
    (length,) = struct.unpack_from("<Q", data, 88)
    name = data[18 : 18 + min(length, _LLCP_NAME)]
    return [
        *shown,
        f"dsap={w.commented('nfc_sap', data[16])}",
        f"ssap={w.commented('nfc_sap', data[17])}",
        f"service_name={escape_bytes(name)}",
        f"service_name_len={length}",
    ]


def _qrtr(w: "StraceWriter", data: bytes) -> list[str]:
    node, port = struct.unpack_from("<II", data, 4)
    return [f"sq_node={w.enum('qrtr_node', node)}", f"sq_port={w.enum('qrtr_port', port)}"]


def _vsock(w: "StraceWriter", data: bytes) -> list[str]:
    reserved, port, cid = struct.unpack_from("<HII", data, 2)
    return [
        *([f"svm_reserved1={reserved:#x}"] if reserved else []),
        f"svm_cid={w.enum('vsock_cid', cid)}",
        f"svm_port={w.enum('vsock_port', port)}",
        f"svm_flags={w.flags('vsock_flags', data[12])}",
        *([f"svm_zero={hex_literal(data[13:16])}"] if any(data[13:16]) else []),
    ]


def _xdp(w: "StraceWriter", data: bytes) -> list[str]:
    """The descriptor means something with XDP_SHARED_UMEM only."""
    flags, index, queue, memory = struct.unpack_from("<HIIi", data, 2)
    shown = f"{memory & 0xFFFFFFFF:#x}" if memory else ""
    if flags & _SHARED_MEMORY:
        shown = w.fd(memory)
    return [
        f"sxdp_flags={w.flags('xdp_flags', flags)}",
        f"sxdp_ifindex={w.interface(index)}",
        f"sxdp_queue_id={queue}",
        *([f"sxdp_shared_umem_fd={shown}"] if shown else []),
    ]


def _mctp(w: "StraceWriter", data: bytes) -> list[str]:
    pad, network = struct.unpack_from("<HI", data, 2)
    return [
        *([f"__smctp_pad0={pad:#x}"] if pad else []),
        f"smctp_network={w.enum('mctp_network', network)}",
        f"smctp_addr={{s_addr={w.enum('mctp_address', data[8])}}}",
        f"smctp_type={number(data[9])}",
        f"smctp_tag={number(data[10])}",
        *([f"__smctp_pad1={data[11]:#x}"] if data[11] else []),
    ]


def _ax25(w: "StraceWriter", data: bytes) -> list[str]:
    return ax25.ax25_fields(w, data)


_FAMILIES: dict[int, tuple[int, Fields]] = {  # family -> least size, fields
    1: (3, _unix), 2: (16, _inet), 3: (16, _ax25), 4: (16, _ipx), 9: (18, _x25), 10: (24, _inet6),
    16: (12, _netlink), 17: (20, _packet), 31: (4, _bluetooth), 33: (36, _rxrpc), 36: (20, _ieee802154),
    38: (25, _algorithm), 39: (16, _nfc), 40: (16, _vsock), 42: (12, _qrtr), 44: (16, _xdp), 45: (12, _mctp),
}  # fmt: skip


def address_text(w: "StraceWriter", data: bytes) -> str:
    """The bytes of a struct sockaddr; one that is too short for its family as bytes."""
    if len(data) < 2:
        return "{sa_family=AF_UNSPEC}" if not any(data) else "{...}"
    family = data[0] | data[1] << 8
    name = w.enum("family", family)
    least, fields = _FAMILIES.get(family, (0, _unix))
    if least and len(data) >= least:
        shown = fields(w, data)
    else:
        shown = [f"sa_data={w.text(data[2:])}"] if len(data) > 2 else []
    return "{" + ", ".join([f"sa_family={name}", *shown]) + "}"
