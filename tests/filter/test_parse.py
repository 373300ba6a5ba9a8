# ruff: noqa: E501 (tables of filters)
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.errors import UsageFault
from wiretale.filter.compile import compile_filter
from wiretale.filter.parse import fault_at, parse


@given(st.text(max_size=200), st.integers(0, 250), st.integers(0, 50))
def test_the_shown_filter_is_one_safe_line_with_carets_inside(text, position, length):
    message = fault_at(text, min(position, len(text)), length, "x").message.split("\n")
    assert len(message) == 3
    assert message[1].isprintable()
    assert message[2].count("^") == 1


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_filter_is_a_mistake(text):
    with pytest.raises(UsageFault, match="empty"):
        parse(text)


def test_a_filter_longer_than_any_typed_one_is_refused():
    with pytest.raises(UsageFault, match="characters"):
        parse("a" * 10_001)


def test_a_long_word_does_not_fill_the_screen():
    with pytest.raises(UsageFault) as caught:
        compile_filter("a-" * 4000)
    assert max(len(line) for line in caught.value.message.split("\n")) < 120


# Each is close to the longest filter there may be, or nests as deep as it may; all must be answered at once.
@pytest.mark.parametrize(
    "text",
    [
        "tcp.len == 1 or " * 600 + "tcp", f"tcp.port in {{{', '.join(map(str, range(1, 1600)))}}}", "1 + " * 90 + "tcp.port == 4",
        " + ".join(["tcp.port"] * 20) + " == 1", "frame[0:9]" + "[0:3]" * 90 + " == 1", "(" * 4900 + "tcp" + ")" * 4900,
        "'" * 9999, "!" * 95 + "tcp", "-" * 95 + "tcp.len == 1", "{" * 9000, "max(" * 3000, "a[" * 4000, "tcp.port == 1 or " * 580 + "tcp",
    ],
)  # fmt: skip
def test_no_filter_takes_long_to_read(text):
    began = time.process_time()
    try:
        compile_filter(text)
    except UsageFault as fault:
        assert len(fault.message) < 400
    assert time.process_time() - began < 5
