"""Regenerate src/wiretale/decode/syscalls/numbers.py from the kernel's UAPI headers (Debian: linux-libc-dev).

Run it with a C preprocessor installed: `python scripts/make_syscall_tables.py`. It needs asm/unistd_64.h and
asm/unistd_32.h (so an x86 Debian) and asm-generic/unistd.h, from which arm64 takes its table.
"""

from kernel_headers import SOURCES, macros

TARGET = SOURCES / "decode/syscalls/numbers.py"

# What arm64's own asm/unistd.h defines before it includes asm-generic/unistd.h (arch/arm64/include/uapi/asm/unistd.h).
ARM64_WANTS = (
    "RENAMEAT",
    "NEW_STAT",
    "SET_GET_RLIMIT",
    "TIME32_SYSCALLS",
    "SYS_CLONE3",
    "MEMFD_SECRET",
)

# Calls newer than the 6.1 headers of Debian 12. Since 5.1 new calls have one number on all architectures
# (scripts/syscall.tbl of Linux 6.18).
NEWER = {
    451: "cachestat",
    452: "fchmodat2",
    453: "map_shadow_stack",
    454: "futex_wake",
    455: "futex_wait",
    456: "futex_requeue",
    457: "statmount",
    458: "listmount",
    459: "lsm_get_self_attr",
    460: "lsm_set_self_attr",
    461: "lsm_list_modules",
    462: "mseal",
    463: "setxattrat",
    464: "getxattrat",
    465: "listxattrat",
    466: "removexattrat",
    467: "open_tree_attr",
    468: "file_getattr",
    469: "file_setattr",
}
# arch/x86/entry/syscalls/syscall_64.tbl: calls below the common range that 6.1 did not have yet.
NEWER_X86_64 = {335: "uretprobe", 336: "uprobe"}

# i386 numbers whose argument is a pointer to the arguments, though the header gives them the name of the later call.
I386_RENAMED = {82: "old_select", 90: "old_mmap"}


# Calls that i386 has through socketcall(2) only (linux/net.h), behind all real numbers: 1000 + which of them.
I386_SOCKETCALLS = {1005: "accept", 1009: "send", 1010: "recv"}


def numbers(defined: dict[str, str]) -> dict[int, str]:
    """number -> name, aliases such as __NR_fcntl -> __NR3264_fcntl followed."""
    table = {}
    for macro, value in defined.items():
        if not macro.startswith("__NR_") or macro in ("__NR_syscalls", "__NR_arch_specific_syscall"):
            continue
        number = value
        while number in defined:
            number = defined[number]
        table[int(number, 0)] = macro.removeprefix("__NR_")
    return dict(sorted(table.items()))


def render(name: str, table: dict[int, str]) -> str:
    rows = "".join(f'    {number}: "{call}",\n' for number, call in sorted(table.items()))
    return f"{name}: dict[int, str] = {{\n{rows}}}\n"


def main() -> None:
    x86_64 = numbers(macros("asm/unistd_64.h")) | NEWER | NEWER_X86_64
    i386 = numbers(macros("asm/unistd_32.h")) | NEWER | I386_RENAMED | I386_SOCKETCALLS
    aarch64 = numbers(macros("asm-generic/unistd.h", *(f"-D__ARCH_WANT_{w}" for w in ARM64_WANTS))) | NEWER
    TARGET.write_text(
        '"""System call numbers. Made by scripts/make_syscall_tables.py; do not edit.\n\n'
        "Source: asm/unistd_64.h (X86_64), asm/unistd_32.h (I386), asm-generic/unistd.h with arm64 choices (AARCH64)\n"
        "of linux-libc-dev 6.1; calls from 451 on: scripts/syscall.tbl of Linux 6.18. I386 82 and 90 take a pointer\n"
        "to their arguments and are called old_select and old_mmap here; above 1000 are calls of socketcall(2) that have\n"
        'no number of their own.\n"""\n\n'
        + "\n".join(render(n, t) for n, t in (("X86_64", x86_64), ("I386", i386), ("AARCH64", aarch64))),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
