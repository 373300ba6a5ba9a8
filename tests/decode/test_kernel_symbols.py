"""Addresses to functions: what /proc/kallsyms says, and nothing where it does not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wiretale.decode.kernel_symbols import Function, Symbols

KALLSYMS = b"""0000000000000000 A per_cpu_start
ffffffff81000000 T _text
ffffffff81000100 t __pfx_tcp_sendmsg
ffffffff81000110 T tcp_sendmsg
ffffffff81000110 t alias_of_tcp_sendmsg
ffffffff81000200 t never_returns
ffffffff81000300 T behind_it
ffffffff81000400 D a_variable
ffffffff81000500 T _etext
ffffffffc0001000 t veth_xmit\t[veth]
ffffffffc0002000 t bpf_prog_0123_on_tcp_probe\t[bpf]
"""


def named(*addresses: int) -> list[Function | None]:
    return Symbols(KALLSYMS).functions(np.array(addresses, np.uint64))


def test_a_return_address_lies_in_the_function_that_called() -> None:
    assert named(0xFFFFFFFF81000123) == [Function("tcp_sendmsg", "", 0x13)]


def test_the_call_before_the_address_decides() -> None:
    """A function that never returns may end with its call: the address is then the next function's first."""
    assert named(0xFFFFFFFF81000300) == [Function("never_returns", "", 0x100)]


def test_modules_and_programs_have_their_name() -> None:
    assert named(0xFFFFFFFFC0001010, 0xFFFFFFFFC0002010) == [
        Function("veth_xmit", "veth", 0x10),
        Function("bpf_prog_0123_on_tcp_probe", "bpf", 0x10),
    ]


def test_no_name_is_better_than_a_wrong_one() -> None:
    assert named(0, 0x1234, 0xFFFFFFFF80FFFFFF, 0xFFFFFFFF81000600) == [None] * 4
    assert Symbols(b"").functions(np.array([0xFFFFFFFF81000123], np.uint64)) == [None]


def test_addresses_that_the_kernel_hides_are_no_symbols() -> None:
    hidden = b"".join(b"0" * 16 + line[16:] + b"\n" for line in KALLSYMS.splitlines())
    assert len(Symbols(hidden)) == 0


@given(st.binary(max_size=300), st.lists(st.integers(0, (1 << 64) - 1), max_size=20))
def test_any_text_gives_names_or_none(text: bytes, addresses: list[int]) -> None:
    for extra in (b"", KALLSYMS):
        found = Symbols(text + extra).functions(np.array(addresses, np.uint64))
        assert len(found) == len(addresses)
        assert all(f is None or f.offset >= 0 for f in found)
