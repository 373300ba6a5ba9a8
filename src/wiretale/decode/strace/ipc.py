"""System V queues, semaphores and shared memory in strace's words."""

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address, strace
from wiretale.decode.strace.arrays import whole
from wiretale.decode.strace.style import Names
from wiretale.decode.struct_text import field_text, octal
from wiretale.decode.structs import Field, Value, struct_size, unpack
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_IPC_64, _IPC_SET = 0x100, 1
_HUGE_SHIFT, _HUGE_MASK = 26, 0x3F  # linux/shm.h
_GIVEN_PERM, _GIVEN = ("uid", "gid", "mode"), frozenset({"msg_perm", "sem_perm", "shm_perm", "msg_qbytes"})
_PERM_ORDER = ("uid", "gid", "mode", "key", "cuid", "cgid")


def _command(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    text = w.enum(arg.constants, value & ~_IPC_64)
    return f"{w.note('IPC_64', _IPC_64)}|{text}" if value & _IPC_64 else text


def _perm(w: Writer, value: list[tuple[Field, Value]], shown: tuple[str, ...]) -> str:
    pairs = {f.name: (f, v) for f, v in value}
    texts = {n: _perm_field(w, n, *pairs[n]) for n in shown if n in pairs}
    return "{" + ", ".join(f"{n}={text}" for n, text in texts.items()) + "}"


def _perm_field(w: Writer, name: str, field: Field, value: Value) -> str:
    if name == "key" and isinstance(value, int):
        return names.number(value & 0xFFFFFFFF)
    if name in ("uid", "gid", "cuid", "cgid"):
        return "-1" if value == 0xFFFFFFFF else str(value)
    return field_text(w, field, value)


def _control(w: Writer, index: int, arg: Arg) -> str:
    """The structure of a control call; of what is set only the fields that the kernel takes."""
    command = w.values[index - 1] & 0xFFFFFFFF
    sets = command & ~_IPC_64 == _IPC_SET
    if not arg.struct or (w.word == 4 and not command & _IPC_64):
        return address(w, index)
    data = whole(w, index, at_exit=not sets)
    if data is None or len(data) < struct_size(arg.struct, w.arch):
        return address(w, index)
    shown = []
    for field, value in unpack(arg.struct, w.arch, data):
        if sets and field.name not in _GIVEN:
            continue
        if field.nested == "ipc_perm":
            perm = _perm(w, unpack("ipc_perm", w.arch, data), _GIVEN_PERM if sets else _PERM_ORDER)
            shown.append(f"{field.name}={perm}")
        else:
            shown.append(f"{field.name}={field_text(w, field, value)}")
    if arg.struct == "shmid_ds" and not sets:
        shown += _shared_times(w, data)
    return "{" + ", ".join(shown) + "}"


def _shared_times(w: Writer, data: bytes) -> list[str]:
    size = struct_size("ipc_perm", w.arch) + w.word
    step = w.word if w.word == 8 else 2 * w.word  # 32-bit ones have their high halves behind them
    times = [int.from_bytes(data[at : at + w.word], "little", signed=True) for at in range(size, size + 3 * step, step)]
    return [f"shm_{name}={value}" for name, value in zip(("atime", "dtime", "ctime"), times, strict=True)]


def _key(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    return names.number(value) if value else w.note("IPC_PRIVATE", 0)


def _get_flags(table: str) -> Printer:
    """Flags and permissions; of shared memory also the size of a huge page, by its logarithm."""

    def text(w: Writer, index: int, arg: Arg) -> str:
        value = w.values[index] & 0xFFFFFFFF
        huge = value >> _HUGE_SHIFT & _HUGE_MASK if table == "shm_get" else 0
        flags, mode = value & ~0o777 & ~(huge << _HUGE_SHIFT), octal(value & 0o777)
        parts = [w.flags(table, flags).partition(" /* IPC_??? */")[0]] if flags else []
        return "|".join([*parts, *([f"{huge}<<{_shift(w)}"] if huge else []), mode])

    return text


def _shift(w: Writer) -> str:
    return {Names.RAW: "26", Names.VERBOSE: "26 /* SHM_HUGE_SHIFT */"}.get(strace(w).style.names, "SHM_HUGE_SHIFT")


def _message(*, out: bool) -> Printer:
    def text(w: Writer, index: int, arg: Arg) -> str:
        data = whole(w, index, at_exit=out)
        size = (w.call.retval or 0) if out else w.unsigned(w.values[2])
        datum = w.datum(index, "struct", at_exit=out)
        wanted = min(size, strace(w).style.strings + 1)
        if data is None or datum is None or len(data) < w.word + max(wanted, w.word):
            return address(w, index)
        kind = int.from_bytes(data[: w.word], "little", signed=True)
        return f"{{mtype={kind}, mtext={w.data(data[w.word : w.word + size], size)}}}"

    return text


_CONTROLS = ("msgctl", "semctl", "shmctl")
ARGUMENTS: dict[tuple[str, str], Printer] = {
    **{(name, "cmd"): _command for name in _CONTROLS},
    **{(name, "buf"): _control for name in _CONTROLS},
    ("semctl", "arg"): _control,
    **{(name, "key"): _key for name in ("msgget", "semget", "shmget")},
    ("msgget", "msgflg"): _get_flags("ipc_get"),
    ("semget", "semflg"): _get_flags("ipc_get"),
    ("shmget", "shmflg"): _get_flags("shm_get"),
    ("msgsnd", "msgp"): _message(out=False),
    ("msgrcv", "msgp"): _message(out=True),
}
