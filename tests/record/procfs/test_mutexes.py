"""Only what fits in every field is a mutex of glibc with an owner."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.record.procfs.mutexes import SIZE, Mutex, mutex_at

FUTEX_PRIVATE, FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_LOCK_PI = 128, 0, 1, 9, 6
WAITERS = 1 << 31
NORMAL = (2, 0, 77, 1, 0)


def at(fields: tuple[int, ...], flags: int = FUTEX_PRIVATE, expected: int | None = None) -> Mutex | None:
    return mutex_at(struct.pack("<IIiIi", *fields), flags, fields[0] if expected is None else expected)


@pytest.mark.parametrize(("fields", "flags", "kind"), [
    (NORMAL, FUTEX_PRIVATE | FUTEX_WAIT, "normal"),
    (NORMAL, FUTEX_PRIVATE | FUTEX_WAIT_BITSET | 256, "normal"),
    ((2, 3, 77, 1, 1), FUTEX_WAIT, "recursive"),
    ((2, 0, 77, 2, 2), FUTEX_WAIT, "error-checking"),
    ((2, 0, 77, 1, 3), FUTEX_WAIT, "adaptive"),
    ((77 | WAITERS, 1, 77, 1, 16), FUTEX_WAIT, "robust normal"),
    ((77 | WAITERS, 1, 77, 1, 32), FUTEX_LOCK_PI | FUTEX_PRIVATE, "normal"),
])  # fmt: skip
def test_the_owner_of_each_kind(fields: tuple[int, ...], flags: int, kind: str) -> None:
    assert at(fields, flags) == Mutex(77, kind)


@pytest.mark.parametrize("fields", [
    (0, 0, 77, 1, 0), (1, 0, 77, 1, 0), (2, 1, 77, 1, 0), (2, 0, 0, 1, 0), (2, 0, -5, 1, 0), (2, 0, 77, 0, 0),
    (2, 0, 77, 1, 4), (2, 0, 77, 1, 1), (2, 0, 77, 1, 1024), (78 | WAITERS, 1, 77, 1, 16), (2, 1, 77, 1, 32),
])  # fmt: skip
def test_one_field_that_does_not_fit_is_enough(fields: tuple[int, ...]) -> None:
    assert at(fields) is None


def test_the_word_must_be_what_the_call_waits_for() -> None:
    assert at(NORMAL, expected=1) is None
    assert at(NORMAL, FUTEX_WAKE) is None


@given(st.binary(max_size=SIZE * 2), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_any_bytes_are_a_mutex_or_none(memory: bytes, flags: int, expected: int) -> None:
    found = mutex_at(memory, flags, expected)
    assert found is None or found.owner > 0
