"""What loading kernel programs takes: which capability is missing, and how the recorded programs do not get it too."""

import ctypes
from pathlib import Path

# linux/capability.h, linux/prctl.h
_PERFMON, _BPF, _SYS_ADMIN = 38, 39, 21
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_LOWER = 47, 3
_LOCKDOWN = Path("/sys/kernel/security/lockdown")  # kernel_lockdown(7)

NEEDS = "the kernel level needs root, or the capabilities CAP_BPF and CAP_PERFMON"


def why_refused() -> tuple[str, str]:
    """Why the kernel does not let this process load programs, and what to type."""
    held = _effective()
    missing = [name for number, name in ((_BPF, "CAP_BPF"), (_PERFMON, "CAP_PERFMON")) if not held >> number & 1]
    if missing and not held >> _SYS_ADMIN & 1:
        verb = "are" if len(missing) > 1 else "is"
        return f"{NEEDS}; {' and '.join(missing)} {verb} missing", "run as root (sudo)"
    if locked_down():
        return (
            "the kernel is locked down for confidentiality: its memory may not be read, which the kernel level does",
            "cat /sys/kernel/security/lockdown; without Secure Boot, or with lockdown=integrity, it works",
        )
    return (
        f"{NEEDS}; this process has them and is refused: a container's or a security module's rule",
        "run wiretale outside of the container, or let the container call bpf(2)",
    )


def keep_from_programs() -> None:
    """Programs started from here on, by this thread or threads it makes, do not get what only the recorder needs.

    An ambient capability would be theirs after execve (capabilities(7)); this process itself keeps it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for number in (_BPF, _PERFMON):
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_LOWER, number, 0, 0)


def _effective() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def locked_down() -> bool:
    """Whether no program may read the kernel's memory: no reader of it loads then (kernel/trace/bpf_trace.c)."""
    try:
        return "[confidentiality]" in _LOCKDOWN.read_text(encoding="ascii")
    except OSError:
        return False
