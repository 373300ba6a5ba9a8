"""The filter stops exactly the selected calls."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.decode.syscalls import call_spec, table
from wiretale.model.enums import Arch
from wiretale.record.ptrace import selection
from wiretale.record.ptrace.selection import is_selected, seccomp_filter

ALLOW, TRACE = 0x7FFF0000, 0x7FF00000


def run_filter(program: bytes, arch: int, number: int) -> int:
    """What the kernel's interpreter answers (linux/filter.h), for the instructions used here."""
    code = [struct.unpack_from("=HBBI", program, i) for i in range(0, len(program), 8)]
    at = accumulator = 0
    while True:
        opcode, when_true, when_false, k = code[at]
        at += 1
        if opcode == 0x20:
            accumulator = {0: number & 0xFFFFFFFF, 4: arch}[k]
        elif opcode == 0x05:
            at += k
        elif opcode == 0x15:
            at += when_true if accumulator == k else when_false
        elif opcode == 0x35:
            at += when_true if accumulator >= k else when_false
        else:
            assert opcode == 0x06
            return int(k)


@pytest.mark.parametrize("arch", [Arch.X86_64, Arch.I386])
def test_the_filter_stops_exactly_the_selected_calls(arch: Arch) -> None:
    program = seccomp_filter((Arch.X86_64, Arch.I386))
    selected = {n for n, name in table(arch).items() if (c := call_spec(name, arch)) and is_selected(c)}
    assert selected and len(program) // 8 < 4096  # BPF_MAXINSNS of linux/bpf_common.h
    for number in range(600):
        assert (run_filter(program, arch, number) == TRACE) == (number in selected), number


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_the_filter_answers_for_every_number(arch: int, number: int) -> None:
    program = seccomp_filter((Arch.X86_64, Arch.I386))
    answer = run_filter(program, arch, number)
    assert answer == ALLOW or (answer == TRACE and arch in (Arch.X86_64, Arch.I386))


@given(st.sets(st.integers(0, 3000)))
def test_any_set_of_numbers_becomes_its_filter(numbers: set[int]) -> None:
    search = selection._search(selection._borders(sorted(numbers)), traced=False)
    program = b"".join(struct.pack("=HBBI", *i) for i in [(0x20, 0, 0, 0), *search])
    for number in {*range(0, 3002, 7), *numbers, *(n + 1 for n in numbers)}:
        assert (run_filter(program, 0, number) == TRACE) == (number in numbers)
