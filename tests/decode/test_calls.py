"""A recorded call comes out in words: every constant named, nothing invented, nothing hostile."""

import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.decode.calls import decode_call
from wiretale.decode.record_types import Datum, RawCall
from wiretale.decode.syscalls import CALLS
from wiretale.model.enums import Arch
from wiretale.model.spool import Role

V4 = struct.pack("<H", socket.AF_INET) + struct.pack("!H", 4000) + socket.inet_aton("127.0.0.1") + bytes(8)
P = 0x7FFE0000


def before(arg: int, role: str, data: bytes, idx: int = 0, *, full: int | None = None, error: int = 0) -> Datum:
    return Datum(False, role, arg, idx, P, 0, len(data) if full is None else full, error, data)


def after(arg: int, role: str, data: bytes, idx: int = 0, *, full: int | None = None, error: int = 0) -> Datum:
    return Datum(True, role, arg, idx, P, 0, len(data) if full is None else full, error, data)


def word(value: int, size: int = 8) -> bytes:
    return value.to_bytes(size, "little")


def raw(name: str, *args: int, ret: int | None = 0, data: tuple[Datum, ...] = (), arch: int = Arch.X86_64) -> RawCall:
    errno = -ret if ret is not None and ret < 0 else None
    return RawCall(name, arch, (*args, *([0] * (6 - len(args)))), ret, errno, data)


def text(call: RawCall) -> str:
    return decode_call(call).text


def test_the_numbers_the_first_account_looked_up_by_hand_come_out() -> None:
    """Family 2, type 1, protocol 6, level 1, options 2 and 15, flags 0x800, how 0."""
    shown = {
        n
        for call in (
            raw("socket", 2, 1, 6, ret=3),
            raw("setsockopt", 3, 1, 2, P, 4, data=(before(3, "optval", struct.pack("i", 1)),)),
            raw("setsockopt", 3, 1, 15, P, 4, data=(before(3, "optval", struct.pack("i", 1)),)),
            raw("accept4", 3, P, P, 0x800, ret=4),
            raw("shutdown", 4, 0),
        )
        for n in decode_call(call).numbers
    }
    assert shown == {
        ("AF_INET", 2),
        ("SOCK_STREAM", 1),
        ("IPPROTO_TCP", 6),
        ("SOL_SOCKET", 1),
        ("SO_REUSEADDR", 2),
        ("SO_REUSEPORT", 15),
        ("SOCK_NONBLOCK", 0x800),
        ("SHUT_RD", 0),
    }


