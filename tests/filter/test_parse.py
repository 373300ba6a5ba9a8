import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.errors import UsageFault
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
