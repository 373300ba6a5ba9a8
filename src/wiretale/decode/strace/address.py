"""Socket addresses in strace's words, of every family that strace 6.1 takes apart; of the others as bytes.

Layouts: linux/un.h, in.h, in6.h, ipx.h, x25.h, netlink.h, if_packet.h, rxrpc.h, if_alg.h, nfc.h, qrtr.h, vm_sockets.h,
if_xdp.h, mctp.h, and net/bluetooth/*.h of the kernel. What strace says of each was seen by connecting to it.
"""

import struct
from collections.abc import Callable

from wiretale.decode.escape import escape_bytes
from wiretale.decode.sockaddr import decode_sockaddr
from wiretale.decode.strace.ax25 import ax25_fields
from wiretale.decode.strace.strings import hex_literal, literal
from wiretale.decode.writer import Writer
from wiretale.light import later

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    import ipaddress
else:
    ipaddress = later("ipaddress")

Fields = Callable[[Writer, bytes], list[str]]
_LINK_LOCAL, _LINK_LOCAL_GROUP = 0xFE80, 0xFF02
_L2CAP_DYNAMIC_CID, _L2CAP_DYNAMIC_PSM = 0x40, 0x1001
_MOST_HARDWARE = 8
_KERNEL_DRIVER_ONLY = 0x1000  # include/linux/crypto.h, not exported to user space


def number(value: int) -> str:
    return hex(value) if value else "0"


def hex_list(data: bytes) -> str:
    return f"[{', '.join(number(b) for b in data)}]"


def _shared(w: Writer, data: bytes) -> list[str]:
    return list(decode_sockaddr(data).fields)


def _inet6(w: Writer, data: bytes) -> list[str]:
    fields = list(decode_sockaddr(data).fields)
    head = int.from_bytes(data[8:10], "big")
    local = head & 0xFFC0 == _LINK_LOCAL or head & 0xFF0F == _LINK_LOCAL_GROUP
    if len(data) >= 28 and local:
        fields[-1] = f"sin6_scope_id={w.interface(int.from_bytes(data[24:28], 'little'))}"
    return fields


def _ipx(w: Writer, data: bytes) -> list[str]:
    port, network = struct.unpack_from("!HI", data, 2)
    zero = [f"sipx_zero={data[15]:#x}"] if data[15] else []
    return [
        f"sipx_port=htons({port})", f"sipx_network=htonl({number(network)})", f"sipx_node={hex_list(data[8:14])}",
        f"sipx_type={number(data[14])}", *zero,
    ]  # fmt: skip


def _x25(w: Writer, data: bytes) -> list[str]:
    return [f"sx25_addr={{x25_addr={_text(data[2:18])}}}"]


def _text(data: bytes) -> str:
    """Text in a field of fixed size; the last byte is taken for the NUL."""
    text, nul, _ = data.partition(b"\0")
    return escape_bytes(text) if nul else escape_bytes(data[:-1]) + "..."


def _netlink(w: Writer, data: bytes) -> list[str]:
    pad, pid, groups = struct.unpack_from("<HiI", data, 2)
    shown = f"{groups:#08x}" if groups else "00000000"
    return [*([f"nl_pad={pad:#x}"] if pad else []), f"nl_pid={w.pid(pid)}", f"nl_groups={shown}"]


def _packet(w: Writer, data: bytes) -> list[str]:
    (protocol,) = struct.unpack_from("!H", data, 2)
    index, hardware, kind, length = struct.unpack_from("<IHBB", data, 4)
    octets = [number(b) for b in data[12 : 12 + min(length, _MOST_HARDWARE)]]
    address = ", ".join([*octets, *(["..."] if length > _MOST_HARDWARE else [])])
    return [
        f"sll_protocol=htons({w.enum('ethertype', protocol)})",
        f"sll_ifindex={w.interface(index)}",
        f"sll_hatype={w.enum('arphrd', hardware)}",
        f"sll_pkttype={w.enum('packet_type', kind)}",
        f"sll_halen={length}",
        *([f"sll_addr=[{address}]"] if length else []),
    ]


def _bluetooth(w: Writer, data: bytes) -> list[str]:
    """Which of the four protocols it is only its length tells."""
    if len(data) in (4, 6):
        channel = (
            [f"hci_channel={w.enum('hci_channel', int.from_bytes(data[4:6], 'little'))}"] if len(data) == 6 else []
        )
        return [f"hci_dev=htobs({int.from_bytes(data[2:4], 'little')})", *channel]
    if len(data) == 8:
        return [f"sco_bdaddr={_colons(data[2:8])}"]
    if len(data) == 10:
        return [f"rc_bdaddr={_colons(data[2:8])}", f"rc_channel={data[8]}"]
    if len(data) not in (12, 14):
        return [f"sa_data={escape_bytes(data[2:])}"]
    psm, cid = (int.from_bytes(data[i : i + 2], "little") for i in (2, 10))
    where = w.enum("l2cap_cid", cid)
    if cid > _L2CAP_DYNAMIC_CID and where.startswith("0x"):
        where = f"L2CAP_CID_DYN_START+{cid - _L2CAP_DYNAMIC_CID}"
    service = w.enum("l2cap_psm", psm)
    if psm > _L2CAP_DYNAMIC_PSM and service.startswith("0x"):
        service = f"L2CAP_PSM_DYN_START+{psm - _L2CAP_DYNAMIC_PSM}"
    kind = [f"l2_bdaddr_type={w.enum('bdaddr_type', data[12])}"] if len(data) == 14 else []
    return [f"l2_psm=htobs({service})", f"l2_bdaddr={_colons(data[4:10])}", f"l2_cid=htobs({where})", *kind]


