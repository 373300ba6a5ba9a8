"""Regenerate src/wiretale/decode/constants/rare.py: names that only calls which few programs make need.

A module of its own, because it is loaded when such a call is seen.
"""

from kernel_headers import SOURCES, Rows, by_value, chosen, constants, enumerators, plain_table, values

TARGET = SOURCES / "decode/constants/rare.py"
# table: (headers, pattern of names, names left out, what strace says of a value without a name)
TABLES = {
    # ptrace(2): the requests in the words of the kernel's own <sys/ptrace.h> names
    "ptrace_request": (
        "linux/ptrace.h asm/ptrace-abi.h", r"PTRACE_[A-Z_]+", r"PTRACE_(O_|EVENT_|SYSCALL_INFO_|PEEKSIGINFO_|EVENTMSG_)\w*",
        "PTRACE_???",
    ),
    # io_uring_register(2)
    "ring_operation": ("linux/io_uring.h", r"IORING_OP_\w+", r"IORING_OP_(SEND_ZC|SENDMSG_ZC|LAST)", "IORING_OP_???"),
    "ring_probed": ("linux/io_uring.h", r"IO_URING_OP_SUPPORTED", "", "IO_URING_OP_???"),
    "ring_restriction": ("linux/io_uring.h", r"IORING_RESTRICTION_\w+", r"IORING_RESTRICTION_LAST", "IORING_RESTRICTION_???"),
    "ring_entry_flags": ("linux/io_uring.h", r"IOSQE_\w+", r"IOSQE_\w+_BIT", "IOSQE_???"),
    "ring_resources": ("linux/io_uring.h", r"IORING_RSRC_REGISTER_SPARSE", "", "IORING_RSRC_REGISTER_???"),
    "ring_workers": ("linux/io_uring.h", r"IO_WQ_(UN)?BOUND", "", "IO_WQ_???"),
    "ptrace_options": ("linux/ptrace.h", r"PTRACE_O_\w+", r"PTRACE_O_MASK", "PTRACE_O_???"),
    "ptrace_peeksiginfo": ("linux/ptrace.h", r"PTRACE_PEEKSIGINFO_SHARED", "", "PTRACE_PEEKSIGINFO_???"),
    "ptrace_syscall_info": ("linux/ptrace.h", r"PTRACE_SYSCALL_INFO_\w+", "", "PTRACE_SYSCALL_INFO_???"),
    "note_type": ("linux/elf.h", r"NT_\w+", r"NT_(GNU_PROPERTY_TYPE_0|PRXFPREG)", "NT_???"),
    "unshare": (
        "linux/sched.h", r"CLONE_(NEW\w+|FILES|FS|SIGHAND|SYSVSEM|THREAD|VM)", "", "CLONE_???",
    ),
    "audit_arch": ("linux/audit.h", r"AUDIT_ARCH_\w+", "", "AUDIT_ARCH_???"),
    "key_reqkey": ("linux/keyctl.h", r"KEY_REQKEY_DEFL_\w+", "", "KEY_REQKEY_DEFL_???"),
    "keyctl_supports": ("linux/keyctl.h", r"KEYCTL_SUPPORTS_\w+", "", "KEYCTL_SUPPORTS_???"),
    "keyctl_caps0": ("linux/keyctl.h", r"KEYCTL_CAPS0_\w+", "", "KEYCTL_CAPS0_???"),
    "keyctl_caps1": ("linux/keyctl.h", r"KEYCTL_CAPS1_\w+", "", "KEYCTL_CAPS1_???"),
    "keyctl_move": ("linux/keyctl.h", r"KEYCTL_MOVE_EXCL", "", "KEYCTL_MOVE_???"),
    "quota_command": ("linux/quota.h linux/dqblk_xfs.h", r"Q_\w+", "", "Q_???"),
    "quota_type": ("linux/quota.h", r"(USR|GRP|PRJ)QUOTA", "", "???QUOTA"),
    "quota_format": ("linux/quota.h", r"QFMT_\w+", "", "QFMT_VFS_???"),
    "quota_valid": ("linux/quota.h", r"QIF_\w+", r"QIF_(LIMITS|USAGE|TIMES|ALL|DQBLKSIZE\w*|\w+_B)", "QIF_???"),
    "quota_info_valid": ("linux/quota.h", r"IIF_\w+", "IIF_ALL", "IIF_???"),
    "quota_info_flags": ("linux/quota.h", r"DQF_\w+", r"DQF_(PRIVATE|\w+_B)", "DQF_???"),
    "xfs_quota_flags": ("linux/dqblk_xfs.h", r"FS_QUOTA_[UGP]DQ_\w+", "", "FS_QUOTA_???"),
    "xfs_dqblk_flags": ("linux/dqblk_xfs.h", r"FS_(USER|PROJ|GROUP)_QUOTA", "", "FS_???"),
    "prctl_unalign": ("linux/prctl.h", r"PR_UNALIGN_\w+", "", "PR_UNALIGN_???"),
    "prctl_tsc": ("linux/prctl.h", r"PR_TSC_\w+", "", "PR_TSC_???"),
    "prctl_mce": ("linux/prctl.h", r"PR_MCE_KILL_(CLEAR|SET)", "", "PR_MCE_KILL_???"),
    "prctl_mce_policy": ("linux/prctl.h", r"PR_MCE_KILL_(LATE|EARLY|DEFAULT)", "", "PR_MCE_KILL_???"),
    "prctl_mm": ("linux/prctl.h", r"PR_SET_MM_\w+", "", "PR_SET_MM_???"),
    "prctl_fp_mode": ("linux/prctl.h", r"PR_FP_MODE_\w+", "", "PR_FP_MODE_???"),
    "prctl_spec": ("linux/prctl.h", r"PR_SPEC_(STORE_BYPASS|INDIRECT_BRANCH|L1D_FLUSH)", "", "PR_SPEC_???"),
    "prctl_spec_get": (
        "linux/prctl.h", r"PR_SPEC_(NOT_AFFECTED|PRCTL|ENABLE|DISABLE|FORCE_DISABLE|DISABLE_NOEXEC)", "", "PR_SPEC_???",
    ),
    "prctl_spec_set": ("linux/prctl.h", r"PR_SPEC_(ENABLE|DISABLE|FORCE_DISABLE|DISABLE_NOEXEC)", "", "PR_SPEC_???"),
    "prctl_pac": ("linux/prctl.h", r"PR_PAC_AP\w+", "", "PR_PAC_???"),
    "prctl_pac_enabled": ("linux/prctl.h", r"PR_PAC_AP[ID]\w+", "", "PR_PAC_???"),
    "prctl_dispatch": ("linux/prctl.h", r"PR_SYS_DISPATCH_\w+", "", "PR_SYS_DISPATCH_???"),
    "prctl_core": ("linux/prctl.h", r"PR_SCHED_CORE_(GET|CREATE|SHARE_\w+)", "", "PR_SCHED_CORE_???"),
    "prctl_sve": ("linux/prctl.h", r"PR_SVE_(SET_VL_ONEXEC|VL_INHERIT)", "", ""),
    "prctl_sme": ("linux/prctl.h", r"PR_SME_(SET_VL_ONEXEC|VL_INHERIT)", "", ""),
    "prctl_mte": ("linux/prctl.h", r"PR_MTE_TCF_(NONE|SYNC|ASYNC|MASK)", "", "PR_MTE_TCF_???"),
    "personality_flags": (
        "linux/personality.h",
        r"UNAME26|ADDR_(NO_RANDOMIZE|COMPAT_LAYOUT|LIMIT_32BIT|LIMIT_3GB)|FDPIC_FUNCPTRS|MMAP_PAGE_ZERO"
        r"|READ_IMPLIES_EXEC|SHORT_INODE|WHOLE_SECONDS|STICKY_TIMEOUTS",
        "", "",
    ),
    "seccomp_mode": ("linux/seccomp.h", r"SECCOMP_MODE_\w+", "", "SECCOMP_MODE_???"),
    "securebits": ("linux/securebits.h", r"SECBIT_\w+", "", "SECBIT_???"),
    "msg_cmd": ("linux/msg.h", r"IPC_(RMID|SET|STAT|INFO)|MSG_(STAT|INFO|STAT_ANY)", "", "MSG_???"),
    "shm_cmd": ("linux/shm.h", r"IPC_(RMID|SET|STAT|INFO)|SHM_(LOCK|UNLOCK|STAT|INFO|STAT_ANY)", "", "SHM_???"),
    "sem_cmd": (
        "linux/sem.h", r"IPC_(RMID|SET|STAT|INFO)|GETPID|GETVAL|GETALL|GETNCNT|GETZCNT|SETVAL|SETALL|SEM_(STAT|INFO|STAT_ANY)",
        "", "SEM_???",
    ),
    "shm_get": ("linux/ipc.h linux/shm.h", r"IPC_(CREAT|EXCL)|SHM_(HUGETLB|NORESERVE)", "", "IPC_???"),
    "shmat": ("linux/shm.h", r"SHM_(RDONLY|RND|REMAP|EXEC)", "", "SHM_???"),
    "ipc_message": ("linux/msg.h linux/ipc.h", r"MSG_(NOERROR|EXCEPT|COPY)|IPC_NOWAIT", "", "MSG_???"),
    "mempolicy_mode_flags": ("linux/mempolicy.h", r"MPOL_F_(STATIC_NODES|RELATIVE_NODES|NUMA_BALANCING)", "", "MPOL_???"),
    "landlock_access_fs": ("linux/landlock.h", r"LANDLOCK_ACCESS_FS_\w+", "", "LANDLOCK_ACCESS_FS_???"),
    "fanotify_init_flags": (
        "linux/fanotify.h", r"FAN_(CLOEXEC|NONBLOCK|UNLIMITED_\w+|ENABLE_AUDIT|REPORT_\w+)", r"FAN_REPORT_DFID\w*",
        "FAN_???",
    ),
    "fanotify_class": ("linux/fanotify.h", r"FAN_CLASS_(NOTIF|CONTENT|PRE_CONTENT)", "", "FAN_CLASS_???"),
    "fanotify_event": (
        "linux/fanotify.h",
        r"FAN_(ACCESS|MODIFY|ATTRIB|CLOSE_WRITE|CLOSE_NOWRITE|OPEN|MOVED_FROM|MOVED_TO|CREATE|DELETE|DELETE_SELF|MOVE_SELF"
        r"|OPEN_EXEC|Q_OVERFLOW|FS_ERROR|OPEN_PERM|ACCESS_PERM|OPEN_EXEC_PERM|EVENT_ON_CHILD|RENAME|ONDIR|DIR_MODIFY)",
        "", "FAN_???",
    ),
    "ioprio_class": ("linux/ioprio.h", r"IOPRIO_CLASS_(NONE|RT|BE|IDLE)", "", "IOPRIO_CLASS_???"),
    "kexec_arch": ("linux/kexec.h", r"KEXEC_ARCH_\w+", r"KEXEC_ARCH_MASK", "KEXEC_ARCH_???"),
    "kexec_load": ("linux/kexec.h", r"KEXEC_(ON_CRASH|PRESERVE_CONTEXT)", "", "KEXEC_???"),
    "kexec_file": ("linux/kexec.h", r"KEXEC_FILE_\w+", "KEXEC_FILE_DEBUG", "KEXEC_FILE_???"),
    "futex2": ("linux/futex.h", r"FUTEX_(32|PRIVATE_FLAG)", "", "FUTEX_???"),
    "futex_op": ("linux/futex.h", r"FUTEX_OP_(SET|ADD|OR|ANDN|XOR)", "", "FUTEX_OP_???"),
    "futex_op_cmp": ("linux/futex.h", r"FUTEX_OP_CMP_\w+", "", "FUTEX_OP_CMP_???"),
    "reboot_magic": ("linux/reboot.h", r"LINUX_REBOOT_MAGIC\w+", "", "LINUX_REBOOT_MAGIC_???"),
    "sched_flags": (
        "linux/sched.h",
        r"SCHED_FLAG_(RESET_ON_FORK|RECLAIM|DL_OVERRUN|KEEP_POLICY|KEEP_PARAMS|UTIL_CLAMP_MIN|UTIL_CLAMP_MAX)",
        "", "SCHED_FLAG_???",
    ),
    "semop": ("linux/sem.h linux/ipc.h", r"SEM_UNDO|IPC_NOWAIT", "", "SEM_???"),
    "mount_propagation": ("linux/mount.h", r"MS_(UNBINDABLE|PRIVATE|SLAVE|SHARED)", "", "MS_???"),
    "perf_type": ("linux/perf_event.h", r"PERF_TYPE_[A-Z_]+", "PERF_TYPE_MAX", "PERF_TYPE_???"),
    "perf_size": ("linux/perf_event.h", r"PERF_ATTR_SIZE_VER\d", "", "PERF_ATTR_SIZE_???"),
    "perf_hardware": (
        "linux/perf_event.h", r"PERF_COUNT_HW_[A-Z_]+", r"PERF_COUNT_HW_(MAX|CACHE_[A-Z].*(?<!REFERENCES)(?<!MISSES))",
        "PERF_COUNT_HW_???",
    ),
    "perf_software": ("linux/perf_event.h", r"PERF_COUNT_SW_\w+", "PERF_COUNT_SW_MAX", "PERF_COUNT_SW_???"),
    "perf_cache": (
        "linux/perf_event.h", r"PERF_COUNT_HW_CACHE_[A-Z0-9]+", r"\w+_(MAX|REFERENCES|MISSES)", "PERF_COUNT_HW_CACHE_???",
    ),
    "perf_cache_op": ("linux/perf_event.h", r"PERF_COUNT_HW_CACHE_OP_\w+", r"\w+_MAX", "PERF_COUNT_HW_CACHE_OP_???"),
    "perf_cache_result": (
        "linux/perf_event.h", r"PERF_COUNT_HW_CACHE_RESULT_\w+", r"\w+_MAX", "PERF_COUNT_HW_CACHE_RESULT_???",
    ),
    "perf_sample": (
        "linux/perf_event.h", r"PERF_SAMPLE_\w+", r"PERF_SAMPLE_(MAX|WEIGHT_TYPE|REGS_ABI_\w+|BRANCH_(?!STACK$)\w+)",
        "PERF_SAMPLE_???",
    ),
    "perf_format": ("linux/perf_event.h", r"PERF_FORMAT_\w+", "PERF_FORMAT_MAX", "PERF_FORMAT_???"),
    "perf_branch": (
        "linux/perf_event.h", r"PERF_SAMPLE_BRANCH_\w+", r"PERF_SAMPLE_BRANCH_(STACK|MAX|\w+_SHIFT|PLM_ALL)",
        "PERF_SAMPLE_BRANCH_???",
    ),
    "perf_breakpoint": (
        "linux/hw_breakpoint.h", r"HW_BREAKPOINT_(EMPTY|R|W|RW|X)", "", "HW_BREAKPOINT_???",
    ),
    "seccomp_action": (
        "linux/seccomp.h", r"SECCOMP_RET_(KILL_PROCESS|KILL_THREAD|TRAP|ERRNO|USER_NOTIF|TRACE|LOG|ALLOW)", "",
        "SECCOMP_RET_???",
    ),
    "mount_flags_all": ("linux/mount.h", r"MS_\w+", r"MS_(MGC_\w+|RMT_MASK|VERBOSE)", "MS_???"),
    "clone3": ("linux/sched.h", r"CLONE_\w+", r"CLONE_ARGS_\w+|CLONE_DETACHED", "CLONE_???"),
    "namespace": ("linux/sched.h", r"CLONE_NEW\w+", "", "CLONE_NEW???"),
    "timex_modes": ("sys/timex.h", r"ADJ_\w+", "", "ADJ_???"),
    "timex_status": ("sys/timex.h", r"STA_\w+", "STA_RONLY", "STA_???"),
    # io_submit(2); the kernel has not all of the commands, but names for them; and REMARKED
    "aio_command": ("linux/aio_abi.h", r"IOCB_CMD_\w+", "", "IOCB_CMD_???"),
    "aio_flags": ("linux/aio_abi.h", r"IOCB_FLAG_\w+", "", "IOCB_FLAG_???"),
    "timex_state": ("sys/timex.h", r"TIME_(OK|INS|DEL|OOP|WAIT|ERROR)", "", ""),
}  # fmt: skip
# What headers only say in a remark: linux/aio_abi.h, "4 was the experimental IOCB_CMD_PREADX"
REMARKED = {"aio_command": {4: "IOCB_CMD_PREADX"}}
# Of kernel headers that programs do not see: include/linux/pid.h (enum pid_type), arch/x86/include/asm/fpu/types.h
XFEATURES = {
    "FP": 0, "SSE": 1, "YMM": 2, "BNDREGS": 3, "BNDCSR": 4, "OPMASK": 5, "ZMM_Hi256": 6, "Hi16_ZMM": 7, "PKRU": 9,
    "PASID": 10, "LBR": 15, "XTILE_CFG": 17, "XTILE_DATA": 18,
}  # fmt: skip
# strace's names of constants that the kernel's headers call otherwise: those of the C library
RENAMED = {
    "PTRACE_PEEKUSR": "PTRACE_PEEKUSER",
    "PTRACE_POKEUSR": "PTRACE_POKEUSER",
    "NT_PRFPREG": "NT_FPREGSET",
}
_PERSONALITIES = (
    "LINUX", "SVR4", "SVR3", "SCOSVR3", "WYSEV386", "ISCR4", "BSD", "XENIX", "LINUX32", "IRIX32", "IRIXN32", "IRIX64",
    "RISCOS", "SOLARIS", "UW7", "OSF4", "HPUX",
)  # fmt: skip
_KEY_RIGHTS = ("VIEW", "READ", "WRITE", "SEARCH", "LINK", "SETATTR")
PLAIN = {
    # linux/userfaultfd.h, asm-generic/fcntl.h
    "userfaultfd": ({"UFFD_USER_MODE_ONLY": 1, "O_NONBLOCK": 0o4000, "O_CLOEXEC": 0o2000000}, "UFFD_???"),
    # include/linux/key.h
    "key_permission": (
        {
            f"KEY_{who}_{right}": 1 << shift + bit
            for who, shift in (("POS", 24), ("USR", 16), ("GRP", 8), ("OTH", 0))
            for bit, right in enumerate(_KEY_RIGHTS)
        },
        "KEY_???",
    ),
    # linux/personality.h: the kinds without the flags that belong to them
    "personality_type": (
        {f"PER_{name}": value for value, name in enumerate(_PERSONALITIES)},
        "PER_???",
    ),
    "no_flags": ({}, ""),
    # of fsmount, where a mount has no owner yet
    "fsmount_attr": (
        {
            "MOUNT_ATTR_RDONLY": 1,
            "MOUNT_ATTR_NOSUID": 2,
            "MOUNT_ATTR_NODEV": 4,
            "MOUNT_ATTR_NOEXEC": 8,
            "MOUNT_ATTR_NOATIME": 16,
            "MOUNT_ATTR_STRICTATIME": 32,
            "MOUNT_ATTR_NODIRATIME": 128,
        },
        "MOUNT_ATTR_???",
    ),
    # include/linux/swap.h
    "swap_flags": (
        {
            "SWAP_FLAG_PREFER": 0x8000,
            "SWAP_FLAG_DISCARD": 0x10000,
            "SWAP_FLAG_DISCARD_ONCE": 0x20000,
            "SWAP_FLAG_DISCARD_PAGES": 0x40000,
        },
        "SWAP_FLAG_???",
    ),
    # asm-generic/mman-common.h, and that of PowerPC
    "pkey_access": (
        {"PKEY_DISABLE_ACCESS": 1, "PKEY_DISABLE_WRITE": 2, "PKEY_DISABLE_EXECUTE": 4},
        "PKEY_???",
    ),
    "xfeature": (
        {f"XFEATURE_{n}": v for n, v in XFEATURES.items()} | {"XFEATURE_PT_UNIMPLEMENTED_SO_FAR": 8},
        "XFEATURE_???",
    ),
    "xfeature_mask": (
        {f"XFEATURE_MASK_{n}": 1 << v for n, v in XFEATURES.items()}
        | {
            "XFEATURE_MASK_PT": 0x100,
            "XFEATURE_MASK_FPSSE": 3,
            "XFEATURE_MASK_AVX512": 0xE0,
            "XFEATURE_MASK_XTILE": 0x60000,
        },
        "XFEATURE_MASK_???",
    ),
    "pidtype": ({"PIDTYPE_PID": 0, "PIDTYPE_TGID": 1, "PIDTYPE_PGID": 2, "PIDTYPE_SID": 3}, "PIDTYPE_???"),
}


def main() -> None:
    tables: dict[str, Rows] = {}
    for table, (headers, pattern, left_out, _) in TABLES.items():
        names = chosen(dict.fromkeys([*constants(headers), *enumerators(headers)]), pattern, left_out)
        named = by_value((RENAMED.get(name, name), value) for name, value in values(headers, names).items())
        tables[table] = named | REMARKED.get(table, {})
    tables |= {table: {value: name for name, value in names.items()} for table, (names, _) in PLAIN.items()}
    unknown = {table: row[3] for table, row in TABLES.items()} | {table: row[1] for table, row in PLAIN.items()}
    text = [
        '"""Named constants of calls that few programs make. Made by scripts/make_rare_constants.py; do not edit.\n',
        'Source: the headers named in that script, of linux-libc-dev 6.1.\n"""\n',
        "TABLES: dict[str, dict[int, str]] = {",
        *(plain_table(name, dict(sorted(rows.items()))) for name, rows in sorted(tables.items())),
        "}\n",
        "# what strace says of a value that has no name",
        "UNKNOWN: dict[str, str] = {",
        *(f'    "{name}": "{word}",' for name, word in sorted(unknown.items()) if word),
        "}",
    ]
    TARGET.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
