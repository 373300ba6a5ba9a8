"""The strace dialect never raises, and says what strace 6.1 was seen to say."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.decode.record_types import Datum, RawCall
from wiretale.decode.strace.calls import StraceDecoder
from wiretale.decode.strace.siginfo import siginfo_text
from wiretale.decode.strace.style import Names, StraceStyle
from wiretale.decode.syscalls import CALLS
from wiretale.model.enums import Arch
from wiretale.model.spool import Role

ROLES = [r.name.lower() for r in Role]
DATA = st.builds(
    Datum,
    at_exit=st.booleans(),
    role=st.sampled_from(ROLES),
    arg=st.integers(0, 5),
    idx=st.integers(0, 2),
    address=st.integers(0, 2**64 - 1),
    offset=st.integers(0, 100),
    full_bytes=st.integers(0, 300),
    error=st.sampled_from([0, 0, 14]),
    bytes=st.binary(max_size=300),
)


@given(
    name=st.sampled_from([*CALLS, "syscall_0x999"]),
    arch=st.sampled_from(list(Arch)),
    args=st.tuples(*[st.one_of(st.integers(0, 50), st.integers(0, 2**64 - 1))] * 6),
    retval=st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    errno=st.one_of(st.none(), st.integers(1, 600)),
    data=st.lists(DATA, max_size=8),
    names=st.sampled_from(Names),
    more=st.booleans(),
)
def test_any_bytes_give_a_printable_line(*, name, arch, args, retval, errno, data, names, more) -> None:
    call = RawCall(name, int(arch), args, retval, errno, tuple(data))
    decoder = StraceDecoder(StraceStyle(names=names, more=more))
    returned = decoder.exit(call)
    text = decoder.entry(call) + returned.arguments + returned.result + returned.extra
    assert text.isprintable()


def line(name: str, *args: int, result: int = 0, errno: int | None = None, data: tuple[Datum, ...] = ()) -> str:
    call = RawCall(
        name, Arch.X86_64, tuple(a & (2**64 - 1) for a in (*args, *[0] * (6 - len(args)))), result, errno, data
    )
    decoder = StraceDecoder()
    returned = decoder.exit(call)
    return f"{decoder.entry(call)}{returned.arguments}) = {returned.result}{returned.extra}"


def given_bytes(arg: int, role: str, data: bytes, *, at_exit: bool = False) -> Datum:
    return Datum(at_exit, role, arg, 0, 0x1000, 0, len(data), 0, data)


# Each was printed by strace 6.1 for the same call.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (line("socket", -1, -1, -1, errno=22),
         "socket(0xffffffff /* AF_??? */, SOCK_CLOEXEC|SOCK_NONBLOCK|0xfff7f7ff, 4294967295)"
         " = -1 EINVAL (Invalid argument)"),
        (line("socket", 2, 0x80F, 99, errno=22),
         "socket(AF_INET, SOCK_NONBLOCK|0xf, 0x63 /* IPPROTO_??? */) = -1 EINVAL (Invalid argument)"),
        (line("setsockopt", -1, 6, 99, 0x1000, 0, errno=9),
         'setsockopt(-1, SOL_TCP, 0x63 /* TCP_??? */, "", 0) = -1 EBADF (Bad file descriptor)'),
        (line("connect", -1, 0x1000, 5, errno=9, data=(given_bytes(1, "sockaddr", b"\2\0\0\1\1"),)),
         'connect(-1, {sa_family=AF_INET, sa_data="\\0\\1\\1"}, 5) = -1 EBADF (Bad file descriptor)'),
        (line("ioctl", -1, 0x1234, 5, errno=9),
         "ioctl(-1, _IOC(_IOC_NONE, 0x12, 0x34, 0), 0x5) = -1 EBADF (Bad file descriptor)"),
        (line("mmap", 0, 0, 0, 0, 0, 0, errno=22),
         "mmap(NULL, 0, PROT_NONE, MAP_FILE, 0, 0) = -1 EINVAL (Invalid argument)"),
        (line("pause", errno=514), "pause() = ? ERESTARTNOHAND (To be restarted if no handler)"),
        (line("rt_sigreturn", data=(given_bytes(0, "struct", b"\2" + bytes(7)),)), "rt_sigreturn({mask=[INT]}) = 0"),
        (line("getrandom", 0x1000, 2, 1, result=2, data=(given_bytes(0, "payload", b"ab", at_exit=True),)),
         'getrandom("\\x61\\x62", 2, GRND_NONBLOCK) = 2'),
    ],
)  # fmt: skip
def test_words(text: str, expected: str) -> None:
    assert text == expected


def test_what_strace_leaves_raw_is_decoded_with_more() -> None:
    timeout = given_bytes(3, "optval", (5).to_bytes(8, "little") + bytes(8))
    call = RawCall("setsockopt", Arch.X86_64, (3, 1, 20, 0x1000, 16, 0), 0, None, (timeout,))
    assert '"\\5\\0' in StraceDecoder().entry(call)
    assert "{tv_sec=5, tv_usec=0}" in StraceDecoder(StraceStyle(more=True)).entry(call)


def test_open_flags_are_one_number_when_numbers_are_shown() -> None:
    call = RawCall("fcntl", Arch.X86_64, (3, 4, 0x802, 0, 0, 0), 0, None)
    shown = {style: StraceDecoder(StraceStyle(names=style)).entry(call) for style in Names}
    assert shown[Names.VERBOSE] == "fcntl(3, 0x4 /* F_SETFL */, 0x802 /* O_RDWR|O_NONBLOCK */"
    assert shown[Names.RAW] == "fcntl(3, 0x4, 0x802"
    assert shown[Names.ABBREV] == "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK"


def test_open_flags_have_an_order_and_an_unknown_one_no_remark() -> None:
    asked = RawCall("fcntl", Arch.X86_64, (3, 3, 0, 0, 0, 0), 0x30800, None)
    for style in Names:
        result = StraceDecoder(StraceStyle(names=style)).exit(asked).result
        assert result == "0x30800 (flags O_RDONLY|O_NONBLOCK|O_NOFOLLOW|O_DIRECTORY)"
    call = RawCall("fcntl", Arch.X86_64, (3, 4, 0x40000002, 0, 0, 0), 0, None)
    assert StraceDecoder().entry(call) == "fcntl(3, F_SETFL, O_RDWR|0x40000000"


@pytest.mark.parametrize(("errno", "left"), [(516, "{tv_sec=0, tv_nsec=7}"), (14, "0x1000")])
def test_an_interrupted_sleep_says_what_was_left(errno: int, left: str) -> None:
    rest = given_bytes(3, "struct", bytes(8) + (7).to_bytes(8, "little"), at_exit=True)
    call = RawCall("clock_nanosleep", Arch.X86_64, (0, 0, 0, 0x1000, 0, 0), -errno, errno, (rest,))
    assert StraceDecoder().exit(call).arguments == left


def test_a_call_that_fills_memory_waits_with_the_rest_of_its_arguments() -> None:
    decoder = StraceDecoder()
    call = RawCall("read", Arch.X86_64, (3, 0x1000, 10, 0, 0, 0), None, None)
    assert decoder.entry(call) == "read(3, "
    whole = RawCall("read", Arch.X86_64, call.args, 2, None, (given_bytes(1, "payload", b"zz", at_exit=True),))
    assert decoder.exit(whole).arguments == '"zz", 10'


def test_the_value_of_a_signal_is_shown_both_ways() -> None:
    data = struct.pack("<3i4xiIQ", 10, 0, -1, 7, 0, 0x1FFFFFFFF)
    assert siginfo_text(data, Arch.X86_64).endswith(
        "si_code=SI_QUEUE, si_pid=7, si_uid=0, si_int=-1, si_ptr=0x1ffffffff}"
    )
