import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.filter.quoted import BadEscapeError, character, quoted
from wiretale.filter.syntax import Place

HERE = Place(0, 1)


@given(st.binary(max_size=40))
def test_any_bytes_can_be_written(data):
    for spelling in ("\\x{:02x}", "\\{:03o}"):
        assert quoted(HERE, '"' + "".join(spelling.format(b) for b in data) + '"').data == data


@pytest.mark.parametrize(
    ("written", "data"),
    [
        ('"a\\n\\t\\\\\\"b"', b'a\n\t\\"b'),
        ('"ü\\xff"', b"\xc3\xbc\xff"),
        ('"\\u00e9\\U0001F600"', "é😀".encode()),
        ('r"a\\b\\""', b'a\\b"'),
        ('""', b""),
    ],
)
def test_escapes(written, data):
    found = quoted(HERE, written)
    assert (found.data, found.wrong) == (data, "")


def test_an_unknown_escape_is_wrong_but_in_a_regular_expression():
    found = quoted(HERE, '"\\d+\\x41"')
    assert found.pattern == b"\\d+A"
    assert "\\d" in found.wrong


@pytest.mark.parametrize(
    ("written", "code"), [("'a'", 97), ("'\\n'", 10), ("'\\x0a'", 10), ("'\\012'", 10), ("'\\''", 39)]
)
def test_characters(written, code):
    assert character(written) == code


@pytest.mark.parametrize("written", ["'ab'", "'é'", "'\\400'", "'\\q'", "'\\ud800'"])
def test_what_is_no_character(written):
    with pytest.raises(BadEscapeError):
        character(written)
