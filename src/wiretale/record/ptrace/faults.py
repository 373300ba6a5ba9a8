"""Why a program cannot be started or traced, in sentences with the way out. Loaded without the tracer itself."""

import errno
import os
import stat

from wiretale.errors import SHORTAGES, Exit, PermissionFault, ResourceFault, WiretaleError

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from collections.abc import Mapping

_STAGES = {
    1: "a process could not be made",
    2: "the new process could not be traced",
    3: "its standard input or output could not be set",
    4: "it could not be given its terminal",
    5: "its working directory could not be entered",
    6: "it could not be given its user",
    7: "the system call filter could not be installed",
}
_YAMA = "/proc/sys/kernel/yama/ptrace_scope"
_NOBODY = "3"  # Documentation/admin-guide/LSM/Yama.rst: no process may use ptrace, until the machine starts again
_WITHOUT_PTRACE = "kernel.yama.ptrace_scope=3 forbids ptrace until the machine starts again; --engine ebpf needs none"
ENDED_EARLY = "recording ended early"
_SEIZE_STAGE, EXEC_STAGE = 2, 8
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_EXEC_HINTS = {  # execve(2), "Errors"
    errno.EACCES: "make it executable: chmod +x {0}; its file system must not be mounted noexec",
    errno.ENOEXEC: "it is no program for this machine; a script needs a first line such as #!/bin/sh",
    errno.E2BIG: "its arguments and environment are too long together: give them in parts (xargs)",
    errno.ETXTBSY: "somebody is writing it: wait until it is whole",
    errno.EFAULT: "the file is damaged or cut short: get another copy",
    errno.ENOMEM: "it does not fit into the memory a process may have: ulimit -v",
    errno.EAGAIN: "there are too many processes of this user: ulimit -u",
    errno.ELOOP: "links or interpreters lead in a circle: readlink -f {0}",
    errno.ELIBBAD: "its interpreter (the dynamic linker) is damaged: file {0}",
}


def find_program(name: str, env: "Mapping[str, str]", cwd: str | None = None, *, even_folder: bool = False) -> str:
    """The file a shell would execute. Raises WiretaleError with exit code 126 or 127, as a shell does."""
    if "/" in name:
        try:
            kind = _kind(os.path.join(cwd or ".", name))
        except PermissionError:
            raise WiretaleError(
                f"you may not enter a folder on the way to {name}", "check the path, or run as a user who may",
                exit_code=Exit.NO_COMMAND_EXEC,
            ) from None  # fmt: skip
        if kind == "folder" and not even_folder:
            raise _no_program(name)
        if not kind:
            raise WiretaleError(f"there is no program {name}", "check the path", exit_code=Exit.NO_COMMAND)
        return name
    path = env.get("PATH", os.defpath)
    found = _in_path(name, path, os.X_OK) or _in_path(name, path, os.F_OK)
    if not name or not found:
        raise WiretaleError(
            f"there is no command {name!r} in PATH", "check the spelling, or give its path", exit_code=Exit.NO_COMMAND
        )
    return found


def _no_program(folder: str) -> WiretaleError:
    return WiretaleError(
        f"{folder} is a folder, not a program", "give the path of a program", exit_code=Exit.NO_COMMAND_EXEC
    )


def _kind(path: str) -> str:
    """ "folder", "file" (of any kind), or "" if there is nothing. Raises PermissionError."""
    try:
        mode = os.stat(path).st_mode
    except PermissionError:
        raise
    except (OSError, ValueError):
        return ""
    return "folder" if stat.S_ISDIR(mode) else "file"


def _in_path(name: str, path: str, access: int) -> str:
    """As shutil.which, which takes longer to load than a short program runs; "" if there is none."""
    for folder in path.split(os.pathsep):
        found = os.path.join(folder, name)
        if os.access(found, access) and not os.path.isdir(found):
            return found
    return ""


