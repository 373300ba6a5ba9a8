"""Calls about memory, and System V shared memory, semaphores and queues. Source: section 2 of the manual."""

from wiretale.decode.syscalls._args import (
    BLOCKS,
    array_in,
    array_inout,
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
    struct_out,
    ulong,
    unsigned,
    wide_flags,
)
from wiretale.decode.syscalls.spec import Arg, Call, Kind, Result

_ADDR = Arg("addr", Kind.POINTER)
_LENGTH = size("length")
_PROT = flags("prot", "mmap_prot")
_MAP = (_ADDR, _LENGTH, _PROT, flags("flags", "mmap_flags"), fd())
_IPC_KEY = Arg("key", Kind.HEX)

_SHMCTL = (integer("shmid"), flags("cmd", "shm_cmd"))
_MSGCTL = (integer("msqid"), flags("cmd", "msg_cmd"))
_SEMCTL = (integer("semid"), integer("semnum"), flags("cmd", "sem_cmd"))
_IPC_64, _IPC_SET = 0x100, 1  # linux/ipc.h
# Which structure a command moves. Sources: linux/ipc.h, linux/msg.h, linux/sem.h, linux/shm.h.
_MSG_STRUCTS = {1: "msqid_ds", 2: "msqid_ds", 3: "msginfo", 11: "msqid_ds", 12: "msginfo", 13: "msqid_ds"}
_SEM_STRUCTS = {1: "semid_ds", 2: "semid_ds", 3: "seminfo", 18: "semid_ds", 19: "seminfo", 20: "semid_ds"}
_SHM_STRUCTS = {1: "shmid_ds", 2: "shmid_ds", 3: "shminfo", 13: "shmid_ds", 14: "shm_info", 15: "shmid_ds"}


def _controls(head: tuple[Arg, ...], name: str, structs: dict[int, str]) -> dict[int, tuple[Arg, ...]]:
    """The arguments of a control call by its command, with and without IPC_64."""
    found: dict[int, tuple[Arg, ...]] = {}
    for command, struct in structs.items():
        arg = struct_in(name, struct) if command == _IPC_SET else struct_out(name, struct)
        found[command] = found[command | _IPC_64] = (*head, arg)
    return found


CALLS: tuple[Call, ...] = (
    call("brk", pointer("addr"), result=Result.HEX),
    call("mmap", *_MAP, hexadecimal("offset"), result=Result.HEX),
    call("mmap2", *_MAP, hexadecimal("pgoffset"), result=Result.HEX),
    call("old_mmap", array_in("args", "ulong", count=6), result=Result.HEX),
    call("munmap", _ADDR, _LENGTH),
    call("mprotect", _ADDR, size("len"), _PROT),
    call("pkey_mprotect", _ADDR, size("len"), wide_flags("prot", "mmap_prot"), integer("pkey")),
    call("pkey_alloc", hexadecimal("flags"), wide_flags("access_rights", "pkey_access")),
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
    call(
        "remap_file_pages",
        _ADDR,
        size("size"),
        wide_flags("prot", "mmap_prot"),
        size("pgoff"),
        flags("flags", "mmap_flags"),
    ),
    call("msync", _ADDR, _LENGTH, flags("flags", "msync")),
    call("madvise", _ADDR, _LENGTH, enum("advice", "madvise")),
    call("mincore", _ADDR, _LENGTH, Arg("vec", Kind.PAGES_OUT, 1)),
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
        Arg("nodemask", Kind.BITS_IN, 4),
        ulong("maxnode"),
        flags("flags", "mempolicy_move"),
    ),
    call("set_mempolicy", enum("mode", "mempolicy"), Arg("nodemask", Kind.BITS_IN, 2), ulong("maxnode")),
    call(
        "get_mempolicy",
        struct_out("mode", "memory_policy"),
        Arg("nodemask", Kind.BITS_OUT, 2),
        ulong("maxnode"),
        _ADDR,
        flags("flags", "mempolicy_flags"),
    ),
    call("set_mempolicy_home_node", hexadecimal("start"), size("len"), ulong("home_node"), hexadecimal("flags")),
    call(
        "migrate_pages", pid(), ulong("maxnode"), Arg("old_nodes", Kind.BITS_IN, 1), Arg("new_nodes", Kind.BITS_IN, 1)
    ),
    call(
        "move_pages",
        pid(),
        ulong("count"),
        array_in("pages", "address", length=1),
        array_in("nodes", "int", length=1),
        array_inout("status", "int", length=1),
        flags("flags", "move_pages"),
    ),
    # System V
    call("shmget", _IPC_KEY, size("size"), flags("shmflg", "ipc_get")),
    call("shmat", integer("shmid"), pointer("shmaddr"), flags("shmflg", "shmat"), result=Result.HEX),
    call("shmdt", pointer("shmaddr")),
    call("shmctl", *_SHMCTL, pointer("buf"), variant_arg=1, variants=_controls(_SHMCTL, "buf", _SHM_STRUCTS)),
    call("semget", _IPC_KEY, integer("nsems"), flags("semflg", "ipc_get")),
    call("semop", integer("semid"), array_in("sops", "sembuf", length=2), unsigned("nsops"), effects=(BLOCKS,)),
    *(
        call(
            f"semtimedop{suffix}",
            integer("semid"),
            array_in("sops", "sembuf", length=2),
            unsigned("nsops"),
            struct_in("timeout", timespec),
            effects=(BLOCKS,),
        )
        for suffix, timespec in (("", "timespec"), ("_time64", "timespec64"))
    ),
    call("semctl", *_SEMCTL, pointer("arg"), variant_arg=2, variants=_controls(_SEMCTL, "arg", _SEM_STRUCTS)),
    call("msgget", _IPC_KEY, flags("msgflg", "ipc_get")),
    call(
        "msgsnd",
        integer("msqid"),
        Arg("msgp", Kind.MESSAGE_IN, 2),
        size("msgsz"),
        flags("msgflg", "ipc_message"),
        effects=(BLOCKS,),
    ),
    call(
        "msgrcv",
        integer("msqid"),
        Arg("msgp", Kind.MESSAGE_OUT, 2),
        size("msgsz"),
        long("msgtyp"),
        flags("msgflg", "ipc_message"),
        result=Result.BYTES,
        effects=(BLOCKS,),
    ),
    call("msgctl", *_MSGCTL, pointer("buf"), variant_arg=1, variants=_controls(_MSGCTL, "buf", _MSG_STRUCTS)),
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
