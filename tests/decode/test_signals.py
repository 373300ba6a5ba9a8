"""siginfo is read by signal and code; signal sets by name."""

import signal
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.decode.signals import decode_siginfo, signal_set
from wiretale.model.enums import Arch


def siginfo(number: int, code: int, body: bytes, pad: int = 4) -> bytes:
    return (struct.pack("<iii", number, 0, code) + bytes(pad) + body).ljust(128, b"\0")


@pytest.mark.parametrize(
    ("data", "arch", "text", "sender"),
    [
        (siginfo(2, 0x80, b""), Arch.X86_64, "{si_signo=SIGINT, si_code=SI_KERNEL}", None),
        (siginfo(15, 0, struct.pack("<iI", 42, 7)), Arch.X86_64,
         "{si_signo=SIGTERM, si_code=SI_USER, si_pid=42, si_uid=7}", (42, 7)),
        (siginfo(17, 1, struct.pack("<iIiiqq", 42, 0, 3, 0, 1, 2)), Arch.X86_64,
         "{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=42, si_uid=0, si_status=3, si_utime=1, si_stime=2}", (42, 0)),
        (siginfo(17, 2, struct.pack("<iIiii", 42, 0, 9, 0, 0), pad=0), Arch.I386,
         "{si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid=42, si_uid=0, si_status=SIGKILL, si_utime=0, si_stime=0}",
         (42, 0)),
        (siginfo(11, 1, struct.pack("<Q", 0xDEAD)), Arch.X86_64,
         "{si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0xdead}", None),
        (siginfo(10, -1, struct.pack("<iIQ", 5, 6, 7)), Arch.X86_64,
         "{si_signo=SIGUSR1, si_code=SI_QUEUE, si_pid=5, si_uid=6, si_value=0x7}", (5, 6)),
    ],
)  # fmt: skip
def test_fields_follow_signal_and_code(data: bytes, arch: Arch, text: str, sender: tuple[int, int] | None) -> None:
    info = decode_siginfo(data, arch)
    assert info.text == text
    assert (info.sender_pid, info.sender_uid) == (sender or (None, None))


def test_sigwaitinfo_of_this_kernel_agrees() -> None:
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    try:
        signal.raise_signal(signal.SIGUSR2)
        told = signal.sigwaitinfo({signal.SIGUSR2})
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
    data = siginfo(told.si_signo, told.si_code, struct.pack("<iI", told.si_pid, told.si_uid))
    info = decode_siginfo(data)
    assert (info.name, info.sender_pid, info.sender_uid) == ("SIGUSR2", told.si_pid, told.si_uid)
    assert dict(info.fields)["si_code"] in ("SI_TKILL", "SI_USER")


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (0, "[]"),
        (1 << 1 | 1 << 14, "[INT TERM]"),
        (2**64 - 1, "~[]"),
        (2**64 - 1 ^ (1 << 8 | 1 << 18), "~[KILL STOP]"),
        (1 << 31, "[RTMIN]"),
    ],
)
def test_signal_sets(mask: int, text: str) -> None:
    assert signal_set(mask) == text


@settings(deadline=None)  # other tests share the CPUs
@given(st.binary(max_size=140), st.sampled_from(list(Arch)))
def test_any_bytes_are_a_siginfo(data: bytes, arch: Arch) -> None:
    assert decode_siginfo(data, arch).text.isprintable()