def test_numbers_stand_beside_the_names_on_request() -> None:
    call = raw("socket", 2, 0x801, 6, ret=3)
    assert decode_call(call, numbers=True).text == (
        "socket(AF_INET(2), SOCK_STREAM(1)|SOCK_NONBLOCK(0x800), IPPROTO_TCP(6)) = 3"
    )
    assert decode_call(call).text == "socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3"
    failed = raw("connect", 3, P, 16, ret=-115, data=(before(1, "sockaddr", V4),))
    assert decode_call(failed, numbers=True).text.endswith("16) = -1 EINPROGRESS(115) (Operation now in progress)")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (raw("socket", 1, 2, 0, ret=3), "socket(AF_UNIX, SOCK_DGRAM, 0) = 3"),
        (raw("socket", 16, 3 | 0o2000000, 4, ret=3),
         "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_SOCK_DIAG) = 3"),
        (raw("socket", 17, 3, 0x0300, ret=3), "socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) = 3"),
        (
            raw("connect", 3, P, 16, ret=-111, data=(before(1, "sockaddr", V4),)),
            'connect(3, {sa_family=AF_INET, sin_port=htons(4000), sin_addr=inet_addr("127.0.0.1")}, 16)'
            " = -1 ECONNREFUSED (Connection refused)",
        ),
        (
            raw(
                "accept4", 3, P, P, 0x800, ret=4,
                data=(after(1, "sockaddr", V4), before(2, "socklen", word(128, 4)), after(2, "socklen", word(16, 4))),
            ),
            'accept4(3, {sa_family=AF_INET, sin_port=htons(4000), sin_addr=inet_addr("127.0.0.1")}, [128 => 16],'
            " SOCK_NONBLOCK) = 4",
        ),
        (raw("accept", 3, 0, 0, ret=None), "accept(3, NULL, NULL) = ?"),
        (raw("write", 1, P, 6, ret=6, data=(before(1, "payload", b"salam\n"),)), r'write(1, "salam\n", 6) = 6'),
        (raw("write", 1, P, 0), 'write(1, "", 0) = 0'),
        (raw("read", 3, P, 16384, ret=0), 'read(3, "", 16384) = 0'),
        (raw("read", 3, P, 16384, ret=-11), f"read(3, {P:#x}, 16384) = -1 EAGAIN (Resource temporarily unavailable)"),
        (raw("read", 3, P, 9, ret=-512), f"read(3, {P:#x}, 9) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)"),
        (
            raw("read", 3, P, 100, ret=50, data=(after(1, "payload", b"x" * 10, full=50),)),
            'read(3, "xxxxxxxxxx"..., 100) = 50',
        ),
        (raw("close", 0xFFFFFFFF, ret=-9), "close(-1) = -1 EBADF (Bad file descriptor)"),
        (raw("lseek", 3, 0xFFFFFFFFFFFFFFFF, 1, ret=9), "lseek(3, -1, SEEK_CUR) = 9"),
        (raw("mmap", 0, 4096, 3, 0x22, 0xFFFFFFFF, 0, ret=0x7F0000000000),
         "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000"),
        (raw("fcntl", 3, 4, 0x802), "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0"),
        (raw("fcntl", 3, 3, ret=0x802), "fcntl(3, F_GETFL) = 0x802 (flags O_RDWR|O_NONBLOCK)"),
        (raw("ioctl", 3, 0x5421, P, data=(before(2, "struct", b"\1\0\0\0"),)), "ioctl(3, FIONBIO, [1]) = 0"),
        (raw("ioctl", 0, 0x5413, P, ret=-25),
         f"ioctl(0, TIOCGWINSZ, {P:#x}) = -1 ENOTTY (Inappropriate ioctl for device)"),
        (raw("openat", 0xFFFFFF9C, P, 0o2000000, ret=3, data=(before(1, "string", b"/etc/services"),)),
         'openat(AT_FDCWD, "/etc/services", O_RDONLY|O_CLOEXEC) = 3'),
        (raw("openat", 0xFFFFFF9C, P, 0o1101, 0o644, ret=3, data=(before(1, "string", b"x"),)),
         'openat(AT_FDCWD, "x", O_WRONLY|O_CREAT|O_TRUNC, 0644) = 3'),
        (raw("exit_group", 0, ret=None), "exit_group(0) = ?"),
        (raw("kill", 5, 15), "kill(5, SIGTERM) = 0"),
        (raw("futex", P, 0x81, 1, ret=1), f"futex({P:#x}, FUTEX_WAKE_PRIVATE, 1) = 1"),
        (raw("wait4", 0xFFFFFFFF, P, 0, 0, ret=7, data=(after(1, "struct", struct.pack("i", 0x300)),)),
         "wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, NULL) = 7"),
        (raw("pipe2", P, 0o2000000, data=(after(0, "array", struct.pack("ii", 3, 4)),)),
         "pipe2([3, 4], O_CLOEXEC) = 0"),
        (raw("syscall_0x1234", 1, 2), "syscall_0x1234(0x1, 0x2, 0x0, 0x0, 0x0, 0x0) = 0"),
        (raw("execve", P, P, P, data=(before(0, "string", b"/bin/nc"), before(1, "argv", b"nc"),
             before(1, "argv", b"-l", 1), before(2, "envp", b"A="))),
         f'execve("/bin/nc", ["nc", "-l"], {P:#x} /* 1 vars */) = 0'),
        (raw("clone", 0x1200011, 0, 0, P, ret=9),
         f"clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr={P:#x}) = 9"),
    ],
)  # fmt: skip
def test_common_calls(call: RawCall, expected: str) -> None:
    assert text(call) == expected


# -- waiting


