"""Sets of calls, signals and descriptors: `-e trace=%net,!close`, `/regex`, `?optional`, `name@64`.

The classes follow strace(1); which call is in which is derived from what `decode/syscalls` says of its arguments, and
said by name where it cannot be.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from wiretale.decode.constants.tables import TABLES
from wiretale.decode.syscalls import CALLS
from wiretale.decode.syscalls.numbers import AARCH64, I386, X86_64
from wiretale.decode.syscalls.spec import Call, Effect, Kind
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import Select, everything, nothing

_INT_MAX = 0x7FFFFFFF
_NAMES = frozenset({*X86_64.values(), *I386.values(), *AARCH64.values(), *CALLS})
_DESC_KINDS = frozenset({Kind.FD, Kind.DIRFD, Kind.FDSET})

_PROCESS = re.compile(
    r"fork|vfork|clone3?|execve(at)?|exit(_group)?|wait(4|id|pid)|t?g?kill|tkill|rt_(tg)?sigqueueinfo|pidfd_open"
    r"|pidfd_send_signal|unshare|setns"
)
_SIGNAL = re.compile(
    r"(rt_)?sig.*|(rt_tg)?sigqueueinfo|rt_tgsigqueueinfo|kill|tkill|tgkill|pause|signal|signalfd4?|sgetmask|ssetmask"
    r"|pidfd_send_signal"
)
_MEMORY = re.compile(
    r"brk|mmap2?|old_mmap|munmap|mprotect|pkey_.*|mremap|remap_file_pages|msync|madvise|process_madvise|mincore|mlock.*"
    r"|munlock.*|mbind|.*mempolicy.*|migrate_pages|move_pages|shmat|shmdt|io_setup|io_destroy|mseal|process_mrelease"
    r"|map_shadow_stack"
)
_IPC = re.compile(r"(msg|sem|shm)(get|ctl|op|snd|rcv|at|dt|timedop.*)|ipc")
_CREDS = re.compile(r"(get|set)(re|res|fs|e)?[ug]id(32)?|[gs]etgroups(32)?|cap[gs]et|prctl")
_STATS = {
    "stat": re.compile(r"stat(64)?|oldstat"),
    "lstat": re.compile(r"lstat(64)?|oldlstat"),
    "fstat": re.compile(r"fstat(64)?|fstatat64|newfstatat|oldfstat|statx"),
    "%stat": re.compile(r"[lf]?stat(64)?|old[lf]?stat|fstatat64|newfstatat|statx"),
    "statfs": re.compile(r"(.*_)?statv?fs(64)?"),
    "fstatfs": re.compile(r"fstatv?fs(64)?"),
    "%statfs": re.compile(r"f?statv?fs(64)?|ustat"),
    "clock": re.compile(r"clock_(adjtime|[gs]ettime|getres).*|adjtimex|[gs]ettimeofday|stime|time"),
    "pure": re.compile(r"get(e?[ug]id(32)?|pgrp|p?pid|tid)"),
}
# Named in the classes of strace although no argument of theirs says so, and the other way round.
_NO_FILE = re.compile(r"fs.*|memfd_create|mq_.*|set(host|domain)name|f(get|set|list|remove)xattr|prctl|.*module")
_ALSO_FILE = frozenset({"open_tree", "move_mount", "fspick", "swapon", "swapoff", "acct", "quotactl", "fsconfig"})
_ALSO_DESC = frozenset({"mmap", "mmap2", "old_mmap", "socket", "socketpair", "accept", "accept4", "poll", "ppoll"})


def _is_file(call: Call) -> bool:
    if call.name in _ALSO_FILE:
        return True
    if _NO_FILE.fullmatch(call.name):
        return False
    return any(a.kind is Kind.STRING for a in call.args) or call.name in ("getcwd", "chroot")


def _is_desc(call: Call) -> bool:
    return (
        call.name in _ALSO_DESC
        or any(a.kind in _DESC_KINDS or a.struct == "pollfd" for a in call.args)
        or (Effect.DESCRIPTOR in call.effects and not _PROCESS.fullmatch(call.name))
    )


def _is_network(call: Call) -> bool:
    return Effect.NETWORK in call.effects


_BY_CALL: dict[str, Callable[[Call], bool]] = {
    "file": _is_file,
    "desc": _is_desc,
    "net": _is_network,
    "network": _is_network,
}
_BY_NAME: dict[str, Callable[[str], object]] = {
    "process": _PROCESS.fullmatch,
    "signal": _SIGNAL.fullmatch,
    "memory": _MEMORY.fullmatch,
    "ipc": _IPC.fullmatch,
    "creds": _CREDS.fullmatch,
    **{name: pattern.fullmatch for name, pattern in _STATS.items()},
}
_OLD_CLASSES = frozenset({"file", "desc", "network", "process", "signal", "memory", "ipc"})


@lru_cache(maxsize=64)
def _class(name: str) -> frozenset[str] | None:
    by_call, by_name = _BY_CALL.get(name), _BY_NAME.get(name)
    if by_call is not None:
        return frozenset(n for n, c in CALLS.items() if by_call(c))
    if by_name is not None:
        return frozenset(n for n in _NAMES if by_name(n))
    return None


def _members(word: str) -> frozenset[str]:
    """The calls that one word of a set stands for. Raises StraceFault."""
    optional = word.startswith("?")
    item = word.lstrip("?")
    item, at, personality = item.partition("@")
    found: frozenset[str] | None = None
    if at and personality not in ("64", "32", "x32"):
        raise StraceFault(f"incorrect personality '{personality}' in '{word}': it is 64, 32 or x32", usage=True)
    if item.startswith("/"):
        try:
            pattern = re.compile(item[1:])
        except re.error as fault:
            raise StraceFault(f"invalid regular expression '{item[1:]}': {fault}") from fault
        found = frozenset(n for n in _NAMES if pattern.search(n))
    elif item.startswith("%") or item in _OLD_CLASSES:
        found = _class(item.removeprefix("%"))
    elif item == "all":
        found = _NAMES
    elif item.isdigit():
        name = X86_64.get(int(item))
        found = frozenset({name}) if name else None
    elif item in _NAMES:
        found = frozenset({item})
    if not found and not (optional and found is None) and not (optional and not found):
        raise StraceFault(f"invalid system call '{word}'")
    return found or frozenset()


def _negation(text: str) -> tuple[bool, str]:
    """Whether a set is negated, and the rest; a second `!` takes the first one back."""
    body = text.lstrip("!")
    return (len(text) - len(body)) % 2 == 1, body


def call_set(text: str) -> Select:
    """The predicate of `[!]word,word`; `none` is empty."""
    negated, body = _negation(text)
    if body in ("all", "none"):
        return everything if (body == "all") != negated else nothing
    found: set[str] = set()
    words = [word for word in body.split(",") if word]
    if not words:
        raise StraceFault(f"invalid system call '{text}'")
    for word in words:
        found |= _members(word)
    chosen = frozenset(found)
    return (lambda name: name not in chosen) if negated else chosen.__contains__


_SIGNALS = {name: number for number, name in TABLES["signal"].items()}


def signal_number(word: str) -> int | None:
    """SIGIO, io or 29."""
    if word.isdigit():
        return int(word) if int(word) < 128 else None
    name = word.upper().removeprefix("SIG")
    if name.startswith("RT_") and name[3:].isdigit():
        return 32 + int(name[3:])
    return {"RTMIN": 32, "POLL": 29, "CLD": 17, "IOT": 6}.get(name) or _SIGNALS.get("SIG" + name)


def signal_set(text: str) -> Callable[[int], bool]:
    """The predicate of `[!]SIGNAL,SIGNAL`."""
    return _numbers(text, signal_number, "signal")


def descriptor_set(text: str) -> Callable[[int], bool]:
    """The predicate of `[!]FD,FD`."""
    return _numbers(text, lambda word: int(word) if word.isdigit() and int(word) <= _INT_MAX else None, "descriptor")


def _numbers(text: str, read: Callable[[str], int | None], what: str) -> Callable[[int], bool]:
    negated, body = _negation(text)
    if body in ("all", "none"):
        return everything if (body == "all") != negated else nothing
    found = set()
    for word in body.split(","):
        number = read(word)
        if number is None:
            raise StraceFault(f"invalid {what} '{word}'")
        found.add(number)
    return (lambda n: n not in found) if negated else found.__contains__


def word_set(text: str, words: Iterable[str], what: str, aliases: dict[str, str] | None = None) -> frozenset[str]:
    """A set of words out of `words`."""
    known = tuple(words)
    negated, body = _negation(text)
    if body in ("all", "none"):
        return frozenset(known) if (body == "all") != negated else frozenset()
    found = set()
    for given in body.split(","):
        word = (aliases or {}).get(given, given)
        if word not in known:
            raise StraceFault(f"invalid {what} '{given}'")
        found.add(word)
    return frozenset(known) - found if negated else frozenset(found)
