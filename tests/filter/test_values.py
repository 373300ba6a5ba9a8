import ipaddress

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.decode.constants.tables import ERRORS
from wiretale.filter import values
from wiretale.filter.compile import _key_of
from wiretale.filter.values import BadValueError


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1ms", 1_000_000),
        ("1.5us", 1500),
        ("2", 2_000_000_000),
        ("0.000001", 1000),
        ("-1s", -1_000_000_000),
        ("7ns", 7),
    ],
)
def test_durations_are_nanoseconds(text, nanoseconds):
    assert values.duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "number"), [("10", 10), ("0x1F", 31), ("017", 15), ("'a'", 97), ("'\\n'", 10), ("-3", -3), ("0", 0)]
)
def test_numbers(text, number):
    assert values.number(text) == number


@given(st.binary(max_size=40))
def test_bytes_survive_both_spellings(data):
    escaped = '"' + "".join(f"\\x{b:02x}" for b in data) + '"'
    assert values.byte_string(escaped) == data
    if len(data) > 1:
        assert values.byte_string(":".join(f"{b:02x}" for b in data)) == data


def test_plain_characters_are_utf8():
    assert values.byte_string('"ü\\xff"') == b"\xc3\xbc\xff"


@given(st.text(max_size=30))
def test_any_text_is_a_value_or_bad(text):
    for parser in (*values.PARSERS.values(), values.address):
        try:
            parser(text)
        except BadValueError as fault:
            assert str(fault)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_sql_keys_of_addresses_are_those_of_python(address):
    text = str(address)
    if ipaddress.ip_address(text).version == 6 and "." in text:
        return
    sql = _key_of(f"'{text}'", six=address.version == 6)
    row = duckdb.execute(f"SELECT {sql}").fetchone()
    assert row == (values.address_key(text),)


@pytest.mark.parametrize("name", [row[0] for row in ERRORS.values()])
def test_every_error_that_show_prints_is_known_by_its_name(name):
    assert ERRORS[values.error_number(name)][0] == name