def _colons(data: bytes) -> str:
    return ":".join(f"{b:02x}" for b in data)


def _rxrpc(w: Writer, data: bytes) -> list[str]:
    service, kind, length = struct.unpack_from("<HHH", data, 2)
    inner = data[8 : 8 + length]
    (family,) = struct.unpack_from("<H", data, 8)
    if family == 2 and length >= 16:
        (port,) = struct.unpack_from("!H", inner, 2)
        address = ".".join(str(b) for b in inner[4:8])
        transport = f'{{sin={{sin_family=AF_INET, sin_port=htons({port}), sin_addr=inet_addr("{address}")}}}}'
    elif family == 10 and length >= 28:
        (port,) = struct.unpack_from("!H", inner, 2)
        address = str(ipaddress.IPv6Address(inner[8:24]))
        transport = (
            f'{{sin6={{sin6_family=AF_INET6, sin6_port=htons({port}), inet_pton(AF_INET6, "{address}", &sin6_addr)}}}}'
        )
    elif family in (2, 10):
        name, field = ("sin", "sin_family=AF_INET") if family == 2 else ("sin6", "sin6_family=AF_INET6")
        transport = f"{{{name}={{{field}, {escape_bytes(inner[2:])}}}}}"
    else:
        transport = f"{{family={w.enum('family', family)}, {escape_bytes(inner[2:])}}}"
    return [
        f"srx_service={w.enum('rxrpc_service', service)}",
        f"transport_type={w.enum('socket_kind', kind)}",
        f"transport_len={length}",
        f"transport={transport}",
    ]


def _algorithm(w: Writer, data: bytes) -> list[str]:
    features, mask = struct.unpack_from("<II", data, 16)
    return [
        f"salg_type={_text(data[2:16])}",
        f"salg_feat={_algorithm_flags(features)}",
        f"salg_mask={_algorithm_flags(mask)}",
        f"salg_name={_text(data[24:88])}",
    ]


def _algorithm_flags(value: int) -> str:
    """A number with the names of its flags behind it, in every style."""
    if not value:
        return "0"
    rest = value & ~_KERNEL_DRIVER_ONLY
    known = value & _KERNEL_DRIVER_ONLY
    text = "|".join([*(["CRYPTO_ALG_KERN_DRIVER_ONLY"] if known else []), *([hex(rest)] if known and rest else [])])
    return f"{value:#x} /* {text or 'CRYPTO_ALG_???'} */"


def _nfc(w: Writer, data: bytes) -> list[str]:
    device, target, protocol = struct.unpack_from("<III", data, 4)
    shown = [f"dev_idx={device}", f"target_idx={number(target)}", f"nfc_protocol={w.enum('nfc_protocol', protocol)}"]
    return [*shown, *(["..."] if len(data) > 16 else [])]


def _qrtr(w: Writer, data: bytes) -> list[str]:
    node, port = struct.unpack_from("<II", data, 4)
    return [f"sq_node={number(node)}", f"sq_port={number(port)}"]


def _vsock(w: Writer, data: bytes) -> list[str]:
    reserved, port, cid = struct.unpack_from("<HII", data, 2)
    return [
        *([f"svm_reserved1={reserved:#x}"] if reserved else []),
        f"svm_cid={w.enum('vsock_cid', cid)}",
        f"svm_port={number(port)}",
        f"svm_flags={w.flags('vsock_flags', data[12])}",
        *([f"svm_zero={hex_literal(data[13:16])}"] if any(data[13:16]) else []),
    ]


def _xdp(w: Writer, data: bytes) -> list[str]:
    flags, index, queue, memory = struct.unpack_from("<HIII", data, 2)
    return [
        f"sxdp_flags={w.flags('xdp_flags', flags)}",
        f"sxdp_ifindex={w.interface(index)}",
        f"sxdp_queue_id={queue}",
        f"sxdp_shared_umem_fd={w.fd(memory)}",
    ]


def _mctp(w: Writer, data: bytes) -> list[str]:
    pad, network = struct.unpack_from("<HI", data, 2)
    return [
        *([f"__smctp_pad0={pad:#x}"] if pad else []),
        f"smctp_network={number(network)}",
        f"smctp_addr={{s_addr={number(data[8])}}}",
        f"smctp_type={number(data[9])}",
        f"smctp_tag={number(data[10])}",
        *([f"__smctp_pad1={data[11]:#x}"] if data[11] else []),
    ]


_FAMILIES: dict[int, tuple[int, Fields]] = {  # family -> least size, fields
    1: (3, _shared), 2: (16, _shared), 3: (16, ax25_fields), 4: (16, _ipx), 9: (18, _x25), 10: (24, _inet6),
    16: (12, _netlink), 17: (20, _packet), 31: (4, _bluetooth), 33: (36, _rxrpc), 38: (25, _algorithm), 39: (16, _nfc),
    40: (16, _vsock), 42: (12, _qrtr), 44: (16, _xdp), 45: (12, _mctp),
}  # fmt: skip


def address_text(w: Writer, data: bytes) -> str:
    """The bytes of a struct sockaddr; one that is too short for its family as bytes."""
    if len(data) < 2:
        return "{sa_family=AF_UNSPEC}" if not any(data) else "{...}"
    family = data[0] | data[1] << 8
    name = w.enum("family", family)
    least, fields = _FAMILIES.get(family, (0, _shared))
    if least and len(data) >= least:
        shown = fields(w, data)
    else:
        shown = [f"sa_data={literal(data[2:])}"] if len(data) > 2 else []
    return "{" + ", ".join([f"sa_family={name}", *shown]) + "}"