def spawn_fault(name: str, stage: int, number: int) -> WiretaleError:
    """Why a program did not start, in a sentence."""
    if stage == EXEC_STAGE:
        if number in (errno.ENOENT, errno.ENOTDIR):
            return WiretaleError(
                f"{name} cannot be started: it, or the interpreter it names, does not exist",
                "check the path, and the first line of a script",
                exit_code=Exit.NO_COMMAND,
            )
        if number == errno.EACCES and os.path.isdir(name):
            return _no_program(name)
        hint = _EXEC_HINTS.get(number, "ls -l {0} and file {0} say what it is").format(name)
        text = f"{name} cannot be executed: {os.strerror(number)}"
        return WiretaleError(text, hint, exit_code=Exit.NO_COMMAND_EXEC)
    text = f"{name} cannot be started: {_STAGES.get(stage, 'preparation failed')} ({os.strerror(number)})"
    if stage == _SEIZE_STAGE and number == errno.EPERM:
        forbidden = _text(_YAMA).strip() == _NOBODY
        return PermissionFault(
            text,
            _WITHOUT_PTRACE
            if forbidden
            else "check kernel.yama.ptrace_scope and a container's seccomp profile; wiretale doctor",
        )
    if stage == _SEIZE_STAGE and number == errno.ENOSYS:
        return PermissionFault(
            text, "something between wiretale and the kernel has no ptrace (a sandbox, an emulator): leave it"
        )
    return ResourceFault(text, SHORTAGES[number][1] if number in SHORTAGES else "wiretale doctor")


def disk_error(number: int) -> str:
    """Why a file cannot be written."""
    return SHORTAGES[number][0] if number in SHORTAGES else os.strerror(number)


def full_reason(number: int) -> str:
    """Why recording ended early; nothing for 0."""
    return f"{ENDED_EARLY}: {disk_error(number)}" if number else ""


def _remedy_for_attach(pid: int) -> str:
    """What helps where attaching is refused: ptrace(2), "Ptrace access mode checking", and Yama's ptrace_scope."""
    if _text(_YAMA).strip() == _NOBODY:
        return _WITHOUT_PTRACE
    if os.geteuid() == 0:
        return "give this root CAP_SYS_PTRACE over it, which a container withholds (docker run --cap-add SYS_PTRACE)"
    if _text(_YAMA).strip() == "1":
        return f"sudo wiretale record -p {pid} ..., or sudo sysctl kernel.yama.ptrace_scope=0"
    return f"sudo wiretale record -p {pid} ... (programs that changed their user or hide from others need root)"


def _text(path: str) -> str:
    """What stands in a file of /proc; nothing if it cannot be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _status_numbers(pid: int, key: str) -> list[int]:
    lines = _text(f"/proc/{pid}/status").splitlines()
    return next(([int(n) for n in line.split()[1:]] for line in lines if line.startswith(key + ":")), [])


def _is_hidden(pid: int) -> bool:
    """Whether there is a process that /proc does not show this user."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        pass
    return False


def attach_fault(pid: int, number: int) -> WiretaleError:
    """Why a process cannot be traced, in a sentence with the way out."""
    if number == errno.ESRCH or not os.path.exists(f"/proc/{pid}"):
        if _is_hidden(pid):
            return PermissionFault(
                f"process {pid} belongs to another user, and /proc hides it (hidepid)",
                f"sudo wiretale record -p {pid} ...",
            )
        return WiretaleError(f"there is no process {pid}", "find it with: pgrep -a NAME")
    tracer = _status_numbers(pid, "TracerPid")
    if tracer and tracer[0]:
        return PermissionFault(
            f"process {pid} is already traced by process {tracer[0]}", "end that tracer (strace, gdb, ...) first"
        )
    uid = _status_numbers(pid, "Uid")
    if number == errno.EPERM and uid and os.geteuid() != 0 and uid[0] != os.getuid():
        return PermissionFault(f"process {pid} belongs to another user", f"sudo wiretale record -p {pid} ...")
    if number == errno.EPERM and _status_numbers(pid, "Kthread") == [1]:  # since Linux 6.11
        return PermissionFault(
            f"process {pid} is a thread of the kernel, which cannot be traced", "wiretale record --kernel"
        )
    if number == errno.EPERM:
        return PermissionFault(f"the system does not let you trace process {pid}", _remedy_for_attach(pid))
    return WiretaleError(f"process {pid} cannot be traced: {os.strerror(number)}", "wiretale doctor")


def without_privileges(program: str) -> str:
    """Of a set-user-ID, set-group-ID or file-capability program that an ordinary user traced: execve(2)."""
    return (
        f"{program} ran without the privileges that its file gives it, because the system withholds them from a program"
        " that an ordinary user traces: sudo wiretale record ..., which runs it as you, records it with them"
    )
