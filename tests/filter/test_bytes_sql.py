# ruff: noqa: E501 (tables of filters)
"""SQL over bytes beside the same in Python, on any bytes."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.filter.bytes_sql import TEXT_OF_BYTES, expression, holds, in_either_case, needed, order, sliced
from wiretale.filter.condition import Condition
from wiretale.filter.syntax import Span

GIVEN = Condition("x.b")
some_bytes = st.one_of(
    st.binary(max_size=12), st.lists(st.sampled_from(b"ab\xe2\xc3\xff\x00\\"), max_size=12).map(bytes)
)


def ask(sql: str, data: bytes, *parameters: object) -> object:
    row = duckdb.execute(f"SELECT {sql} FROM (SELECT CAST(? AS BLOB) AS b) x", [*parameters, data]).fetchone()
    assert row is not None
    return row[0]


@settings(deadline=None)
@given(some_bytes, some_bytes.filter(bool))
def test_bytes_hold_bytes_at_whole_places_only(data, part):
    condition = holds(GIVEN, part)
    assert ask(condition.sql, data, *condition.parameters) == (part in data)


def cut(data: bytes, spans: tuple[Span, ...]) -> bytes | None:
    out = b""
    for span in spans:
        begin = span.start if span.start >= 0 else len(data) + span.start
        if span.length is not None:
            end = begin + span.length
        elif span.last is not None:
            end = span.last + 1 if span.last >= 0 else len(data) + span.last + 1
        else:
            end = len(data)
        if not 0 <= begin < end <= len(data):
            return None
        out += data[begin:end]
    return out


places = st.integers(-6, 6)
spans = st.one_of(
    st.builds(Span, places, st.integers(1, 6), st.none()),
    st.builds(Span, places, st.none(), places),
    st.builds(Span, places, st.none(), st.none()),
)


@settings(deadline=None)
@given(some_bytes, st.lists(spans, min_size=1, max_size=3).map(tuple))
def test_slices_are_all_there_or_nothing(data, wanted):
    assert ask(sliced(wanted).replace("{0}", "x.b"), data) == cut(data, wanted)


@settings(deadline=None)
@given(some_bytes, some_bytes, st.sampled_from(["<", ">", "<=", ">="]))
def test_bytes_compare_by_length_first(data, other, sign):
    sql = order(sign).replace("{0}", "x.b").replace("{1}", "CAST(? AS BLOB)")
    wanted = {"<": int.__lt__, ">": int.__gt__, "<=": int.__le__, ">=": int.__ge__}[sign]
    one, two = (len(data), data), (len(other), other)
    assert ask(sql, data, other, other, other) == wanted((one > two) - (one < two), 0)


@settings(deadline=None)
@given(some_bytes)
def test_bytes_read_as_text_keep_every_printable_character(data):
    text = ask(TEXT_OF_BYTES.replace("{}", "x.b"), data)
    try:
        assert text == data.decode()
    except UnicodeDecodeError:
        plain = "".join(chr(b) if 0x20 <= b < 0x7F or b in b"\n\r\t" else "\ufffd" for b in data)
        assert text == plain


@pytest.mark.parametrize(
    ("pattern", "data", "found"),
    [
        (b"SAL", b"salam\n", True), (b"(?-i)SAL", b"salam\n", False), (b"^salam$", b"salam\n", True), (b"a.b", b"a\nb", False),
        (b"^salam$", b"salam\n\n", False), (b"[$]", b"a$b", True), (b"\\$", b"a$b", True), (b"\xff\\\\", b"\xff\\", True),
        (rb"\xff\xfe$", b"ab\xff\xfe", True), (b"ff", b"\xff\xff", False), (rb"\x61b", b"ab", True), (b"\\d+", b"a1", True),
        ("é".encode(), "É".encode(), True), (b"a.c", b"a\xffc", True),
    ],
)  # fmt: skip
def test_regular_expressions_of_bytes(pattern, data, found):
    text, about_bytes = expression(pattern)
    of = "CAST(x.b AS VARCHAR)" if about_bytes else TEXT_OF_BYTES.replace("{}", "x.b")
    assert ask(f"regexp_matches({of}, ?)", data, text) is found


@pytest.mark.parametrize(
    ("pattern", "run"),
    [
        ("needle", "needle"), ("ne+dle", "dle"), ("a(bcd)?ef", "ef"), ("[xyz]{2}ab", "ab"), (r"GET /\d+ HTTP", "GET /"),
        (r"HTTP/1\.[01]", "HTTP/1."), ("abc*", "ab"), ("ab{0,3}c", "a"), ("ab|cd", ""), ("(?s)abc", ""), (r"\x41bc", ""),
        ("user-agent", "er-agent"), ("k", ""), ("ab[(]cd", "ab"), (r"(a[)]b)cde", "cde"), ("^ab$", "ab"), ("é", ""), (".*", ""),
    ],
)  # fmt: skip
def test_what_every_match_holds(pattern, run):
    assert needed(pattern) == run


regular = st.lists(
    st.sampled_from(["a", "B", "k", "s", "-", "b+", "a*", "B?", "a{2}", "[ab]", "(ab)", "(B)?", ".", r"\.", r"\w", "^", "$"]),
    min_size=1, max_size=6,
).map("".join)  # fmt: skip


@settings(deadline=None)
@given(regular, st.lists(st.sampled_from("aAbBkKsS-.x\u017f\u212a\n"), max_size=10).map("".join))
def test_no_match_lacks_what_every_match_holds(pattern, text):
    matches = "regexp_matches(decode(x.b), ?)"
    if ask(matches, text.encode(), expression(pattern.encode())[0]):
        assert ask("regexp_matches(hex(x.b), ?)", text.encode(), in_either_case(needed(pattern)))