def test_poll_shows_what_was_asked_and_what_came_out() -> None:
    asked = struct.pack("<ihhihh", 3, 1, 0, -1, 0, 0)
    ready = struct.pack("<ihhihh", 3, 1, 0x11, -1, 0, 0)
    call = raw("poll", P, 2, 0xFFFFFFFF, ret=1, data=(before(0, "array", asked), after(0, "array", ready)))
    assert text(call) == "poll([{fd=3, events=POLLIN}, {fd=-1}], 2, -1) = 1 ([{fd=3, revents=POLLIN|POLLHUP}])"
    assert text(raw("poll", P, 1, 10, data=(before(0, "array", asked[:8]),))).endswith("1, 10) = 0 (Timeout)")


def test_select_shows_the_sets_before_and_after() -> None:
    call = raw(
        "pselect6", 4, P, P, 0, P, 0, ret=1,
        data=(
            before(1, "fdset", (0b1001).to_bytes(8, "little")),
            before(2, "fdset", (0b1000).to_bytes(8, "little")),
            before(4, "struct", struct.pack("<qq", 10, 0)),
            after(1, "fdset", bytes(8)),
            after(2, "fdset", (0b1000).to_bytes(8, "little")),
            after(4, "struct", struct.pack("<qq", 9, 5)),
        ),
    )  # fmt: skip
    assert text(call) == (
        "pselect6(4, [0 3], [3], NULL, {tv_sec=10, tv_nsec=0}, NULL) = 1 (out [3], left {tv_sec=9, tv_nsec=5})"
    )


@pytest.mark.parametrize(
    ("arch", "data"),
    [
        (Arch.X86_64, struct.pack("<IQ", 0x80000001, 7)),
        (Arch.I386, struct.pack("<IQ", 0x80000001, 7)),
        (Arch.AARCH64, struct.pack("<IIQ", 0x80000001, 0, 7)),
    ],
)
def test_epoll_events_have_each_architectures_layout(arch: Arch, data: bytes) -> None:
    event = "{events=EPOLLIN|EPOLLET, data={u32=7, u64=7}}"
    call = raw("epoll_ctl", 4, 1, 5, P, data=(before(3, "struct", data),), arch=arch)
    assert text(call) == f"epoll_ctl(4, EPOLL_CTL_ADD, 5, {event}) = 0"
    waited = raw("epoll_pwait", 4, P, 10, 0xFFFFFFFF, 0, 8, ret=2, data=(after(1, "array", data * 2),), arch=arch)
    assert text(waited) == f"epoll_pwait(4, [{event}, {event}], 10, -1, NULL, 8) = 2"


# -- socket options


@pytest.mark.parametrize(
    ("level", "option", "value", "expected"),
    [
        (1, 13, struct.pack("ii", 1, 5), "SOL_SOCKET, SO_LINGER, {l_onoff=1, l_linger=5}"),
        (1, 20, struct.pack("<qq", 1, 500), "SOL_SOCKET, SO_RCVTIMEO_OLD, {tv_sec=1, tv_usec=500}"),
        (1, 25, b"lo\0", 'SOL_SOCKET, SO_BINDTODEVICE, "lo"'),
        (6, 1, struct.pack("i", 1), "SOL_TCP, TCP_NODELAY, [1]"),
        (6, 13, b"cubic", 'SOL_TCP, TCP_CONGESTION, "cubic"'),
        (0, 1, struct.pack("i", 0x10), "SOL_IP, IP_TOS, [0x10]"),
        (0, 8, struct.pack("i", 1), "SOL_IP, IP_PKTINFO, [1]"),
        (0, 35, socket.inet_aton("224.0.0.251") + socket.inet_aton("127.0.0.1"),
         'SOL_IP, IP_ADD_MEMBERSHIP, {imr_multiaddr=inet_addr("224.0.0.251"), imr_interface=inet_addr("127.0.0.1")}'),
        (0, 10, struct.pack("i", 2), "SOL_IP, IP_MTU_DISCOVER, [IP_PMTUDISC_DO]"),
        (41, 26, struct.pack("i", 1), "SOL_IPV6, IPV6_V6ONLY, [1]"),
        (41, 20, socket.inet_pton(10, "ff02::1") + struct.pack("i", 2),
         'SOL_IPV6, IPV6_ADD_MEMBERSHIP, {ipv6mr_multiaddr=inet_pton(AF_INET6, "ff02::1"), ipv6mr_interface=2}'),
        (17, 103, struct.pack("i", 1400), "SOL_UDP, UDP_SEGMENT, [1400]"),
        (263, 10, struct.pack("i", 2), "SOL_PACKET, PACKET_VERSION, [TPACKET_V3]"),
        (999, 77, struct.pack("i", 5), "0x3e7, 77, [5]"),
    ],
)  # fmt: skip
def test_options_are_named_and_their_values_decoded(level: int, option: int, value: bytes, expected: str) -> None:
    call = raw("setsockopt", 3, level, option, P, len(value), data=(before(3, "optval", value),))
    assert text(call) == f"setsockopt(3, {expected}, {len(value)}) = 0"


