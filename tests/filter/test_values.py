import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.decode.constants.tables import ERRORS
from wiretale.filter import values
from wiretale.filter.rows import address_key
from wiretale.filter.types import FieldType
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
        ("5e-2", 50_000_000),
    ],
)
def test_durations_are_nanoseconds(text, nanoseconds):
    assert values.duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "number"), [("10", 10), ("0x1F", 31), ("017", 15), ("0b101", 5), ("-3", -3), ("0", 0), ("-0x10", -16)]
)
def test_numbers(text, number):
    assert values.number(text) == number


@pytest.mark.parametrize("text", ["08", "1.5", "0o17", "1_000", "", "0x", "abc", "1e3", str(1 << 64)])
def test_what_is_no_number(text):
    with pytest.raises(BadValueError):
        values.number(text)


@given(st.binary(min_size=1, max_size=40), st.sampled_from([":", "-", "."]))
def test_bytes_survive_every_spelling(data, separator):
    spelled = separator.join(f"{b:02x}" for b in data)
    assert values.byte_string(spelled) == data
    assert values.byte_string(f":{spelled}") == data
    assert values.byte_string(data.hex()) == data
    if len(data) > 1 and separator != ":":
        assert values.byte_string(separator.join(f"{b:x}" for b in data)) == data


@pytest.mark.parametrize("text", ["0x6162", "salam", "61:62-63", "", ":", "abc", "6:1", "61:6", "61:"])
def test_what_is_no_byte_string(text):
    with pytest.raises(BadValueError):
        values.byte_string(text)


@given(st.text(max_size=30), st.sampled_from(FieldType))
def test_any_text_is_a_value_or_bad(text, type_):
    if type_ is not FieldType.LABEL:
        try:
            values.from_word(text, type_)
        except BadValueError as fault:
            assert str(fault)


@given(st.binary(max_size=20), st.sampled_from(FieldType))
def test_any_quoted_text_is_a_value_or_bad(data, type_):
    if type_ is not FieldType.LABEL:
        try:
            values.from_quoted(data, type_)
        except BadValueError as fault:
            assert str(fault)


@settings(deadline=None)
@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6), st.ip_addresses(network="::ffff:0:0/96")))
def test_sql_keys_of_addresses_are_those_of_python(address):
    text = values.address_text(address)
    row = duckdb.execute(f"SELECT {address_key('a')} FROM (SELECT ? AS a)", [text]).fetchone()
    assert row == (values.address_key(str(address)),)


@pytest.mark.parametrize("text", ["/tmp/socket", "@abstract", "", "10.0.0", "nobody"])
def test_the_sql_key_of_what_is_no_address_is_null(text):
    assert duckdb.execute(f"SELECT {address_key('a')} FROM (SELECT ? AS a)", [text]).fetchone() == (None,)


@pytest.mark.parametrize("name", [row[0] for row in ERRORS.values()])
def test_every_error_that_show_prints_is_known_by_its_name(name):
    assert ERRORS[values.error_number(name)][0] == name
