"""Calls that act on sockets. Source: section 2 of the manual; include/linux/syscalls.h."""

from wiretale.decode.syscalls._args import (
    BLOCKS,
    CHANGES_SOCKET,
    DESCRIPTOR,
    NETWORK,
    RECEIVES,
    SENDS,
    address_in,
    address_out,
    array_in,
    array_inout,
    array_out,
    call,
    data_in,
    data_out,
    enum,
    fd,
    flags,
    integer,
    size,
    socklen,
    struct_in,
    struct_inout,
    struct_out,
    unsigned,
)
from wiretale.decode.syscalls.spec import LINK, OUT, Arg, Call, Follow, Kind, Result

_LEVEL = enum("level", "sockopt_level")
_OPTION = enum("optname", "sockopt")  # which table depends on the level
_ACCEPT = (fd("sockfd"), address_out("addr", 2), socklen("addrlen"))
_RECVMMSG = (fd("sockfd"), Arg("msgvec", Kind.MMSGHDR_OUT, 2), integer("vlen"), flags("flags", "msg"))

_RING_OPCODE = enum("opcode", "io_uring_register")
_BEHIND = (Follow(".rest", 1, "@3"),)  # nr_args is the size, which may be one of a later version
_FILES = Follow("data", 4, "nr"), Follow("tags", 8, "nr"), *_BEHIND
_BUFFERS = Follow("data", 16, "nr"), Follow("tags", 8, "nr"), *_BEHIND
# what is given: the opcodes of io_uring_register that take it (linux/io_uring.h)
_RING = {
    array_in("arg", "iovec", length=3): (0,),
    array_in("arg", "int", length=3): (2, 4, 7),
    struct_in("arg", "io_uring_files_update", follows=(Follow("fds", 4, "@3"),)): (6,),
    struct_inout("arg", "io_uring_probe", follows=(Follow(".ops", 8, "@3"),)): (8,),
    array_in("arg", "io_uring_restriction", length=3): (11,),
    struct_in("arg", "io_uring_rsrc_register", follows=_FILES): (13,),
    struct_in("arg", "io_uring_rsrc_update2", follows=_FILES): (14,),
    struct_in("arg", "io_uring_rsrc_register", follows=_BUFFERS): (15,),
    struct_in("arg", "io_uring_rsrc_update2", follows=_BUFFERS): (16,),
    array_in("arg", "byte", length=3): (17,),
    array_inout("arg", "uint", length=3): (19,),
    array_in("arg", "io_uring_rsrc_update", length=3): (20, 21),
    struct_in("arg", "io_uring_buf_reg"): (22, 23),
}
_BPF_COMMAND = enum("cmd", "bpf_cmd")
# member of union bpf_attr, as bpf_fields.py calls it: the commands that use it (linux/bpf.h: enum bpf_cmd)
_BPF = {
    "map_create": (0,),
    "element": (1, 2, 3, 21),
    "next_key": (4,),
    "prog_load": (5,),
    "object": (6, 7),
    "attach": (8,),
    "detach": (9,),
    "test_run": (10,),
    "start_id": (11, 12, 23, 31),
    "prog_id": (13,),
    "map_id": (14,),
    "info": (15,),
    "query": (16,),
    "tracepoint": (17,),
    "btf_load": (18,),
    "btf_id": (19,),
    "task_query": (20,),
    "map": (22,),
    "batch": (24, 25, 26, 27),
    "link_create": (28,),
    "link_update": (29,),
    "link_id": (30,),
}
_BPF_KINDS = dict.fromkeys(("query", "start_id", "info"), Kind.STRUCT_INOUT)
_BPF_FOLLOWS = {
    "prog_load": (Follow("license"), Follow("log_buf", 1, "log_size"), Follow("insns", 8, "insn_cnt")),
    "object": (Follow("pathname"),),
    "tracepoint": (Follow("name"),),
    "btf_load": (Follow("btf", 1, "btf_size"),),
    "link_create": (
        Follow("_iter_info", 4, "_iter_info_len"),
        Follow("+24", 8, "+20", strings=True),  # syms, addrs, cookies of kprobe_multi
        Follow("+32", 8, "+20"),
        Follow("+40", 8, "+20"),
    ),
    "query": (Follow("prog_ids", 4, "prog_cnt"),),
    "info": (
        Follow("bpf_fd", struct=LINK, when=OUT),
        Follow("info", 1, "info_len"),
        # of a program; where something else lies instead, its kind says that these are not meant
        Follow("+24", 1, "+16", within="info", when=OUT),
        Follow("+32", 8, "+20", within="info", when=OUT),
        Follow("+56", 4, "+52", within="info", when=OUT),
    ),
}

