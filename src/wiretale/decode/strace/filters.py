"""Classic BPF programs in strace's words. Sources: linux/bpf_common.h, linux/filter.h, linux/seccomp.h."""

import struct

from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.writer import pointer_text

_SIZE, _MOST = 8, 4096  # sizeof(struct sock_filter), BPF_MAXINSNS
_CLASSES = ("BPF_LD", "BPF_LDX", "BPF_ST", "BPF_STX", "BPF_ALU", "BPF_JMP", "BPF_RET", "BPF_MISC")
_SIZES = {0: "BPF_W", 8: "BPF_H", 16: "BPF_B"}
_MODES = {0: "BPF_IMM", 0x20: "BPF_ABS", 0x40: "BPF_IND", 0x60: "BPF_MEM", 0x80: "BPF_LEN", 0xA0: "BPF_MSH"}
_ALU = (
    "BPF_ADD", "BPF_SUB", "BPF_MUL", "BPF_DIV", "BPF_OR", "BPF_AND", "BPF_LSH", "BPF_RSH", "BPF_NEG", "BPF_MOD",
    "BPF_XOR",
)  # fmt: skip
_JUMPS = ("BPF_JA", "BPF_JEQ", "BPF_JGT", "BPF_JGE", "BPF_JSET")
_RETURNS = {0: "BPF_K", 8: "BPF_X", 16: "BPF_A"}
_MISC = {0: "BPF_TAX", 0x80: "BPF_TXA"}
_ANCILLARY, _NETWORK, _LINK = 0xFFFFF000, 0xFFF00000, 0xFFE00000  # SKF_AD_OFF, SKF_NET_OFF, SKF_LL_OFF
_ANCILLARIES = (
    "PROTOCOL", "PKTTYPE", "IFINDEX", "NLATTR", "NLATTR_NEST", "MARK", "QUEUE", "HATYPE", "RXHASH", "CPU",
    "ALU_XOR_X", "VLAN_TAG", "VLAN_TAG_PRESENT", "PAY_OFFSET", "RANDOM", "VLAN_TPID",
)  # fmt: skip
_ACTIONS = {
    0x80000000: "SECCOMP_RET_KILL_PROCESS", 0: "SECCOMP_RET_KILL_THREAD", 0x30000: "SECCOMP_RET_TRAP",
    0x50000: "SECCOMP_RET_ERRNO", 0x7FC00000: "SECCOMP_RET_USER_NOTIF", 0x7FF00000: "SECCOMP_RET_TRACE",
    0x7FFC0000: "SECCOMP_RET_LOG", 0x7FFF0000: "SECCOMP_RET_ALLOW",
}  # fmt: skip


def _number(value: int) -> str:
    return hex(value) if value else "0"


def _rest(value: int) -> str:
    return f"|{value:#x} /* BPF_??? */" if value else ""


def _named(w: StraceWriter, table: dict[int, str], value: int) -> str:
    return w.note(table.get(value) or "BPF_???", value) if value in table else f"{value:#x} /* BPF_??? */"


def _code(w: StraceWriter, code: int) -> str:
    """The parts of an operation, by its class."""
    kind = code & 7
    name = w.note(_CLASSES[kind], kind)
    if kind in (0, 1):
        return f"{name}|{_named(w, _SIZES, code & 0x18)}|{_named(w, _MODES, code & 0xE0)}{_rest(code & ~0xFF)}"
    if kind in (4, 5):
        operations = {place << 4: label for place, label in enumerate(_ALU if kind == 4 else _JUMPS)}
        source = w.note("BPF_X" if code & 8 else "BPF_K", code & 8)
        return f"{name}|{source}|{_named(w, operations, code & 0xF0)}{_rest(code & ~0xFF)}"
    if kind == 6:
        return f"{name}|{_named(w, _RETURNS, code & 0x18)}{_rest(code & ~0x1F)}"
    if kind == 7:
        return f"{name}|{_named(w, _MISC, code & 0xF8)}{_rest(code & ~0xFF)}"
    return f"{name}{_rest(code & ~7)}"


def _offset(w: StraceWriter, value: int) -> str:
    """Where a load begins: parts of the kernel's own have negative places."""
    if value >= _ANCILLARY:
        place = (value - _ANCILLARY) // 4
        exact = not value & 3 and place < len(_ANCILLARIES)
        rest = value - _ANCILLARY
        inner = w.note(f"SKF_AD_{_ANCILLARIES[place]}", rest) if exact else _number(rest)
        return f"{w.note('SKF_AD_OFF', _ANCILLARY)}+{inner}"
    if value >= _NETWORK:
        return f"{w.note('SKF_NET_OFF', _NETWORK)}+{value - _NETWORK}"
    return f"{w.note('SKF_LL_OFF', _LINK)}+{value - _LINK}" if value >= _LINK else _number(value)