@pytest.mark.parametrize(
    ("level", "option", "value", "expected"),
    [
        (1, 4, struct.pack("i", 111), "SO_ERROR, [ECONNREFUSED (Connection refused)]"),
        (1, 4, struct.pack("i", 0), "SO_ERROR, [0]"),
        (1, 3, struct.pack("i", 1), "SO_TYPE, [SOCK_STREAM]"),
        (1, 17, struct.pack("iii", 0, -1, -1), "SO_PEERCRED, {pid=0, uid=-1, gid=-1}"),
        (1, 39, struct.pack("i", 10), "SO_DOMAIN, [AF_INET6]"),
        (0, 80, V4, 'SO_ORIGINAL_DST, {sa_family=AF_INET, sin_port=htons(4000), sin_addr=inet_addr("127.0.0.1")}'),
    ],
)
def test_values_that_come_back_are_decoded(level: int, option: int, value: bytes, expected: str) -> None:
    length = struct.pack("i", len(value))
    data = (after(3, "optval", value), before(4, "socklen", length), after(4, "socklen", length))
    assert f"{expected}, [{len(value)}]) = 0" in text(raw("getsockopt", 3, level, option, P, P, data=data))


def test_tcp_info_of_a_real_connection_names_its_fields() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 300)
    shown = text(raw("getsockopt", 3, 6, 11, P, P, data=(after(3, "optval", info),)))
    assert "TCP_INFO, {tcpi_state=TCP_ESTABLISHED, " in shown
    assert "tcpi_options=TCPI_OPT_TIMESTAMPS|TCPI_OPT_SACK|TCPI_OPT_WSCALE" in shown
    assert "tcpi_snd_mss=" in shown


# -- messages


def msghdr(namelen: int, iovlen: int, control: int, flags: int = 0, size: int = 8) -> bytes:
    pad = b"\0" * 4 if size == 8 else b""
    head = word(P if namelen else 0, size) + word(namelen, 4) + pad + word(P, size) + word(iovlen, size)
    return head + word(P if control else 0, size) + word(control, size) + word(flags, 4) + pad


def cmsg(level: int, kind: int, data: bytes, size: int = 8) -> bytes:
    length = size + 8 + len(data)
    return word(length, size) + struct.pack("<ii", level, kind) + data + b"\0" * (-length % size)


@pytest.mark.parametrize("size", [8, 4])
def test_sendmsg_shows_buffers_and_passed_descriptors(size: int) -> None:
    arch = Arch.X86_64 if size == 8 else Arch.I386
    control = cmsg(1, 1, struct.pack("<ii", 5, 6), size)
    call = raw(
        "sendmsg", 7, P, 0, ret=3, arch=arch,
        data=(
            before(1, "msghdr", msghdr(0, 2, len(control), size=size)),
            before(1, "iovec", word(P, size) + word(1, size) + word(P, size) + word(2, size)),
            before(1, "payload", b"x"),
            before(1, "payload", b"yy", idx=1),
            before(1, "control", control),
        ),
    )  # fmt: skip
    assert text(call) == (
        'sendmsg(7, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="x", iov_len=1}, {iov_base="yy", iov_len=2}],'
        f" msg_iovlen=2, msg_control=[{{cmsg_len={size + 16}, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS,"
        f" cmsg_data=[5, 6]}}], msg_controllen={len(control)}, msg_flags=0}}, 0) = 3"
    )


