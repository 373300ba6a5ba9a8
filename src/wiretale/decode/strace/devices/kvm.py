"""Requests to virtual machines: registers, and what processors can do; without -v the first of them.

Sources: linux/kvm.h, asm/kvm.h.
"""

from wiretale.decode.strace.devices.forms import Form, Given, Struct, braces, elements
from wiretale.decode.structs import struct_size

LEAST: dict[str, int] = {}
_CALLS = ("rsp", "rbp")
_FIRST, _LAST = ("rax",), ("rip", "rflags")


def _registers(given: Given) -> str:
    values = given.only
    if not given.w.brief:
        return str(values)
    return braces(values.texts(*_FIRST), ["..."], values.texts(*_CALLS), ["..."], values.texts(*_LAST))


def _segments(given: Given) -> str:
    values = given.only
    return braces(values.texts("cs"), ["..."]) if given.w.brief else str(values)


def _processor(given: Given, *, asked: bool) -> str:
    """Entries of CPUID: those given, or those that the kernel has written."""
    if asked and given.after is None:
        return given.address
    values = given.last if asked else given.first
    count = values["nent"]
    if given.w.brief:
        return braces(values.texts("nent"), [f"entries=[{'...' if count else ''}]"])
    size, head = struct_size("kvm_entry", given.w.arch), len(values.data)
    found = given.w.datum(given.index, "struct", at_exit=asked, idx=1 + head)
    entries = elements(
        given.w,
        b"" if found is None else found.bytes,
        given.w.unsigned(given.w.values[given.index]) + head,
        lambda data: str(Struct(given.w, "kvm_entry", data)),
        count=count,
        size=size,
    )
    return braces(values.texts("nent"), [f"entries={entries}"])


FORMS: dict[str, Form] = {
    "kvm_regs": _registers,
    "kvm_sregs": _segments,
    "kvm_cpuid": lambda given: _processor(given, asked=False),
    "kvm_asked_cpuid": lambda given: _processor(given, asked=True),
}
