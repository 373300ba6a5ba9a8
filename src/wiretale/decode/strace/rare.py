"""Calls that few programs make: which module of this folder knows them, loaded when such a call is seen.

Such a module has ARGUMENTS, and if it needs them ENTRY_ARGUMENTS (as `special.py`) and RESULTS: call -> function that
puts a return value in words, or gives "" for those that are plain numbers.
"""

from collections.abc import Callable, Mapping

from wiretale.decode.writer import Writer

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from types import ModuleType

    from wiretale.decode.strace.arguments import Printer

_MODULES: dict[str, str] = {
    "prctl": "prctl",
    **dict.fromkeys(("arch_prctl", "set_thread_area", "get_thread_area", "modify_ldt"), "processor"),
    **dict.fromkeys(("adjtimex", "clock_adjtime", "clock_adjtime64"), "clocks"),
    **dict.fromkeys(("msgctl", "semctl", "shmctl", "msgget", "semget", "shmget", "msgsnd", "msgrcv", "shmat"), "ipc"),
    **dict.fromkeys(
        (
            *("mbind", "set_mempolicy", "get_mempolicy", "migrate_pages", "move_pages", "mincore"),
            "set_mempolicy_home_node",
        ),
        "nodes",
    ),
    **dict.fromkeys(("landlock_create_ruleset", "landlock_add_rule"), "landlock"),
    **dict.fromkeys(("fanotify_init", "fanotify_mark"), "fanotify"),
    **dict.fromkeys(("ioprio_get", "ioprio_set", "kcmp", "kexec_load", "kexec_file_load", "reboot"), "machine"),
    "personality": "machine",
    **dict.fromkeys(("sched_getparam", "sched_setparam", "sched_setscheduler", "sched_getscheduler"), "scheduling"),
    **dict.fromkeys(("sched_getattr", "sched_setattr", "sched_setaffinity", "sched_getaffinity"), "scheduling"),
    **dict.fromkeys(("mount", "fsconfig", "fsmount", "swapon", "mount_setattr"), "mounts"),
    **dict.fromkeys(("mq_open", "mq_getsetattr"), "queues"),
    **dict.fromkeys(("semop", "semtimedop", "semtimedop_time64", "process_vm_readv", "process_vm_writev"), "vectors"),
    **dict.fromkeys(("setgroups", "setgroups32", "futex_waitv"), "vectors"),
    **dict.fromkeys(("keyctl", "add_key", "request_key"), "keys"),
    **dict.fromkeys(("quotactl", "quotactl_fd"), "quotas"),
    **dict.fromkeys(("io_submit", "io_cancel", "io_pgetevents", "io_pgetevents_time64"), "aio"),
    "ptrace": "tracing",
    **dict.fromkeys(
        (f"{on}{do}xattr" for on in ("", "l", "f") for do in ("set", "get", "list", "remove")), "attributes"
    ),
    "syslog": "machine",
    "bpf": "bpf",
    "perf_event_open": "counters",
    "process_madvise": "vectors",
    "openat2": "opening",
    "open_by_handle_at": "opening",
    "name_to_handle_at": "opening",
    "memfd_create": "opening",
    **dict.fromkeys(("times", "time", "utime", "utimes", "futimesat", "utimensat"), "clocks"),
    **dict.fromkeys(("capget", "capset"), "capabilities"),
}


def _module(name: str) -> "ModuleType | None":
    home = _MODULES.get(name)
    return None if home is None else __import__(f"wiretale.decode.strace.{home}", fromlist=[""])


def arguments(name: str) -> "Mapping[tuple[str, str], Printer]":
    """Printers by call and argument; none for calls that are not rare."""
    found: Mapping[tuple[str, str], Printer] = getattr(_module(name), "ARGUMENTS", {})
    return found


def entry_arguments(name: str) -> int | None:
    """How many arguments are printed at the entry, if the call's module says so."""
    known: Mapping[str, int] = getattr(_module(name), "ENTRY_ARGUMENTS", {})
    return known.get(name)


def result(w: Writer) -> str:
    """The value a call returned, if its module has words for it."""
    known: Mapping[str, Callable[[Writer], str]] = getattr(_module(w.call.name), "RESULTS", {})
    own = known.get(w.call.name)
    return own(w) if own is not None else ""
