"""Layouts agree with the C compiler's, and any bytes unpack."""

import platform
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import require
from wiretale.decode.struct_fields import FIELDS
from wiretale.decode.structs import integers, layout, struct_size, unpack
from wiretale.decode.syscalls import CALLS
from wiretale.model.enums import Arch

ARCHES = list(Arch)
# structure here -> (what it is in C, headers it is found in)
IN_C = {
    "timespec": ("struct timespec", "time.h"),
    "itimerspec": ("struct itimerspec", "time.h"),
    "stat": ("struct stat", "asm/stat.h"),
    "statx": ("struct statx", "linux/stat.h"),
    "statfs": ("struct statfs", "asm/statfs.h"),
    "rlimit64": ("struct rlimit64", "sys/resource.h"),
    "rusage": ("struct rusage", "sys/resource.h"),
    "epoll_event": ("struct epoll_event", "linux/eventpoll.h"),
    "pollfd": ("struct pollfd", "poll.h"),
    "clone_args": ("struct clone_args", "linux/sched.h"),
    "open_how": ("struct open_how", "linux/openat2.h"),
    "sched_attr": ("struct sched_attr", "linux/sched/types.h"),
    "utsname": ("struct new_utsname", "linux/utsname.h"),
    "sysinfo": ("struct sysinfo", "linux/sysinfo.h"),
    "timex": ("struct __kernel_timex", "linux/timex.h"),
    "sigaction": ("struct sigaction", "asm/signal.h"),
    "stack_t": ("stack_t", "signal.h"),
    "sigevent": ("struct sigevent", "signal.h"),
    "flock": ("struct flock", "fcntl.h"),
    "io_uring_params": ("struct io_uring_params", "linux/io_uring.h"),
    "io_event": ("struct io_event", "linux/aio_abi.h"),
    "termios": ("struct termios", "asm/termbits.h"),
    "winsize": ("struct winsize", "asm/termios.h"),
    "msghdr": ("struct msghdr", "sys/socket.h"),
    "sock_fprog": ("struct sock_fprog", "linux/filter.h"),
    "ifreq": ("struct ifreq", "net/if.h"),
    "ifconf": ("struct ifconf", "net/if.h"),
    "ip_mreqn": ("struct ip_mreqn", "netinet/in.h"),
    "ipv6_mreq": ("struct ipv6_mreq", "netinet/in.h"),
    "packet_mreq": ("struct packet_mreq", "linux/if_packet.h"),
    "tpacket_req3": ("struct tpacket_req3", "linux/if_packet.h"),
    "mq_attr": ("struct mq_attr", "linux/mqueue.h"),
    "sembuf": ("struct sembuf", "linux/sem.h"),
    "futex_waitv": ("struct futex_waitv", "linux/futex.h"),
    "tms": ("struct tms", "sys/times.h"),
}
# libc renames these fields by macro or union; only the size is compared
SIZE_ONLY = {"sigevent", "statx", "ifreq", "io_uring_params", "sigaction", "timex", "ifconf", "clone_args"}


@pytest.mark.parametrize("name", sorted(IN_C))
def test_size_and_offsets_are_those_of_the_compiler(name: str, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    require(compiler and Path("/usr/include/linux/openat2.h").exists(), "a C compiler and the kernel's headers")
    kind, header = IN_C[name]
    machine = Arch.AARCH64 if platform.machine() == "aarch64" else Arch.X86_64
    fields = [f.name for f in layout(name, machine).fields if f.name[0] != "_" and name not in SIZE_ONLY]
    rows = "".join(f'printf(" %zu", offsetof({kind}, {f}));' for f in fields)
    # The kernel's headers and libc's sys/types.h define some structures twice.
    own = header.startswith("asm/") or header == "linux/timex.h"
    includes = ("stdio.h", "stddef.h", *(() if own else ("sys/types.h",)), header)
    source = "".join(f"#include <{h}>\n" for h in includes)
    program = tmp_path / "layout"
    (tmp_path / "layout.c").write_text(
        source + f'int main(void) {{ printf("%zu", sizeof({kind})); {rows} return 0; }}\n'
    )
    subprocess.run([compiler or "", "-D_GNU_SOURCE", "-w", "-o", program, tmp_path / "layout.c"], check=True)
    output = [int(word) for word in subprocess.run([program], check=True, capture_output=True).stdout.split()]
    shape = layout(name, machine)
    assert output == [shape.size, *(f.offset for f in shape.fields if f.name in fields)]


def test_epoll_event_is_packed_on_x86_64_only() -> None:
    assert [struct_size("epoll_event", a) for a in (Arch.X86_64, Arch.I386, Arch.AARCH64)] == [12, 12, 16]
    data = struct.pack("<IQ", 0x11, 0x0102030405060708)
    assert integers("epoll_event", Arch.X86_64, data)["data"] == 0x0102030405060708


@pytest.mark.parametrize(
    ("name", "size"), [("stat", 64), ("stat64", 96), ("timespec", 8), ("rlimit", 8), ("msghdr", 28), ("sigaction", 20)]
)
def test_i386_layouts_have_four_byte_words(name: str, size: int) -> None:
    assert struct_size(name, Arch.I386) == size


def test_every_structure_a_call_names_has_a_layout() -> None:
    named = {a.struct for c in CALLS.values() for v in (c.args, *c.variants.values()) for a in v if a.struct}
    for name in named:
        for arch in ARCHES:
            assert struct_size(name, arch) > 0


@settings(deadline=None)  # other tests share the CPUs
@given(st.sampled_from(sorted(n for n in FIELDS if "/" not in n)), st.sampled_from(ARCHES), st.binary(max_size=300))
def test_any_bytes_unpack_to_the_fields_they_reach(name: str, arch: Arch, data: bytes) -> None:
    values = unpack(name, arch, data)
    assert all(f.offset + f.size <= len(data) for f, _ in values)
    if len(data) >= struct_size(name, arch):
        assert len(values) == len([f for f in layout(name, arch).fields if f.name[0] != "_"])
