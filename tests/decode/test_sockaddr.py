"""Socket addresses are read as the kernel reads them; short ones say so."""

import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.decode.sockaddr import decode_sockaddr

V4 = struct.pack("<H", socket.AF_INET) + struct.pack("!H", 4000) + socket.inet_aton("127.0.0.1") + bytes(8)


def v6(address: str, port: int = 80, scope: int = 0) -> bytes:
    head = struct.pack("<H", socket.AF_INET6) + struct.pack("!HI", port, 0)
    return head + socket.inet_pton(socket.AF_INET6, address) + struct.pack("<I", scope)


def unix(path: bytes) -> bytes:
    return struct.pack("<H", socket.AF_UNIX) + path


def test_ipv4_has_address_and_port() -> None:
    address = decode_sockaddr(V4)
    assert (address.family_name, address.address, address.port) == ("AF_INET", "127.0.0.1", 4000)
    assert address.text == '{sa_family=AF_INET, sin_port=htons(4000), sin_addr=inet_addr("127.0.0.1")}'
    assert address.named[1].startswith("{sa_family=AF_INET(2), ")
    assert address.named[2] == (("AF_INET", 2),)


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("::1", "::1"),
        ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ],
)
def test_ipv6_is_written_as_rfc_5952_says(given_text: str, shown: str) -> None:
    address = decode_sockaddr(v6(given_text, scope=3))
    assert (address.address, address.port, address.scope_id) == (shown, 80, 3)
    assert f'inet_pton(AF_INET6, "{shown}", &sin6_addr), sin6_scope_id=3}}' in address.text


@pytest.mark.parametrize(
    ("path", "address", "text"),
    [
        (b"/run/x.sock\0", "/run/x.sock", '{sa_family=AF_UNIX, sun_path="/run/x.sock"}'),
        (b"/run/x.sock\0junk", "/run/x.sock", '{sa_family=AF_UNIX, sun_path="/run/x.sock"}'),
        (b"\0bus\0two", r"@bus\x00two", r'{sa_family=AF_UNIX, sun_path=@"bus\0two"}'),
        (b"", None, "{sa_family=AF_UNIX}"),
        (b"/\x1b[2J\xff\0", r"/\x1b[2J\xff", r'{sa_family=AF_UNIX, sun_path="/\33[2J\377"}'),
    ],
)
def test_unix_paths_end_at_nul_and_abstract_names_at_their_length(path: bytes, address: str | None, text: str) -> None:
    decoded = decode_sockaddr(unix(path))
    assert (decoded.address, decoded.text) == (address, text)


def test_netlink_has_pid_and_groups() -> None:
    data = struct.pack("<HHII", socket.AF_NETLINK, 0, 4021, 0x11)
    assert decode_sockaddr(data).text == "{sa_family=AF_NETLINK, nl_pid=4021, nl_groups=00000011}"


def test_vsock_has_a_port_of_32_bits_or_none_yet() -> None:
    address = "<HHIIB3x"  # struct sockaddr_vm, linux/vm_sockets.h
    given = decode_sockaddr(struct.pack(address, socket.AF_VSOCK, 0, 0xF0000001, 3, 0))
    assert (given.address, given.port) == ("3", 0xF0000001)
    unbound = decode_sockaddr(struct.pack(address, socket.AF_VSOCK, 0, 0xFFFFFFFF, 0xFFFFFFFF, 0))
    assert (unbound.address, unbound.port) == ("VMADDR_CID_ANY", None)


def test_packet_has_protocol_interface_and_hardware_address() -> None:
    data = struct.pack("<H", 17) + struct.pack("!H", 3) + struct.pack("<iHBB8s", 1, 772, 4, 6, bytes(range(8)))
    assert decode_sockaddr(data).text == (
        "{sa_family=AF_PACKET, sll_protocol=htons(ETH_P_ALL), sll_ifindex=1, sll_hatype=ARPHRD_LOOPBACK, "
        "sll_pkttype=PACKET_OUTGOING, sll_halen=6, sll_addr=[0x00, 0x01, 0x02, 0x03, 0x04, 0x05]}"
    )


@pytest.mark.parametrize("length", range(16))
def test_a_short_address_says_so_and_invents_nothing(length: int) -> None:
    address = decode_sockaddr(V4[:length])
    assert f"truncated: {length} of" in address.text
    assert (address.address is None) == (length < 8)
    assert (address.port is None) == (length < 4)


def test_kernel_made_addresses_read_back() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::1", 0))
        assert decode_sockaddr(v6("::1", sock.getsockname()[1])).port == sock.getsockname()[1]


@settings(deadline=None)  # other tests share the CPUs
@given(st.one_of(st.binary(max_size=140), st.sampled_from([1, 2, 10, 16, 17, 40]).flatmap(
    lambda family: st.binary(max_size=140).map(lambda rest: struct.pack("<H", family) + rest))))  # fmt: skip
def test_any_bytes_are_an_address_in_harmless_text(data: bytes) -> None:
    address = decode_sockaddr(data)
    assert address.text.isprintable()
    assert (address.address or "").isprintable()
    assert address.port is None or 0 <= address.port <= 2**32 - 1
