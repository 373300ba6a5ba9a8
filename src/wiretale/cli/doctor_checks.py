"""What this machine and this user can record: each check tries the thing itself where that is possible and harmless."""

import ctypes
import errno
import os
import platform
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from wiretale.errors import WiretaleError
from wiretale.light import dataclass

_PTRACE_SEIZE = 0x4206  # linux/ptrace.h
_PR_GET_SECCOMP = 21  # linux/prctl.h
_PIDFD_GETFD = 438  # the same number on every architecture since Linux 5.6
_NETLINK_SOCK_DIAG = 4  # linux/netlink.h
_MACHINES = ("x86_64", "aarch64")
_YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
_CAP_SYS_PTRACE = 19  # linux/capability.h


@dataclass(frozen=True, slots=True)
class Check:
    """One answer. `reason` says why (or how), `remedy` what to type for more; empty if nothing is missing."""

    name: str
    gives: str
    ok: bool
    reason: str
    remedy: str = ""


def _in_child(work: Callable[[], None]) -> str:
    """Run `work` in a forked child, where it may change the process for good. Returns its complaint, or nothing."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        complaint = "it ended without an answer"
        try:
            work()
            complaint = ""
        except WiretaleError as fault:
            complaint = f"{fault.message}\n{fault.hint}"
        except OSError as fault:
            complaint = fault.strerror or str(fault)
        finally:
            os.write(writer, complaint.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = stream.read().decode(errors="replace")
    os.waitpid(pid, 0)
    return answer


def _ptrace(request: int, pid: int) -> int:
    """Returns 0 or the errno of ptrace(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    libc.ptrace.restype = ctypes.c_long
    return 0 if libc.ptrace(request, pid, None, None) == 0 else ctypes.get_errno()


def _yama() -> int:
    try:
        return int(_YAMA.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _has_capability(number: int) -> bool:
    """Whether this process holds it (CapEff of proc_pid_status(5))."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> number & 1)
    except (OSError, ValueError):
        return False
    return False


def system() -> Check:
    """Kernel and processor."""
    machine, release = platform.machine(), platform.release()
    ok = sys.platform == "linux" and machine in _MACHINES
    gives = "recording at all"
    if not ok:
        return Check(
            "system", gives, False, f"{platform.system()} on {machine}: only Linux on x86-64 and arm64 is supported"
        )
    return Check("system", gives, True, f"Linux {release} on {machine}, Python {platform.python_version()}")


def tracing() -> Check:
    """Trace a process of one's own making: the only privilege `record -- COMMAND` needs for calls."""
    from wiretale.record.ptrace.library import load

    gives = "calls of programs that wiretale starts"
    try:
        load()
    except WiretaleError as fault:
        return Check("ptrace", gives, False, fault.message, fault.hint)
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    try:
        number = _ptrace(_PTRACE_SEIZE, pid)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if number == 0:
        return Check("ptrace", gives, True, "a child process can be traced")
    if _yama() == 3:
        remedy = "sudo sysctl kernel.yama.ptrace_scope=1   (after a reboot: 3 cannot be undone before)"
        return Check("ptrace", gives, False, "kernel.yama.ptrace_scope is 3: nobody may trace", remedy)
    return Check(
        "ptrace", gives, False, f"ptrace(PTRACE_SEIZE) fails: {os.strerror(number)}",
        "in a container: docker run --cap-add SYS_PTRACE ...",
    )  # fmt: skip


def attaching() -> Check:
    """Trace a running process."""
    gives = "calls of running processes (record -p PID)"
    scope = _yama()
    if _has_capability(_CAP_SYS_PTRACE) and scope < 3:
        return Check("attach", gives, True, "CAP_SYS_PTRACE: any process")
    if scope == 0:
        return Check("attach", gives, True, "processes of the same user", "with sudo: any process")
    name = "kernel.yama.ptrace_scope"
    if scope == 3:
        return Check("attach", gives, False, f"{name} is 3: nobody may trace")
    return Check(
        "attach", gives, False, f"{name} is {scope}: only with CAP_SYS_PTRACE", "sudo wiretale record -p PID ..."
    )


def packets() -> Check:
    """A packet socket."""
    gives = "packets of this machine's interfaces"
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as fault:
        reason = "no CAP_NET_RAW" if fault.errno == errno.EPERM else f"AF_PACKET fails: {fault.strerror}"
        return Check("packets", gives, False, reason, "sudo wiretale record ...   (the program still runs as you)")
    return Check("packets", gives, True, "CAP_NET_RAW")


def private_net() -> Check:
    """A network namespace of one's own, in a user namespace where needed."""
    from wiretale.record.namespace import enter_private_net

    gives = "packets without privilege (record --private-net, demo)"
    reason, _, remedy = _in_child(enter_private_net).partition("\n")
    if not reason:
        return Check("private net", gives, True, "a private network namespace can be made")
    return Check("private net", gives, False, reason, remedy)


def packet_filters() -> Check:
    """libpcap, which compiles tcpdump's filter syntax."""
    gives = "capture filters in tcpdump's syntax (record --packet-filter)"
    for name in ("libpcap.so.1", "libpcap.so.0.8", "libpcap.so"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return Check("libpcap", gives, True, name)
    return Check("libpcap", gives, False, "libpcap is not installed", "sudo apt install libpcap0.8")


def seccomp() -> Check:
    """The kernel's filter of calls."""
    gives = "record --calls network: other calls run at native speed"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0:
        return Check("seccomp", gives, True, "the kernel has seccomp filters")
    return Check("seccomp", gives, False, f"prctl(PR_GET_SECCOMP) fails: {os.strerror(ctypes.get_errno())}")


def sockets() -> Check:
    """Questions about sockets: sock_diag for those older than the recording, pidfd_getfd for those being made."""
    gives = "names of sockets older than the recording, and exact ones of new sockets"
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG).close()
    except OSError as fault:
        return Check("sockets", gives, False, f"sock_diag fails: {fault.strerror}")
    missing = _in_child(_borrow_own_descriptor)
    if missing:
        return Check("sockets", gives, False, f"sock_diag works, pidfd_getfd fails: {missing}")
    return Check("sockets", gives, True, "sock_diag and pidfd_getfd work")


def _borrow_own_descriptor() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(os.getpid())
    if libc.syscall(_PIDFD_GETFD, pidfd, 1, 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def kernel_level() -> Check:
    """The BPF programs: loaded for a moment, attached to nothing."""
    from wiretale.record.ebpf.source import can_run

    gives = "what the kernel did between a write and a read (record --kernel, path)"
    try:
        missing = can_run()
    except WiretaleError as fault:
        return Check("kernel", gives, False, fault.message, fault.hint)
    if missing:
        reason = f"all but these tracepoints, which this kernel does not have, or not as expected: {', '.join(missing)}"
        return Check("kernel", gives, True, reason)
    return Check("kernel", gives, True, "its BPF programs load, all tracepoints are there")


def kernel_calls() -> Check:
    """The same for the calls."""
    from wiretale.record.ebpf.calls import load

    gives = "calls of programs at a fraction of ptrace's cost (record --engine ebpf)"
    try:
        load().close()
    except WiretaleError as fault:
        return Check("eBPF calls", gives, False, fault.message, fault.hint)
    return Check("eBPF calls", gives, True, "its BPF programs load, all tracepoints are there")


def netcat() -> Check:
    """Which netcat the demo will use."""
    gives = "the demo with your system's netcat"
    found = shutil.which("nc")
    if found is None:
        return Check(
            "nc",
            gives,
            False,
            "no nc is installed; the demo uses the built-in wiretale nc",
            "sudo apt install netcat-openbsd",
        )
    real = Path(found).resolve().name
    if real != "nc.openbsd":
        reason = f"{found} is {real}, not OpenBSD's; the demo uses the built-in wiretale nc"
        return Check("nc", gives, False, reason, "sudo apt install netcat-openbsd")
    return Check("nc", gives, True, f"{found} is {real}")


CHECKS: tuple[Callable[[], Check], ...] = (
    system, tracing, attaching, packets, private_net, packet_filters, seccomp, sockets, kernel_level, kernel_calls,
    netcat,
)  # fmt: skip
