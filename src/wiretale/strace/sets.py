"""Sets of calls, signals and descriptors: `-e trace=%net,!close`, `/regex`, `?optional`, `name@64`.

The classes follow strace(1); which call is in which is derived from what `decode/syscalls` says of its arguments, and
said by name where it cannot be.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from wiretale.decode.constants.tables import TABLES
from wiretale.decode.syscalls import CALLS, table
from wiretale.decode.syscalls.numbers import AARCH64, I386, X86_64
from wiretale.decode.syscalls.spec import Call, Effect, Kind
from wiretale.model.enums import Arch
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import Select, everything, nothing

_INT_MAX = 0x7FFFFFFF
_LAST_SIGNAL = 64  # _NSIG of asm-generic/signal.h
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


# What follows `@`; no program of x32 is ever recorded, but its calls may be named.
_PERSONALITIES: dict[str, tuple[Arch, ...]] = {"64": (Arch.X86_64, Arch.AARCH64), "32": (Arch.I386,), "x32": ()}
# Calls of x86_64 that x32 does not have, and the numbers that only x32 has (asm/unistd_64.h, asm/unistd_x32.h).
_NOT_X32 = re.compile(
    r"_sysctl|create_module|epoll_(ctl|wait)_old|get_kernel_syms|[gs]et_thread_area|nfsservctl|query_module|uselib|vserver"
)
_ONLY_X32 = range(512, 548)


def _has(personality: str, name: str) -> bool:
    if personality == "x32":
        return name in X86_64.values() and not _NOT_X32.fullmatch(name)
    return any(name in table(arch).values() for arch in _PERSONALITIES[personality])


def _members(word: str) -> Mapping[Arch, frozenset[str]]:
    """The calls that one word of a set stands for, by the kind of program that makes them. Raises StraceFault."""
    item = word.lstrip("?")
    before, at, personality = item.rpartition("@")
    if at and personality not in _PERSONALITIES:
        raise StraceFault(f"incorrect personality '{personality}' in '{word}': it is 64, 32 or x32", usage=True)
    arches = _PERSONALITIES[personality] if at else tuple(Arch)
    item = before if at else item
    if item.isdigit():
        number = int(item)
        found = {arch: frozenset(filter(None, [table(arch).get(number)])) for arch in arches}
        known = any(found.values()) or (personality == "x32" and (number in X86_64 or number in _ONLY_X32))
    else:
        names = _named(item)
        found = dict.fromkeys(arches, names)
        known = any(_has(p, name) for p in ([personality] if at else _PERSONALITIES) for name in names)
    if not known and not word.startswith("?"):
        raise StraceFault(f"invalid system call '{word}'")
    return found


def _named(item: str) -> frozenset[str]:
    if item.startswith("/"):
        try:
            pattern = re.compile(item[1:])
        except re.error as fault:
            raise StraceFault(f"invalid regular expression '{item[1:]}': {fault}") from fault
        return frozenset(n for n in _NAMES if pattern.search(n))
    if item.startswith("%") or item in _OLD_CLASSES:
        return _class(item.removeprefix("%")) or frozenset()
    if item == "all":
        return _NAMES
    return frozenset({item}) & _NAMES


def _negation(text: str) -> tuple[bool, str]:
    """Whether a set is negated, and the rest; a second `!` takes the first one back."""
    body = text.lstrip("!")
    return (len(text) - len(body)) % 2 == 1, body


def call_set(text: str) -> Select:
    """The predicate of `[!]word,word`; `none` is empty."""
    negated, body = _negation(text)
    if body in ("all", "none"):
        return everything if (body == "all") != negated else nothing
    words = [word for word in body.split(",") if word]
    if not words:
        raise StraceFault(f"invalid system call '{text}'")
    members = [_members(word) for word in words]
    chosen: dict[int, frozenset[str]] = {a: frozenset[str]().union(*(m.get(a, ()) for m in members)) for a in Arch}
    return lambda name, arch: (name in chosen.get(arch, ())) != negated


_SIGNALS = {name: number for number, name in TABLES["signal"].items()}


def signal_number(word: str) -> int | None:
    """SIGIO, io or 29."""
    if word.isdigit():
        return int(word) if int(word) <= _LAST_SIGNAL else None
    name = word.upper().removeprefix("SIG")
    if name.startswith("RT_") and name[3:].isdigit():
        return 32 + int(name[3:]) if int(name[3:]) <= _LAST_SIGNAL - 32 else None
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
    words = [word for word in body.split(",") if word]
    if not words:
        raise StraceFault(f"invalid {what} '{text}'")
    for word in words:
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
    given_words = [word for word in body.split(",") if word]
    if not given_words:
        raise StraceFault(f"invalid {what} '{text}'")
    for given in given_words:
        word = (aliases or {}).get(given, given)
        if word not in known:
            raise StraceFault(f"invalid {what} '{given}'")
        found.add(word)
    return frozenset(known) - found if negated else frozenset(found)