@pytest.mark.parametrize(
    ("level", "kind", "data", "expected"),
    [
        (1, 2, struct.pack("<iII", 9, 0, 0), "cmsg_type=SCM_CREDENTIALS, cmsg_data={pid=9, uid=0, gid=0}"),
        (1, 29, struct.pack("<qq", 5, 6), "cmsg_type=SO_TIMESTAMP_OLD, cmsg_data={tv_sec=5, tv_usec=6}"),
        (0, 8, struct.pack("<i", 1) + socket.inet_aton("10.0.0.1") * 2,
         'cmsg_type=IP_PKTINFO, cmsg_data={ipi_ifindex=1, ipi_spec_dst=inet_addr("10.0.0.1"), '
         'ipi_addr=inet_addr("10.0.0.1")}'),
        (41, 50, socket.inet_pton(10, "::1") + struct.pack("<i", 1),
         'cmsg_level=SOL_IPV6, cmsg_type=IPV6_PKTINFO, '
         'cmsg_data={ipi6_addr=inet_pton(AF_INET6, "::1"), ipi6_ifindex=1}'),
        (17, 104, struct.pack("<i", 1400), "cmsg_level=SOL_UDP, cmsg_type=UDP_GRO, cmsg_data=[1400]"),
        (17, 103, struct.pack("<H", 1400), "cmsg_type=UDP_SEGMENT, cmsg_data=[1400]"),
        (282, 2, b"\x17", "cmsg_type=TLS_GET_RECORD_TYPE, cmsg_data=[application_data]"),
        (0, 11, struct.pack("<IBBBBII", 111, 2, 3, 3, 0, 0, 0) + V4,
         "cmsg_type=IP_RECVERR, cmsg_data={ee_errno=ECONNREFUSED (Connection refused), ee_origin=SO_EE_ORIGIN_ICMP"),
    ],
)  # fmt: skip
def test_control_messages_are_decoded(level: int, kind: int, data: bytes, expected: str) -> None:
    control = cmsg(level, kind, data)
    call = raw(
        "recvmsg", 7, P, 0, ret=1,
        data=(
            before(1, "msghdr", msghdr(128, 1, 200)),
            before(1, "iovec", word(P) + word(10)),
            after(1, "msghdr", msghdr(16, 1, len(control))),
            after(1, "sockaddr", V4),
            after(1, "payload", b"q"),
            after(1, "control", control),
        ),
    )  # fmt: skip
    shown = text(call)
    assert expected in shown
    assert 'msg_namelen=128 => 16, msg_iov=[{iov_base="q", iov_len=10}]' in shown


@pytest.mark.parametrize("size", [8, 4])
def test_control_messages_are_aligned_to_words(size: int) -> None:
    control = (
        cmsg(1, 1, b"\5\0\0\0\6\0\0\0\7\0\0\0", size) + cmsg(282, 2, b"\x15", size) + cmsg(17, 104, word(9, 4), size)
    )
    arch = Arch.X86_64 if size == 8 else Arch.I386
    header = msghdr(0, 0, len(control), size=size)
    call = raw("sendmsg", 7, P, 0, arch=arch, data=(before(1, "msghdr", header), before(1, "control", control)))
    shown = text(call)
    assert "cmsg_data=[5, 6, 7]}, {" in shown
    assert "cmsg_data=[alert]}, {" in shown
    assert "cmsg_type=UDP_GRO, cmsg_data=[9]}]" in shown


def test_a_failed_recvmsg_shows_no_buffers() -> None:
    call = raw("recvmsg", 7, P, 0, ret=-11, data=(before(1, "msghdr", msghdr(128, 1, 0)),))
    assert text(call) == "recvmsg(7, {msg_namelen=128}, 0) = -1 EAGAIN (Resource temporarily unavailable)"


def test_sendmmsg_shows_each_message_with_its_length() -> None:
    message = msghdr(0, 1, 0) + word(0)
    sent = msghdr(0, 1, 0) + word(2)
    vector = word(P) + word(2)
    call = raw(
        "sendmmsg", 7, P, 2, 0, ret=2,
        data=(
            before(1, "msghdr", message * 2), before(1, "iovec", vector), before(1, "iovec", vector, idx=1 << 16),
            before(1, "payload", b"ab"), before(1, "payload", b"cd", idx=1 << 16), after(1, "msghdr", sent * 2),
        ),
    )  # fmt: skip
    shown = text(call)
    assert shown.count("msg_len=2}") == 2
    assert '"ab"' in shown and '"cd"' in shown


# -- other machines' layouts, missing and hostile data


