"""Calls about memory, and System V shared memory, semaphores and queues. Source: section 2 of the manual."""

from wiretale.decode.syscalls._args import (
    BLOCKS,
    array_in,
    call,
    enum,
    fd,
    flags,
    hexadecimal,
    integer,
    long,
    pid,
    pointer,
    size,
    struct_in,
    ulong,
    unsigned,
)
from wiretale.decode.syscalls.spec import Arg, Call, Kind, Result

_ADDR = Arg("addr", Kind.POINTER)
_LENGTH = size("length")
_PROT = flags("prot", "mmap_prot")
_MAP = (_ADDR, _LENGTH, _PROT, flags("flags", "mmap_flags"), fd())
_IPC_KEY = Arg("key", Kind.HEX)

CALLS: tuple[Call, ...] = (
    call("brk", pointer("addr"), result=Result.HEX),
    call("mmap", *_MAP, hexadecimal("offset"), result=Result.HEX),
    call("mmap2", *_MAP, hexadecimal("pgoffset"), result=Result.HEX),
    call("old_mmap", array_in("args", "ulong", count=6), result=Result.HEX),
    call("munmap", _ADDR, _LENGTH),
    call("mprotect", _ADDR, size("len"), _PROT),
    call("pkey_mprotect", _ADDR, size("len"), _PROT, integer("pkey")),
    call("pkey_alloc", unsigned("flags"), hexadecimal("access_rights")),
    call("pkey_free", integer("pkey")),
    call(
        "mremap",
        pointer("old_address"),
        size("old_size"),
        size("new_size"),
        flags("flags", "mremap"),
        pointer("new_address"),
        result=Result.HEX,
    ),
    call("remap_file_pages", _ADDR, size("size"), _PROT, size("pgoff"), flags("flags", "mmap_flags")),
    call("msync", _ADDR, _LENGTH, flags("flags", "msync")),
    call("madvise", _ADDR, _LENGTH, enum("advice", "madvise")),
    call("mincore", _ADDR, _LENGTH, pointer("vec")),
    call("mlock", _ADDR, size("len")),
    call("mlock2", _ADDR, size("len"), flags("flags", "mlock")),
    call("munlock", _ADDR, size("len")),
    call("mlockall", flags("flags", "mlockall")),
    call("munlockall"),
    call("mseal", _ADDR, size("len"), hexadecimal("flags")),
    call(
        "mbind",
        _ADDR,
        size("len"),
        enum("mode", "mempolicy"),
        pointer("nodemask"),
        ulong("maxnode"),
        hexadecimal("flags"),
    ),
    call("set_mempolicy", enum("mode", "mempolicy"), pointer("nodemask"), ulong("maxnode")),
    call(
        "get_mempolicy",
        pointer("mode"),
        pointer("nodemask"),
        ulong("maxnode"),
        _ADDR,
        flags("flags", "mempolicy_flags"),
    ),
    call("set_mempolicy_home_node", hexadecimal("start"), size("len"), ulong("home_node"), hexadecimal("flags")),
    call("migrate_pages", pid(), ulong("maxnode"), pointer("old_nodes"), pointer("new_nodes")),
    call(
        "move_pages",
        pid(),
        ulong("count"),
        pointer("pages"),
        pointer("nodes"),
        pointer("status"),
        flags("flags", "mempolicy_move"),
    ),
    # System V
    call("shmget", _IPC_KEY, size("size"), flags("shmflg", "ipc_get")),
    call("shmat", integer("shmid"), pointer("shmaddr"), hexadecimal("shmflg"), result=Result.HEX),
    call("shmdt", pointer("shmaddr")),
    call("shmctl", integer("shmid"), flags("cmd", "ipc_cmd"), pointer("buf")),
    call("semget", _IPC_KEY, integer("nsems"), flags("semflg", "ipc_get")),
    call("semop", integer("semid"), array_in("sops", "sembuf", length=2), size("nsops"), effects=(BLOCKS,)),
    *(
        call(
            f"semtimedop{suffix}",
            integer("semid"),
            array_in("sops", "sembuf", length=2),
            size("nsops"),
            struct_in("timeout", timespec),
            effects=(BLOCKS,),
        )
        for suffix, timespec in (("", "timespec"), ("_time64", "timespec64"))
    ),
    call("semctl", integer("semid"), integer("semnum"), flags("cmd", "sem_cmd"), hexadecimal("arg")),
    call("msgget", _IPC_KEY, flags("msgflg", "ipc_get")),
    call("msgsnd", integer("msqid"), pointer("msgp"), size("msgsz"), flags("msgflg", "ipc_get"), effects=(BLOCKS,)),
    call(
        "msgrcv",
        integer("msqid"),
        pointer("msgp"),
        size("msgsz"),
        long("msgtyp"),
        flags("msgflg", "ipc_get"),
        result=Result.BYTES,
        effects=(BLOCKS,),
    ),
    call("msgctl", integer("msqid"), flags("cmd", "ipc_cmd"), pointer("buf")),
    call(
        "ipc",
        integer("call"),
        long("first"),
        long("second"),
        hexadecimal("third"),
        pointer("ptr"),
        long("fifth"),
        effects=(BLOCKS,),
    ),
)
