"""Errors a user sees: one sentence, the next step to take, and the exit code of the `wiretale` command.

Only `cli` catches and prints them. A mistake in wiretale itself stays a plain Python exception.
"""

import errno
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of `wiretale`. A recorded program's own status passes through `run` and `record` unchanged."""

    OK = 0
    FAILED = 1  # the command ran and the answer is no (for example: nothing matched, a proof failed)
    USAGE = 2  # wrong option, argument or filter (click's own code)
    CAPTURE = 3  # the capture or spool is missing, damaged, from a newer version or not one
    PERMISSION = 4  # the system refused: ptrace, packets, namespaces, another user's process
    RESOURCE = 5  # the disk is full, a port is taken, a limit is reached
    INTERNAL = 70  # a mistake in wiretale (EX_SOFTWARE of sysexits.h)
    NO_COMMAND_EXEC = 126  # the command to record exists and cannot be executed (as in a shell)
    NO_COMMAND = 127  # the command to record was not found (as in a shell)
    INTERRUPTED = 130  # Ctrl-C, or the reader of the output went away


class WiretaleError(Exception):
    """A fault with a sentence for the user, a hint ("try ...") and an exit code."""

    exit_code = Exit.FAILED

    def __init__(self, message: str, hint: str = "", *, exit_code: Exit | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


class UsageFault(WiretaleError):
    """The command line or a filter cannot be understood."""

    exit_code = Exit.USAGE


class CaptureError(WiretaleError):
    """A capture, spool or foreign file cannot be used."""

    exit_code = Exit.CAPTURE


class PermissionFault(WiretaleError):
    """The system does not let this user do this."""

    exit_code = Exit.PERMISSION


class ResourceFault(WiretaleError):
    """Something ran out or is taken."""

    exit_code = Exit.RESOURCE


# error number -> what is short, and what to do about it
SHORTAGES: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "free space, or choose another place"),
    errno.EDQUOT: ("the disk quota is used up", "free space, or choose another place"),
    errno.EFBIG: (
        "a file reached the largest size allowed (ulimit -f, or address space: ulimit -v)",
        "raise the limit",
    ),
    errno.EMFILE: ("this process may not open more files", "a higher limit: ulimit -n 1024"),
    errno.ENFILE: ("the machine has too many files open", "end programs, or raise the limit: sysctl fs.file-max"),
    errno.ENOMEM: ("there is not enough memory", "end programs, or raise the limit: ulimit -v"),
    errno.EAGAIN: ("this user may not have more processes and threads", "end some, or raise the limit: ulimit -u"),
}
_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def shortage(fault: Exception) -> ResourceFault | None:
    """The fault in a sentence, if something ran out."""
    number = fault.errno if isinstance(fault, OSError) else None
    if isinstance(fault, MemoryError):
        number = errno.ENOMEM
    elif isinstance(fault, RuntimeError) and "start new thread" in str(fault):  # CPython's word for EAGAIN
        number = errno.EAGAIN
    if number not in SHORTAGES or isinstance(fault, BlockingIOError):
        return None
    what, remedy = SHORTAGES[number]
    name = getattr(fault, "filename", None)
    if number in _OF_DISKS:
        what += f": {name or 'the output'} could not be written whole"
    elif name:
        what += f": {name}"
    return ResourceFault(what, remedy)


def mistake(fault: Exception) -> WiretaleError:
    """A fault that nobody foresaw, as a user is told of it."""
    return WiretaleError(
        f"this is a mistake in wiretale, please report it ({type(fault).__name__}: {fault})",
        "run the same command with WIRETALE_DEBUG=1 for the details to report",
        exit_code=Exit.INTERNAL,
    )