CALLS: tuple[Call, ...] = (
    call(
        "socket",
        enum("domain", "family"),
        flags("type", "socket_type"),
        enum("protocol", "protocol"),  # which table depends on the domain
        result=Result.SOCKET,
        effects=(NETWORK,),
    ),
    call(
        "socketpair",
        enum("domain", "family"),
        flags("type", "socket_type"),
        enum("protocol", "protocol"),
        array_out("sv", "int", count=2),
        effects=(NETWORK,),
        sets_fds=3,
    ),
    call("bind", fd("sockfd"), address_in("addr", 2), integer("addrlen"), effects=(NETWORK, CHANGES_SOCKET)),
    call("connect", fd("sockfd"), address_in("addr", 2), integer("addrlen"), effects=(NETWORK, BLOCKS, CHANGES_SOCKET)),
    call("listen", fd("sockfd"), integer("backlog"), effects=(NETWORK, CHANGES_SOCKET)),
    call("accept", *_ACCEPT, result=Result.SOCKET, effects=(NETWORK, BLOCKS, CHANGES_SOCKET)),
    call(
        "accept4",
        *_ACCEPT,
        flags("flags", "socket_flags"),
        result=Result.SOCKET,
        effects=(NETWORK, BLOCKS, CHANGES_SOCKET),
    ),
    call("getsockname", fd("sockfd"), address_out("addr", 2), socklen("addrlen"), effects=(NETWORK,)),
    call("getpeername", fd("sockfd"), address_out("addr", 2), socklen("addrlen"), effects=(NETWORK,)),
    call(
        "sendto",
        fd("sockfd"),
        data_in("buf", 2),
        size("len"),
        flags("flags", "msg"),
        address_in("dest_addr", 5),
        integer("addrlen"),
        result=Result.BYTES,
        effects=(NETWORK, SENDS, BLOCKS, CHANGES_SOCKET),
    ),
    call(
        "recvfrom",
        fd("sockfd"),
        data_out("buf", 2),
        size("len"),
        flags("flags", "msg"),
        address_out("src_addr", 5),
        socklen("addrlen"),
        result=Result.BYTES,
        effects=(NETWORK, RECEIVES, BLOCKS),
    ),
    call(
        "send",  # through socketcall only
        fd("sockfd"),
        data_in("buf", 2),
        size("len"),
        flags("flags", "msg"),
        result=Result.BYTES,
        effects=(NETWORK, SENDS, BLOCKS),
    ),
    call(
        "recv",  # through socketcall only
        fd("sockfd"),
        data_out("buf", 2),
        size("len"),
        flags("flags", "msg"),
        result=Result.BYTES,
        effects=(NETWORK, RECEIVES, BLOCKS),
    ),
    call(
        "sendmsg",
        fd("sockfd"),
        Arg("msg", Kind.MSGHDR_IN),
        flags("flags", "msg"),
        result=Result.BYTES,
        effects=(NETWORK, SENDS, BLOCKS, CHANGES_SOCKET),
    ),
    call(
        "recvmsg",
        fd("sockfd"),
        Arg("msg", Kind.MSGHDR_OUT),
        flags("flags", "msg"),
        result=Result.BYTES,
        effects=(NETWORK, RECEIVES, BLOCKS),
    ),
    call(
        "sendmmsg",
        fd("sockfd"),
        Arg("msgvec", Kind.MMSGHDR_IN, 2),
        integer("vlen"),
        flags("flags", "msg"),
        effects=(NETWORK, SENDS, BLOCKS, CHANGES_SOCKET),
    ),
    call(
        "recvmmsg",
        *_RECVMMSG,
        struct_inout("timeout", "timespec"),
        effects=(NETWORK, RECEIVES, BLOCKS),
    ),
    call(
        "recvmmsg_time64",
        *_RECVMMSG,
        struct_inout("timeout", "timespec64"),
        effects=(NETWORK, RECEIVES, BLOCKS),
    ),
    call(
        "setsockopt",
        fd("sockfd"),
        _LEVEL,
        _OPTION,
        Arg("optval", Kind.OPTVAL_IN, 4, struct="sock_fprog", follows=(Follow("filter", 8, "len"),)),
        integer("optlen"),
        effects=(NETWORK,),
    ),
    call(
        "getsockopt",
        fd("sockfd"),
        _LEVEL,
        _OPTION,
        Arg("optval", Kind.OPTVAL_OUT, 4),
        socklen("optlen"),
        # After a connect that returned EINPROGRESS this is where the program, and so the tracer, learns of the end.
        effects=(NETWORK, CHANGES_SOCKET),
    ),
    call("shutdown", fd("sockfd"), enum("how", "shutdown"), effects=(NETWORK, CHANGES_SOCKET)),
    call(
        "socketcall",  # i386: the arguments of the named call stand in memory
        enum("call", "socketcall"),
        array_in("args", "ulong", count=6),
        effects=(NETWORK, SENDS, RECEIVES, BLOCKS),
    ),
    call(
        "getpmsg", fd(), *(Arg(n, Kind.POINTER) for n in ("ctlptr", "dataptr", "bandp", "flagsp")), effects=(NETWORK,)
    ),
    call(
        "putpmsg",
        fd(),
        Arg("ctlptr", Kind.POINTER),
        Arg("dataptr", Kind.POINTER),
        integer("band"),
        integer("flags"),
        effects=(NETWORK,),
    ),
    call(
        "setns",
        fd(),
        flags("nstype", "namespace"),
    ),
    call("sethostname", data_in("name", 1), unsigned("len")),
    call("setdomainname", data_in("name", 1), unsigned("len")),
    call("io_uring_setup", unsigned("entries"), struct_inout("params", "io_uring_params"), result=Result.FD),
    call(
        "io_uring_enter",
        fd(),
        unsigned("to_submit"),
        unsigned("min_complete"),
        flags("flags", "io_uring_enter"),
        struct_in("argp", "sigset"),
        size("argsz"),
        effects=(BLOCKS,),
    ),
    call(
        "io_uring_register",
        fd(),
        _RING_OPCODE,
        Arg("arg", Kind.POINTER),
        unsigned("nr_args"),
        variant_arg=1,
        variants={
            opcode: (fd(), _RING_OPCODE, arg, unsigned("nr_args"))
            for arg, opcodes in _RING.items()
            for opcode in opcodes
        },
    ),
    call(
        "bpf",
        _BPF_COMMAND,
        Arg("attr", Kind.POINTER),
        unsigned("size"),
        effects=(DESCRIPTOR,),
        variant_arg=0,
        variants={
            command: (
                _BPF_COMMAND,
                Arg(
                    "attr",
                    _BPF_KINDS.get(name, Kind.STRUCT_IN),
                    2,
                    struct=f"bpf_{name}",
                    follows=_BPF_FOLLOWS.get(name, ()),
                    on_error=name == "info",
                ),
                unsigned("size"),
            )
            for name, commands in _BPF.items()
            for command in commands
        },
    ),
    call(
        "seccomp",
        enum("operation", "seccomp"),
        flags("flags", "seccomp_flags"),
        Arg("args", Kind.POINTER),
        variant_arg=0,
        variants={
            1: (
                enum("operation", "seccomp"),
                flags("flags", "seccomp_flags"),
                struct_in("args", "sock_fprog", follows=(Follow("filter", 8, "len"),)),
            ),
            2: (enum("operation", "seccomp"), flags("flags", "seccomp_flags"), struct_in("action", "seccomp_ret")),
            3: (
                enum("operation", "seccomp"),
                flags("flags", "seccomp_flags"),
                struct_out("sizes", "seccomp_notif_sizes"),
            ),
        },
    ),
)
