"""What ran out is a sentence with a way out, whichever exception says it."""

import errno

import pytest

from wiretale.errors import SHORTAGES, Exit, mistake, shortage


@pytest.mark.parametrize("number", SHORTAGES)
def test_every_shortage_names_a_remedy(number: int) -> None:
    found = shortage(OSError(number, "text", "a file"))
    if number == errno.EAGAIN:  # BlockingIOError: nothing ran out, something would block
        assert found is None
        return
    assert found is not None
    assert found.exit_code == Exit.RESOURCE
    assert "a file" in found.message
    assert found.hint


def test_what_python_calls_otherwise_is_known() -> None:
    for fault in (MemoryError(), RuntimeError("can't start new thread")):
        found = shortage(fault)
        assert found is not None
        assert found.hint
    assert shortage(RuntimeError("another")) is None
    assert shortage(FileNotFoundError(errno.ENOENT, "text")) is None


def test_a_mistake_names_what_was_raised() -> None:
    fault = mistake(KeyError("x"))
    assert fault.exit_code == Exit.INTERNAL
    assert "KeyError" in fault.message
