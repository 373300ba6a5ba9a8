"""Which calls may fold into one line: tables that say what a program's start looks like.

Nothing that could matter to a reader may vanish, so the rules are narrow. Only five or more calls in a row fold.

Start: from an execve on, while a call is one of SETTING_UP (memory, signals, asking who and where one is, looking at
files), acts on no socket, reads no descriptor that was open before the program, and opens nothing but libraries, the
system's own data and, if the program is an interpreter, code: its modules, the directories it looks for them in, and
the script it was told to run. Calls of MAKING (descriptors that lead nowhere yet, threads) are shown and do not end the
start; anything else ends it for good.

Look-up: later, while each call is one of LOOKING and about a file of the system or of a library, or only asks who and
where one is, or is an interpreter's look at the directory of its script; at least one must name a file. What was opened
under another name is never folded, nor are its reads.
"""

FIRST_OWN_FD = 3  # 0 to 2 were there before the program

# Asking the system who, where and when: changes nothing, reaches nobody.
ASKING = (
    "uname", "getcwd", "getuid", "geteuid", "getgid", "getegid", "getuid32", "geteuid32", "getgid32", "getegid32",
    "getresuid", "getresgid", "getgroups", "getpid", "getppid", "gettid", "getpgrp", "getpgid", "getsid", "sysinfo",
    "clock_gettime", "clock_gettime64", "clock_getres", "gettimeofday", "time", "times", "getrusage", "getrandom",
    "getrlimit", "ugetrlimit", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "getpriority", "getcpu",
    "capget",
)  # fmt: skip
BY_PATH = (
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "open", "openat", "openat2", "stat", "stat64",
    "lstat", "lstat64", "newfstatat", "fstatat64", "statx", "statfs",
)  # fmt: skip
STATS = ("stat", "stat64", "lstat", "lstat64", "newfstatat", "fstatat64", "statx")
# Of these a start may use any, a look-up only on files of the system.
BY_DESCRIPTOR = (
    "read", "pread64", "close", "fstat", "fstat64", "fstatfs", "lseek", "_llseek", "getdents", "getdents64", "ioctl",
    "fcntl", "fcntl64",
)  # fmt: skip
MAPPING = ("mmap", "mmap2", "munmap", "mprotect", "brk")
DUPLICATING = ("dup", "dup2", "dup3")
SETTING_UP = (
    *ASKING, *BY_PATH, *BY_DESCRIPTOR, *MAPPING, *DUPLICATING,
    # memory, threads and signals of the process itself
    "mremap", "madvise", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64", "set_thread_area",
    "futex", "membarrier", "pkey_alloc", "prctl", "umask", "rt_sigaction", "rt_sigprocmask", "sigaltstack",
)  # fmt: skip
LOOKING = (*ASKING, *BY_PATH, *BY_DESCRIPTOR, *MAPPING)
MAKING = (
    "pipe", "pipe2", "eventfd", "eventfd2", "epoll_create", "epoll_create1", "timerfd_create", "signalfd", "signalfd4",
    "inotify_init", "inotify_init1", "clone", "clone3",
)  # fmt: skip
# Made and closed by the next call, these only asked whether the kernel has them.
PROBING = ("epoll_create", "epoll_create1", "eventfd2", "inotify_init1")

OPENS = ("open", "openat", "openat2")
READS = ("read", "pread64", "getdents", "getdents64")

CLONE_THREAD = 0x10000  # linux/sched.h
_F_DUPFD, _F_DUPFD_CLOEXEC = 0, 1030  # linux/fcntl.h
FCNTL_DUPLICATES = (_F_DUPFD, _F_DUPFD_CLOEXEC)
# Of some calls only a few uses belong here: which argument, under which mask, may have which values.
ONLY: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "futex": (1, 0x7F, (1,)),  # linux/futex.h: FUTEX_WAKE, when there is nobody to wake yet; never a wait
    # asm-generic/ioctls.h: TCGETS, TIOCGPGRP, TIOCGWINSZ: is it a terminal, and which; FIOCLEX: close it on exec
    "ioctl": (1, 0xFFFFFFFF, (0x5401, 0x540F, 0x5413, 0x5451)),
    "fcntl": (1, 0xFFFFFFFF, (_F_DUPFD, 1, 2, 3, _F_DUPFD_CLOEXEC)),  # and F_GETFD, F_SETFD, F_GETFL
    "fcntl64": (1, 0xFFFFFFFF, (_F_DUPFD, 1, 2, 3, _F_DUPFD_CLOEXEC)),
    # linux/prctl.h: PR_SET_NAME, PR_GET_NAME, PR_CAPBSET_READ, PR_SET_VMA
    "prctl": (0, 0xFFFFFFFF, (15, 16, 23, 0x53564D41)),
}

# Files that a loader, the C library or an interpreter opens by itself. What programs themselves look into (/etc/hosts
# and /etc/services, /proc/net, /sys/class) is not among them. A failed open opens nothing and may be of any path.
SYSTEM_PATH = (
    r"^/?$|^/usr/?$|^(/usr)?/lib[^/]*(/|$)|\.so(\.[0-9.]+)?$"
    r"|^/etc/(ld\.so|locale|localtime|timezone$|nsswitch|host\.conf|resolv\.conf|gai\.conf|passwd$|group$)"
    r"|^/etc/ssl/(openssl\.cnf$|certs/(ca-|[0-9a-f]{8}\.))"
    r"|^/usr/(share|local/lib|local/share)(/|$)|^/dev/(null|urandom|random|tty)$"
    r"|^/proc/(self|[0-9]+)/(maps|mounts|mountinfo|cgroup|stat|status|exe|auxv|limits)$"
    r"|^/proc/(sys/|filesystems$|meminfo$|cpuinfo$|stat$|version)|^/sys/(fs/cgroup|devices/system|kernel/mm)(/|$)"
    r"|/lib/(python[0-9.]+|perl5?|ruby|jvm)(/|$)|/(__pycache__|site-packages|node_modules|gems)/|/pyvenv\.cfg$"
)
# Programs that run other programs' text: how their files are named -> how the code that they load is.
CODE_OF: dict[str, str] = {
    r"(^|/)(python|pypy)[0-9.]*$": r"\.(py|pyc|pyo|pth|egg-link)$",
    r"(^|/)perl[0-9.]*$": r"\.(pl|pm|ph|al|ix)$",
    r"(^|/)ruby[0-9.]*$": r"\.(rb|gemspec)$",
    r"(^|/)(node|nodejs|deno|bun)$": r"\.([cm]?js|ts|node)$|/package\.json$",
    r"(^|/)(bash|dash|sh|zsh|ksh|mksh)$": r"\.(sh|bash|zsh)$",
    r"(^|/)(lua|luajit)[-0-9.]*$": r"\.(lua|luac)$",
    r"(^|/)php[0-9.]*$": r"\.(php|phar)$",
    r"(^|/)java$": r"\.(jar|class|jmod|jsa)$|/lib/modules$",
}  # fmt: skip
# asm-generic/fcntl.h; arch/arm and arch/arm64 have another number
O_DIRECTORY, O_DIRECTORY_ARM = 0o200000, 0o40000
OPEN_FLAGS_ARGUMENT = {"open": 1, "openat": 2}