def test_i386_offsets_fill_two_registers() -> None:
    call = raw("pread64", 3, P, 5, 1, 1, ret=5, data=(after(1, "payload", b"hello"),), arch=Arch.I386)
    assert text(call) == 'pread64(3, "hello", 5, 4294967297) = 5'


def test_i386_structures_have_four_byte_words() -> None:
    call = raw("nanosleep", P, 0, data=(before(0, "struct", struct.pack("<ii", 1, 5)),), arch=Arch.I386)
    assert text(call) == "nanosleep({tv_sec=1, tv_nsec=5}, NULL) = 0"


def test_arm64_passes_clones_last_arguments_the_other_way_round() -> None:
    call = raw("clone", 0x1200011, 0, 0, 0, P, ret=9, arch=Arch.AARCH64)
    assert text(call).endswith(f"child_tidptr={P:#x}) = 9")


@pytest.mark.parametrize("error", [0, 14])
def test_memory_that_was_not_read_is_printed_as_its_address(error: int) -> None:
    data = (before(1, "sockaddr", b"", full=16, error=14),) if error else ()
    assert text(raw("bind", 3, P, 16, data=data)) == f"bind(3, {P:#x}, 16) = 0"


def test_a_structure_cut_short_ends_in_dots() -> None:
    call = raw("prlimit64", 0, 3, P, 0, data=(before(2, "struct", struct.pack("<Q", 5), full=16, error=14),))
    assert text(call) == "prlimit64(0, RLIMIT_STACK, {rlim_cur=5, ...}, NULL) = 0"


def test_descriptors_carry_the_callers_labels_escaped() -> None:
    shown = decode_call(raw("close", 3), fd_label=lambda fd: f"{fd}</a\x1b[2J>").text
    assert shown == r"close(3</a\x1b[2J>) = 0"


ROLES = [r.name.lower() for r in Role]
NUMBERS = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 64), st.sampled_from([0, 1, 2, 3, 2**32 - 1, P]))
DATA = st.builds(
    Datum, st.booleans(), st.sampled_from(ROLES), st.integers(0, 5), st.sampled_from([0, 1, 1 << 16]), NUMBERS,
    st.just(0), st.integers(0, 400), st.sampled_from([0, 0, 14]), st.binary(max_size=300),
)  # fmt: skip
RAW_CALLS = st.builds(
    RawCall,
    st.sampled_from([*sorted(CALLS), "syscall_0x999", "\x1b[2J"]),
    st.sampled_from([*(int(a) for a in Arch), 0x1234]),
    st.tuples(*[NUMBERS] * 6),
    st.one_of(st.none(), st.integers(-600, 2**33)),
    st.one_of(st.none(), st.integers(0, 600)),
    st.lists(DATA, max_size=8).map(tuple),
)


@settings(max_examples=500, deadline=None)
@given(RAW_CALLS, st.booleans())
def test_any_call_with_any_data_has_harmless_words(call: RawCall, numbers: bool) -> None:
    decoded = decode_call(call, numbers=numbers, fd_label=lambda fd: f"{fd}<\x1b>")
    assert decoded.text.isprintable()
    assert decoded.numbers[: sum(len(a.numbers) for a in decoded.args)] == tuple(
        n for a in decoded.args for n in a.numbers
    )


@settings(max_examples=500, deadline=None)
@given(st.data(), st.sampled_from(sorted(CALLS)), st.sampled_from([Arch.X86_64, Arch.I386, Arch.AARCH64]))
def test_every_argument_survives_any_bytes_in_its_own_role(data: st.DataObject, name: str, arch: Arch) -> None:
    """The roles the tracer really makes, so that each decoder meets its own kind of bytes."""
    pieces = tuple(
        Datum(at_exit, role, arg, idx, P, 0, data.draw(st.integers(0, 100)), 0, data.draw(st.binary(max_size=120)))
        for arg in range(len(CALLS[name].args))
        for at_exit in (False, True)
        for role in ("struct", "array", "msghdr", "iovec", "control", "optval", "sockaddr", "fdset", "socklen")
        for idx in (0, 1 << 16)
        if data.draw(st.booleans())
    )
    registers = tuple(data.draw(NUMBERS) for _ in range(6))
    ret = data.draw(st.integers(-40, 40))
    assert text(RawCall(name, arch, registers, ret, -ret if ret < 0 else None, pieces)).isprintable()
