"""Signals as they are delivered: siginfo_t to its fields, signal sets to names. Source: asm-generic/siginfo.h."""

import struct
from functools import lru_cache

from wiretale.decode.constants import number_text, signal_name, table
from wiretale.decode.structs import word_size
from wiretale.light import dataclass
from wiretale.model.enums import Arch

_HEAD = struct.Struct("<iii")
_SI_TIMER, _SI_SIGIO, _SI_KERNEL = -2, -5, 0x80
_SIGBUS, _MACHINE_CHECKS = 7, (4, 5)  # BUS_MCEERR_AR, BUS_MCEERR_AO
_SIGSEGV, _SEGV_BNDERR, _SEGV_PKUERR = 11, 3, 4
_CODE_TABLES = {4: "ill", 5: "trap", 7: "bus", 8: "fpe", 11: "segv", 17: "chld", 29: "poll", 31: "sys"}
_FAULTS = frozenset({4, 5, 7, 8, 11})
_CHILD_EXITED = 1
_SIGNALS = 64
SIGSET_BYTES = _SIGNALS // 8


@dataclass(frozen=True, slots=True)
class SigInfo:
    """One siginfo_t. `fields` are (name, text); sender_pid and sender_uid are None where it has none."""

    number: int
    code: int | None
    fields: tuple[tuple[str, str], ...]
    sender_pid: int | None = None
    sender_uid: int | None = None

    @property
    def name(self) -> str:
        """SIGINT and so on."""
        return signal_name(self.number)

    @property
    def text(self) -> str:
        """As strace writes it."""
        return "{" + ", ".join(f"{name}={text}" for name, text in self.fields) + "}"


def code_name(number: int, code: int) -> str:
    """SI_USER, CLD_EXITED and so on: positive codes below SI_KERNEL depend on the signal."""
    if 0 < code < _SI_KERNEL:
        kind = _CODE_TABLES.get(number)
        name = table(f"si_code_{kind}").get(code) if kind else None
        return name or number_text(code)
    return table("si_code_any").get(code) or number_text(code)


def decode_siginfo(data: bytes, arch: int = Arch.X86_64) -> SigInfo:
    """Read a siginfo_t of a task of `arch`; PTRACE_GETSIGINFO gives the tracer's own layout. Never raises."""
    if len(data) < _HEAD.size:
        number = int.from_bytes(data[:4], "little", signed=True) if len(data) >= 4 else 0
        return SigInfo(number, None, (("si_signo", signal_name(number)),) if len(data) >= 4 else ())
    number, error, code = _HEAD.unpack_from(data, 0)
    fields = [("si_signo", signal_name(number)), ("si_code", code_name(number, code))]
    if error:
        fields.append(("si_errno", str(error)))
    body = data[16 if word_size(arch) == 8 else 12 :]
    sender: tuple[int | None, int | None] = (None, None)
    if code == _SI_TIMER:
        fields += _read(body, ("si_timerid", "i"), ("si_overrun", "i"), _value(arch, "si_value"))
    elif number in _FAULTS and code > 0:
        fields += _fault(body, arch, number, code)
    elif code == _SI_SIGIO:
        fields += _io(body, arch)
    elif number == 31 and 0 < code < _SI_KERNEL:
        fields += _read(body, _value(arch, "si_call_addr"), ("si_syscall", "i"), ("si_arch", "I"))
    elif number == 29 and 0 < code < _SI_KERNEL:
        fields += _io(body, arch)
    elif number == 17 and 0 < code < _SI_KERNEL:
        sender = _sender(body)
        fields += _child(body, arch, code)
    elif code <= 0:
        sender = _sender(body)
        fields += _read(body, ("si_pid", "i"), ("si_uid", "I"))
        if code not in (0, -6):  # SI_USER and SI_TKILL carry no value
            fields += _read(body[8:], _value(arch, "si_value"))
    return SigInfo(number, code, tuple(fields), *sender)


def _value(arch: int, name: str) -> tuple[str, str]:
    return name, "Q" if word_size(arch) == 8 else "I"


def _read(body: bytes, *shape: tuple[str, str]) -> list[tuple[str, str]]:
    """Fields one after another, as far as the bytes reach; words of the task are hexadecimal."""
    fields = []
    offset = 0
    for name, code in shape:
        size = struct.calcsize(code)
        offset = -(-offset // size) * size
        if offset + size > len(body):
            break
        value: int = struct.unpack_from("<" + code, body, offset)[0]
        is_address = name in ("si_addr", "si_value", "si_call_addr", "si_arch", "si_lower", "si_upper")
        fields.append((name, (hex(value) if value else "NULL") if is_address else str(value)))
        offset += size
    return fields


def _io(body: bytes, arch: int) -> list[tuple[str, str]]:
    return _read(body, ("si_band", "q" if word_size(arch) == 8 else "i"), ("si_fd", "i"))


def _fault(body: bytes, arch: int, number: int, code: int) -> list[tuple[str, str]]:
    """Where, and what some codes say beyond that."""
    address = _value(arch, "si_addr")
    fields, rest = _read(body, address), body[2 * word_size(arch) :]
    if number == _SIGBUS and code in _MACHINE_CHECKS:
        lsb = body[word_size(arch) : word_size(arch) + 2]
        return [*fields, ("si_addr_lsb", hex(int.from_bytes(lsb, "little")))]
    if number == _SIGSEGV and code == _SEGV_BNDERR:
        return fields + _read(rest, _value(arch, "si_lower"), _value(arch, "si_upper"))
    return fields + _read(rest, ("si_pkey", "I")) if number == _SIGSEGV and code == _SEGV_PKUERR else fields


def _child(body: bytes, arch: int, code: int) -> list[tuple[str, str]]:
    clock = "q" if word_size(arch) == 8 else "i"
    fields = _read(body, ("si_pid", "i"), ("si_uid", "I"), ("si_status", "i"), ("si_utime", clock), ("si_stime", clock))
    if code == _CHILD_EXITED:
        return fields
    return [(name, signal_name(int(text)) if name == "si_status" else text) for name, text in fields]


def _sender(body: bytes) -> tuple[int | None, int | None]:
    if len(body) < 8:
        return None, None
    pid, uid = struct.unpack_from("<iI", body, 0)
    return pid, uid


@lru_cache(maxsize=1024)
def signal_set(mask: int) -> str:
    """[INT TERM]; a set with most signals in it by what it lacks: ~[KILL STOP]."""
    mask &= (1 << _SIGNALS) - 1
    inverted = mask.bit_count() * 3 > _SIGNALS * 2
    shown = ~mask if inverted else mask
    names = [signal_name(n + 1).removeprefix("SIG") for n in range(_SIGNALS) if shown >> n & 1]
    return ("~[" if inverted else "[") + " ".join(names) + "]"
