"""Addresses, messages and netlink in the words of strace 6.1, which printed each expected text for the same bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.decode.record_types import Datum, RawCall
from wiretale.decode.strace.calls import StraceDecoder
from wiretale.decode.strace.style import StraceStyle
from wiretale.model.enums import Arch

LO = StraceStyle(strings=200, interfaces=lambda index: "lo" if index == 1 else "")


def datum(arg: int, role: str, data: bytes, *, at_exit: bool = False, full: int | None = None, idx: int = 0) -> Datum:
    return Datum(at_exit, role, arg, idx, 0x1000, 0, len(data) if full is None else full, 14 if full else 0, data)


def entry(name: str, *args: int, data: tuple[Datum, ...], netlink: int | None = None) -> str:
    call = RawCall(name, Arch.X86_64, (*args, *[0] * (6 - len(args))), None, None, data)
    return StraceDecoder(LO).entry(call, None, netlink)


def connect(address: bytes) -> str:
    text = entry("connect", 3, 0x1000, len(address), data=(datum(1, "sockaddr", address),))
    return text.removeprefix("connect(3, ").rpartition(", ")[0]


TWELVE = bytes(range(1, 13))


@pytest.mark.parametrize(
    ("family", "rest", "expected"),
    [
        (4, bytes(range(1, 15)),
         "sipx_port=htons(258), sipx_network=htonl(0x3040506), sipx_node=[0x7, 0x8, 0x9, 0xa, 0xb, 0xc], "
         "sipx_type=0xd, sipx_zero=0xe"),
        (10, struct.pack("!HI", 1, 0) + bytes.fromhex("fe80") + bytes(14) + b"\1\0\0\0",
         'sin6_port=htons(1), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "fe80::", &sin6_addr), '
         'sin6_scope_id=if_nametoindex("lo")'),
        (16, struct.pack("<HiI", 0, 1, 1), "nl_pid=1, nl_groups=0x000001"),
        (17, bytes(range(1, 11)), 'sa_data="\\1\\2\\3\\4\\5\\6\\7\\10\\t\\n"'),
        (31, bytes.fromhex("01000300"), "hci_dev=htobs(1), hci_channel=HCI_CHANNEL_CONTROL"),
        (31, bytes(range(1, 9)), "rc_bdaddr=01:02:03:04:05:06, rc_channel=7"),
        (42, bytes(range(1, 11)), "sq_node=0x6050403, sq_port=0xa090807"),
        (44, struct.pack("<HIII", 1, 1, 2, 7),
         'sxdp_flags=XDP_SHARED_UMEM, sxdp_ifindex=if_nametoindex("lo"), sxdp_queue_id=2, sxdp_shared_umem_fd=7'),
        (40, struct.pack("<HIIB3x", 0, 1, 2, 0), "svm_cid=VMADDR_CID_HOST, svm_port=0x1, svm_flags=0"),
        (3, bytes.fromhex("ac928440404060") + bytes(7),
         'sax25_call={ax25_call="\\xac\\x92\\x84\\x40\\x40\\x40\\x60"} /* VIB-0 */, sax25_ndigis=0'),
        (30, TWELVE, 'sa_data="\\1\\2\\3\\4\\5\\6\\7\\10\\t\\n\\v\\f"'),
    ],
)  # fmt: skip
def test_addresses(family: int, rest: bytes, expected: str) -> None:
    assert connect(family.to_bytes(2, "little") + rest).partition(", ")[2] == expected + "}"


def nlmsg(kind: int, flags: int, body: bytes, sequence: int = 7) -> bytes:
    return struct.pack("<IHHII", 16 + len(body), kind, flags, sequence, 0) + body


def sent(protocol: int, data: bytes) -> str:
    text = entry("sendto", 3, 0x1000, len(data), 0, 0, 0, data=(datum(1, "payload", data),), netlink=protocol)
    return text.removeprefix("sendto(3, ").removesuffix(f", {len(data)}, 0, NULL, 0")


HEAD = "{{nlmsg_len={}, nlmsg_type={}, nlmsg_flags={}, nlmsg_seq=7, nlmsg_pid=0}}"


@pytest.mark.parametrize(
    ("protocol", "data", "expected"),
    [
        (0, nlmsg(18, 0x301, struct.pack("<BxHiII", 0, 0, 0, 0, 0) + struct.pack("<HHI", 8, 29, 1)),
         f"[{HEAD.format(40, 'RTM_GETLINK', 'NLM_F_REQUEST|NLM_F_DUMP')}, {{ifi_family=AF_UNSPEC, "
         "ifi_type=ARPHRD_NETROM, ifi_index=0, ifi_flags=0, ifi_change=0}, "
         "[{nla_len=8, nla_type=IFLA_EXT_MASK}, RTEXT_FILTER_VF]]"),
        (0, nlmsg(26, 1, struct.pack("<8BI", 2, 32, 0, 0x10, 0, 0, 0, 0, 0x1000) + b"\x08\0\1\0\x7f\0\0\1"
                  + struct.pack("<HHI", 8, 4, 1)),
         f"[{HEAD.format(44, 'RTM_GETROUTE', 'NLM_F_REQUEST')}, {{rtm_family=AF_INET, rtm_dst_len=32, rtm_src_len=0, "
         "rtm_tos=IPTOS_LOWDELAY, rtm_table=RT_TABLE_UNSPEC, rtm_protocol=RTPROT_UNSPEC, "
         "rtm_scope=RT_SCOPE_UNIVERSE, rtm_type=RTN_UNSPEC, rtm_flags=RTM_F_LOOKUP_TABLE}, "
         '[[{nla_len=8, nla_type=RTA_DST}, inet_addr("127.0.0.1")], '
         '[{nla_len=8, nla_type=RTA_OIF}, if_nametoindex("lo")]]]'),
        (0, nlmsg(3, 2, bytes(4)), f"[{HEAD.format(20, 'NLMSG_DONE', 'NLM_F_MULTI')}, 0]"),
        (0, nlmsg(2, 0, struct.pack("<i", -19) + nlmsg(18, 1, bytes(16))),
         f"[{HEAD.format(52, 'NLMSG_ERROR', '0')}, {{error=-ENODEV, "
         f"msg=[{HEAD.format(32, 'RTM_GETLINK', 'NLM_F_REQUEST')}, {{ifi_family=AF_UNSPEC, ifi_type=ARPHRD_NETROM, "
         "ifi_index=0, ifi_flags=0, ifi_change=0}]}]"),
        (0, nlmsg(17, 1, b"\1" + bytes(14)),
         f"[{HEAD.format(31, 'RTM_DELLINK', 'NLM_F_REQUEST')}, {{ifi_family=AF_UNIX, ...}}]"),
        (4, nlmsg(20, 0x301, struct.pack("<BBHIIIII", 1, 0, 0, 0x402, 0, 5, 0, 0)),
         f"[{HEAD.format(40, 'SOCK_DIAG_BY_FAMILY', 'NLM_F_REQUEST|NLM_F_DUMP')}, {{sdiag_family=AF_UNIX, "
         "sdiag_protocol=0, udiag_states=1<<TCP_ESTABLISHED|1<<TCP_LISTEN, udiag_ino=0, "
         "udiag_show=UDIAG_SHOW_NAME|UDIAG_SHOW_PEER, udiag_cookie=[0, 0]}]"),
        (4, nlmsg(20, 1, b"\1"), f"[{HEAD.format(17, 'SOCK_DIAG_BY_FAMILY', 'NLM_F_REQUEST')}, {{family=AF_UNIX}}]"),
        (16, nlmsg(16, 0x301, b"\3\1\0\0"),
         f'[{HEAD.format(20, "nlctrl", "NLM_F_REQUEST|0x300")}, "\\x03\\x01\\x00\\x00"]'),
        (0, nlmsg(18, 1, b""), HEAD.format(16, "RTM_GETLINK", "NLM_F_REQUEST")),
    ],
)  # fmt: skip
def test_netlink(protocol: int, data: bytes, expected: str) -> None:
    assert sent(protocol, data) == expected


@given(
    protocol=st.sampled_from([0, 4, 12, 16]),
    kind=st.integers(0, 130),
    family=st.sampled_from([0, 1, 2, 10, 16, 17, 99]),
    body=st.binary(max_size=300),
)
def test_any_netlink_message_is_printable(protocol: int, kind: int, family: int, body: bytes) -> None:
    assert sent(protocol, nlmsg(kind, 0x301, bytes([family]) + body)).isprintable()
    assert sent(protocol, nlmsg(kind, 2, bytes([family]) + body)).isprintable()


@given(family=st.integers(0, 60), rest=st.binary(max_size=126))
def test_any_address_is_printable(family: int, rest: bytes) -> None:
    assert connect(family.to_bytes(2, "little") + rest).isprintable()


def sendmsg(control: bytes, full: int) -> str:
    head = struct.pack("<QI4xQQQQI4x", 0, 0, 0, 0, 0x2000, full, 0)
    parts = (datum(1, "msghdr", head), datum(1, "control", control, full=full if full > len(control) else None))
    return entry("sendmsg", 3, 0x3000, 0, data=parts).partition("msg_control=")[2].partition(", msg_controllen")[0]


def cmsg(level: int, kind: int, data: bytes, length: int | None = None) -> bytes:
    size = 16 + len(data) if length is None else length
    return struct.pack("<Qii", size, level, kind) + data + bytes(-len(data) % 8)


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (cmsg(1, 1, struct.pack("<2i", 3, 4)),
         "{cmsg_len=24, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[3, 4]}"),
        (cmsg(1, 29, b"1234"), "{cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SO_TIMESTAMP_OLD, cmsg_data=???}"),
        (cmsg(0, 1, b"A"), "{cmsg_len=17, cmsg_level=SOL_IP, cmsg_type=IP_TOS, cmsg_data=[0x41]}"),
        (cmsg(0, 8, struct.pack("<i", 1) + bytes(8)),
         '{cmsg_len=28, cmsg_level=SOL_IP, cmsg_type=IP_PKTINFO, cmsg_data={ipi_ifindex=if_nametoindex("lo"), '
         'ipi_spec_dst=inet_addr("0.0.0.0"), ipi_addr=inet_addr("0.0.0.0")}}'),
        (cmsg(41, 50, bytes(20)), "{cmsg_len=36, cmsg_level=SOL_IPV6, cmsg_type=0x32}"),
    ],
)  # fmt: skip
def test_control_messages(control: bytes, expected: str) -> None:
    assert sendmsg(control, len(control)) == f"[{expected}]"


def test_what_is_too_short_for_another_control_message_is_said_to_be_there() -> None:
    control = cmsg(1, 1, struct.pack("<i", 3))
    shown = sendmsg(control + b"xyz", len(control) + 3)
    assert shown.endswith("cmsg_data=[3]}, ... /* 0x1018 */]")


@pytest.mark.parametrize(
    ("level", "option", "value", "length", "expected"),
    [
        (1, 13, struct.pack("<ii", 1, 5), 8, "{l_onoff=1, l_linger=5}"),
        (1, 13, b"\1\0\0\0", 4, "0x1000"),
        (0, 35, bytes([224, 0, 0, 3, 127, 0, 0, 1]), 8,
         '{imr_multiaddr=inet_addr("224.0.0.3"), imr_interface=inet_addr("127.0.0.1")}'),
        (41, 20, bytes.fromhex("ff01") + bytes(13) + b"\x0c\1\0\0\0", 20,
         '{inet_pton(AF_INET6, "ff01::c", &ipv6mr_multiaddr), ipv6mr_interface=if_nametoindex("lo")}'),
        (255, 1, b"\xff\xff\xff\xff", 4, "~[]"),
        (263, 1, struct.pack("<iHH", 0, 2, 7) + b"\xff" * 8, 16,
         "{mr_ifindex=0, mr_type=PACKET_MR_ALLMULTI, mr_alen=7, mr_address=ff:ff:ff:ff:ff:ff:ff}"),
        (263, 5, bytes(16), 17, "0x1000"),
    ],
)  # fmt: skip
def test_socket_options(level: int, option: int, value: bytes, length: int, expected: str) -> None:
    text = entry("setsockopt", 3, level, option, 0x1000, length, data=(datum(3, "optval", value),))
    assert text.endswith(f", {expected}, {length}")
