"""Numbers and specifications of system calls hold together."""

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import require
from wiretale.decode.syscalls import CALLS, call_spec, table
from wiretale.decode.syscalls.spec import Call, Effect, Kind, Result
from wiretale.model.enums import Arch

ARCHES = (Arch.X86_64, Arch.I386, Arch.AARCH64)


@pytest.mark.parametrize(
    ("arch", "number", "name"),
    [
        (Arch.X86_64, 0, "read"),
        (Arch.X86_64, 41, "socket"),
        (Arch.X86_64, 288, "accept4"),
        (Arch.I386, 102, "socketcall"),
        (Arch.I386, 359, "socket"),
        (Arch.AARCH64, 198, "socket"),
        (Arch.AARCH64, 63, "read"),
        (Arch.AARCH64, 25, "fcntl"),
        (Arch.X86_64, 435, "clone3"),
        (Arch.AARCH64, 435, "clone3"),
    ],
)
def test_numbers_of_well_known_calls(arch: Arch, number: int, name: str) -> None:
    assert table(arch)[number] == name


@pytest.mark.parametrize("arch", ARCHES)
def test_every_call_of_an_architecture_is_described(arch: Arch) -> None:
    assert [name for name in table(arch).values() if call_spec(name, arch) is None] == []


def test_an_unknown_architecture_has_no_calls() -> None:
    assert table(0x1234) == {}


def test_the_names_are_those_strace_knows() -> None:
    strace = shutil.which("strace")
    require(strace and platform.machine() == "x86_64", "strace on x86-64")
    version = subprocess.run([strace or "", "-V"], check=True, capture_output=True, text=True).stdout
    assert re.search(r"version (\d+)", version)
    unknown = []
    for number in (0, 1, 7, 20, 45, 46, 47, 202, 232, 257, 270, 281, 288, 299, 307, 435, 441):
        line = subprocess.run(
            [strace or "", "-qq", "-e", f"trace={number}", "true"], capture_output=True, text=True, check=False
        )
        if line.returncode:
            unknown.append(number)
        named = subprocess.run(
            [strace or "", "-qq", "-e", f"trace={table(Arch.X86_64)[number]}", "true"], capture_output=True, check=False
        )
        if named.returncode:
            unknown.append(number)
    assert unknown == []


@pytest.mark.parametrize("call", CALLS.values(), ids=lambda c: c.name)
def test_lengths_and_counts_point_to_other_arguments(call: Call) -> None:
    for args in (call.args, *call.variants.values()):
        assert len(args) <= 6
        for index, arg in enumerate(args):
            assert arg.length < len(args)
            assert arg.length != index
            if arg.kind in (Kind.ENUM, Kind.FLAGS):
                assert arg.constants
            if arg.kind.value.startswith(("struct", "array")):
                assert arg.struct
            if arg.kind in (Kind.SOCKADDR_OUT, Kind.OPTVAL_OUT):
                assert args[arg.length].kind is Kind.SOCKLEN
    assert call.sets_fds < len(call.args)


def test_the_descriptor_a_call_acts_on() -> None:
    assert [CALLS[n].fd_arg for n in ("read", "poll", "mmap", "epoll_ctl", "openat", "socket")] == [0, -1, 4, 0, -1, -1]


def names_with(effect: Effect) -> set[str]:
    return {c.name for c in CALLS.values() if effect in c.effects}


def test_whatever_touches_descriptors_says_so() -> None:
    touching = names_with(Effect.DESCRIPTOR)
    assert {
        "close", "dup2", "openat", "pipe2", "poll", "select", "epoll_wait", "fcntl", "close_range", "execve", "unshare",
        "socket", "accept4", "socketpair", "sendfile", "memfd_create", "old_select", "mmap",
    } <= touching  # fmt: skip
    assert not touching & {"getpid", "getppid", "brk", "nanosleep", "futex", "rt_sigaction", "uname"}


def test_whatever_carries_payload_says_so() -> None:
    sends, receives = names_with(Effect.SENDS), names_with(Effect.RECEIVES)
    assert {"write", "writev", "sendto", "sendmsg", "sendmmsg", "sendfile", "splice", "pwrite64"} <= sends
    assert {"read", "readv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64", "splice", "pread64"} <= receives
    for name in sends | receives:
        assert Effect.DESCRIPTOR in CALLS[name].effects or name == "socketcall"


def test_network_calls_are_those_that_act_on_sockets() -> None:
    assert names_with(Effect.NETWORK) >= {
        "socket", "socketpair", "bind", "listen", "accept", "accept4", "connect", "getsockname", "getpeername",
        "sendto", "recvfrom", "setsockopt", "getsockopt", "shutdown", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg",
        "socketcall",
    }  # fmt: skip


def test_new_descriptors_are_results() -> None:
    assert CALLS["accept4"].result is Result.SOCKET
    assert CALLS["openat"].result is Result.FD
    assert CALLS["pipe2"].sets_fds == 0
    assert CALLS["socketpair"].sets_fds == 3


def test_this_kernels_own_calls_are_in_the_table() -> None:
    require(platform.machine() == "x86_64", "x86-64")
    path = "/proc/self/syscall"
    require(Path(path).exists(), path)
    number = int(Path(path).read_text().split()[0])
    assert table(Arch.X86_64)[number] == "read"
