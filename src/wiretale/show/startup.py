"""Which calls fold into one line: a program's start, and a library looking for files of the system.

Nothing that could matter to a reader may vanish, so the rules are narrow. Only five or more calls in a row fold.

Start: from an execve on, while each call is one of SETTING_UP (memory, thread set-up, looking at files), acts on no
socket, reads no descriptor that was open before (0 to 2), and opens no file other than libraries, interpreter modules
and the system's own data. The first call that breaks the rule ends the start, for good.

Look-up: later, while each call is one of LOOKING (files and maps of files), acts on no socket, and is about one of the
files above; what was opened under another name is never folded, nor are its reads. At least one must name a file.
"""

import re

from wiretale.decode.record_types import RawCall

FOLD_AT_LEAST = 5  # calls in a row
FIRST_OWN_FD = 3  # 0 to 2 were there before the program

SETTING_UP = (
    # memory and thread set-up
    "brk", "mmap", "mmap2", "munmap", "mprotect", "mremap", "madvise", "arch_prctl", "set_tid_address",
    "set_robust_list", "rseq", "prlimit64", "getrandom", "set_thread_area", "futex", "sched_getaffinity", "membarrier",
    "getrlimit", "ugetrlimit",
    # who and where am I
    "uname", "getcwd", "getuid", "geteuid", "getgid", "getegid", "getuid32", "geteuid32", "getgid32", "getegid32",
    "sysinfo",
    # looking at files
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "open", "openat", "openat2", "close", "read",
    "pread64", "fstat", "fstat64", "stat", "stat64", "lstat", "lstat64", "newfstatat", "fstatat64", "statx", "statfs",
    "fstatfs", "lseek", "_llseek", "getdents", "getdents64", "fcntl", "fcntl64", "ioctl",
    # how signals are handled
    "rt_sigaction", "rt_sigprocmask", "sigaltstack",
)  # fmt: skip

# Of these, some name a file by its path, some by a descriptor, and some only map memory.
_BY_PATH = (
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "open", "openat", "openat2", "stat", "stat64",
    "lstat", "lstat64", "newfstatat", "fstatat64", "statx", "statfs",
)  # fmt: skip
_BY_DESCRIPTOR = ("read", "pread64", "close", "fstat", "fstat64", "lseek", "_llseek", "getdents", "getdents64")
_MAPPING = ("mmap", "mmap2", "munmap", "mprotect", "brk")
LOOKING = (*_BY_PATH, *_BY_DESCRIPTOR, *_MAPPING)

# Of some calls only one use belongs to a start: argument 1 under a mask. linux/futex.h: waking others, when there are
# none yet; asm-generic/ioctls.h: asking whether a descriptor is a terminal.
_ONLY = {"futex": (0x7F, 1), "ioctl": (0xFFFFFFFF, 0x5401)}
_OPENS = ("open", "openat", "openat2")
_READS = ("read", "pread64")
# Paths a loader or an interpreter opens by itself; a failed open opens nothing and may be of any path.
_SYSTEM_PATH = (
    r"^(/usr)?(/|$)$|^(/usr)?/lib|\.so(\.|$)"
    r"|^/etc/(ld\.so|locale|localtime|nsswitch|host\.conf|resolv\.conf|gai\.conf|passwd|ssl/openssl)"
    r"|^/usr/(share|local/lib|local/share)/|^/(proc|sys|dev/(null|urandom|tty))|/python[0-9.]*/|site-packages|\.pyc?$"
    r"|pyvenv\.cfg$|/perl5?/|/ruby/|/node_modules/"
)


_IS_SYSTEM_PATH = re.compile(_SYSTEM_PATH)


def may_continue_start(call: RawCall) -> bool:
    """Whether a call seen at its entry, while a program starts, can still belong to its start (the rule above).

    A socket cannot be met before the call that makes it, and that call ends the start.
    """
    if call.name not in SETTING_UP or (call.name in _READS and call.args[0] < FIRST_OWN_FD):
        return False
    mask, value = _ONLY.get(call.name, (0, 0))
    return call.args[1] & mask == value