def _action(w: StraceWriter, value: int) -> str:
    """What a seccomp filter answers: an action and its data."""
    action, data = value & 0xFFFF0000, value & 0xFFFF
    name = _ACTIONS.get(action)
    if name is None:
        return f"{action:#x} /* SECCOMP_RET_??? */" + (f"|{data:#x}" if data else "")
    return w.note(name, action) + (f"|{data:#x}" if data else "")


def _statement(w: StraceWriter, code: int, jump_true: int, jump_false: int, value: int, *, seccomp: bool) -> str:
    if code & 7 == 6 and seccomp and code & 0x18 == 0:
        text = _action(w, value)
    elif code & 7 in (0, 1) and not seccomp and code & 0xE0 in (0x20, 0x40):
        text = _offset(w, value)
    else:
        text = _number(value)
    if jump_true or jump_false:
        return f"BPF_JUMP({_code(w, code)}, {text}, {_number(jump_true)}, {_number(jump_false)})"
    return f"BPF_STMT({_code(w, code)}, {text})"


def program(w: StraceWriter, data: bytes, count: int, address: int, *, seccomp: bool = False) -> str:
    """The instructions, as far as they could be read."""
    shown = [
        _statement(w, *fields, seccomp=seccomp)
        for fields in struct.iter_unpack("<HBBI", data[: min(len(data) // _SIZE, _MOST) * _SIZE])
    ]
    if not shown:
        return pointer_text(address)
    if len(shown) < min(count, _MOST):
        shown.append(f"... /* {address + len(shown) * _SIZE:#x} */")
    elif count > _MOST:
        shown.append("...")
    return f"[{', '.join(shown)}]"


def program_of(w: StraceWriter, index: int, header: bytes, *, seccomp: bool = False) -> str:
    """struct sock_fprog, with its instructions where structures are shown whole."""
    if len(header) < 2 * w.word:
        return pointer_text(w.unsigned(w.values[index]))
    count = int.from_bytes(header[:2], "little")
    address = int.from_bytes(header[w.word : 2 * w.word], "little")
    text = pointer_text(address)
    if not w.brief and address and not count:
        text = "[]"
    elif not w.brief and address:
        followed = w.datum(index, "struct", at_exit=False, idx=1 + w.word)
        text = program(w, followed.bytes if followed is not None else b"", count, address, seccomp=seccomp)
    return f"{{len={count}, filter={text}}}"


# -- instructions of eBPF --------------------------------------------------------------------------------------------

_EXTENDED = ("BPF_LD", "BPF_LDX", "BPF_ST", "BPF_STX", "BPF_ALU", "BPF_JMP", "BPF_JMP32", "BPF_ALU64")
_EXTENDED_SIZES = {**_SIZES, 0x18: "BPF_DW"}
_EXTENDED_MODES = {0: "BPF_IMM", 0x20: "BPF_ABS", 0x40: "BPF_IND", 0x60: "BPF_MEM", 0xC0: "BPF_XADD"}
_EXTENDED_ALU = (*_ALU, "BPF_MOV", "BPF_ARSH", "BPF_END")
_EXTENDED_JUMPS = (
    *_JUMPS, "BPF_JNE", "BPF_JSGT", "BPF_JSGE", "BPF_CALL", "BPF_EXIT", "BPF_JLT", "BPF_JLE", "BPF_JSLT", "BPF_JSLE",
)  # fmt: skip
_REGISTERS = 11  # MAX_BPF_REG of linux/bpf.h
_JUMPS_32 = 6
_LOADS, _ALU_CLASSES = frozenset({0, 1, 2, 3}), frozenset({4, 7})


def _extended_code(w: StraceWriter, code: int) -> str:
    kind = code & 7
    name = w.note(_EXTENDED[kind], kind)
    if kind in _LOADS:
        return f"{name}|{_named(w, _EXTENDED_SIZES, code & 0x18)}|{_named(w, _EXTENDED_MODES, code & 0xE0)}"
    if kind == _JUMPS_32:  # its parts have no names in strace
        return name + _rest(code & ~7)
    operations = _EXTENDED_ALU if kind in _ALU_CLASSES else _EXTENDED_JUMPS
    source = w.note("BPF_X" if code & 8 else "BPF_K", code & 8)
    known = {place << 4: label for place, label in enumerate(operations)}
    return f"{name}|{source}|{_named(w, known, code & 0xF0)}"


def _register(w: StraceWriter, number: int) -> str:
    return w.note(f"BPF_REG_{number}", number) if number < _REGISTERS else f"{number:#x} /* BPF_REG_??? */"


def instruction(w: StraceWriter, data: bytes) -> str:
    """struct bpf_insn of linux/bpf.h."""
    code, registers, offset, value = struct.unpack("<BBhI", data)
    shown = f"code={_extended_code(w, code)}, dst_reg={_register(w, registers & 15)}"
    return f"{{{shown}, src_reg={_register(w, registers >> 4)}, off={offset}, imm={_number(value)}}}"