def continues_start(call: RawCall) -> bool:
    """Whether a call that returned, while a program starts, belongs to its start: the rule above, for a live view."""
    if not may_continue_start(call) or call.retval is None:
        return False
    if call.name in _OPENS and call.errno is None:
        path = next((d.bytes for d in call.data if d.role == "string"), b"")
        return _IS_SYSTEM_PATH.search(path.decode(errors="replace")) is not None
    return True


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _only_sql() -> str:
    return " AND ".join(f"(c.name <> '{n}' OR c.a1 & {mask} = {value})" for n, (mask, value) in _ONLY.items())


def _is_system(path: str) -> str:
    """SQL: whether the path expression names a library, a module or data of the system."""
    return f"regexp_matches(coalesce({path}, 'unknown'), '{_SYSTEM_PATH}')"


# Only tasks of which enough calls were chosen can have a line of folded ones: of the others nothing need be known.
MAY_FOLD = f"""
may_fold AS MATERIALIZED (
    SELECT c.task_id FROM chosen x JOIN call c USING (call_id)
    WHERE c.name IN ({_names(tuple(sorted({*SETTING_UP, *LOOKING})))})
    GROUP BY c.task_id HAVING count(*) >= {FOLD_AT_LEAST}
)"""  # noqa: S608 (built from fixed text; values are parameters)

# `quiet`: for every call of those tasks, whether it may fold as start, and whether as look-up. Opens and their like
# name a path; calls on a descriptor name a file through `call_file`.
_QUIET = f"""
quiet AS (
    SELECT c.call_id, c.task_id, c.name IN ({_names(_BY_PATH)}) AS names_file,
        t.how IN ('execve', 'started') AS is_image,
        c.name IN ({_names(SETTING_UP)}) AND f.socket_id IS NULL AND c.exit_ns IS NOT NULL
            AND {_only_sql()}
            AND NOT (c.name IN ({_names(_READS)}) AND coalesce(c.fd, 0) < {FIRST_OWN_FD})
            AND NOT (c.name IN ({_names(_OPENS)}) AND c.errno IS NULL AND NOT {_is_system("d.path")}) AS starts,
        c.exit_ns IS NOT NULL AND f.socket_id IS NULL AND (
            c.name IN ({_names(_MAPPING)})
            OR c.name IN ({_names(_BY_PATH)})
                AND (coalesce(d.path, '') = '' OR {_is_system("d.path")})
            OR c.name IN ({_names(_BY_DESCRIPTOR)}) AND c.fd >= {FIRST_OWN_FD} AND {_is_system("file.name")}
        ) AS looks
    FROM (SELECT * FROM call WHERE task_id IN (SELECT task_id FROM may_fold)) c
    LEFT JOIN task t ON t.task_id = c.task_id
    LEFT JOIN call_file f ON f.call_id = c.call_id
    LEFT JOIN file ON file.file_id = f.file_id
    LEFT JOIN (
        SELECT call_id, any_value(CAST(bytes AS VARCHAR)) AS path FROM call_data
        WHERE role = 'string' AND arg IN (0, 1) AND NOT at_exit GROUP BY call_id
    ) d ON d.call_id = c.call_id
)"""  # noqa: S608 (built from fixed text; values are parameters)

# `fold`: one row per call that folds; calls with the same task and run stand in one line. Run 0 is the program's start.
FOLD = f"""
{_QUIET},
in_runs AS (
    SELECT call_id, task_id, names_file, starts, looks, is_image,
        sum(CAST(NOT starts AS INTEGER)) OVER task_so_far AS ends_of_start,
        sum(CAST(NOT looks AS INTEGER)) OVER task_so_far AS look_run
    FROM quiet WINDOW task_so_far AS (PARTITION BY task_id ORDER BY call_id ROWS UNBOUNDED PRECEDING)
),
fold AS MATERIALIZED (
    SELECT call_id, task_id, names_file, CASE WHEN is_image AND ends_of_start = 0 THEN 0 ELSE look_run + 1 END AS run
    FROM in_runs
    WHERE is_image AND ends_of_start = 0 OR looks
)"""  # noqa: S608 (built from fixed text; values are parameters)
