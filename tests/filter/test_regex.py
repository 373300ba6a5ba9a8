# ruff: noqa: E501 (tables of filters)
"""Regular expressions of filters beside Python's on the same bytes."""

import re

import duckdb
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wiretale.filter.regex import LATIN_1, expression, in_either_case, needed

some_bytes = st.one_of(
    st.binary(max_size=12), st.lists(st.sampled_from(b"ab\xe2\xc3\xff\x00\\\n \x0b"), max_size=12).map(bytes)
)


def ask(sql: str, data: bytes, *parameters: object) -> object:
    row = duckdb.execute(f"SELECT {sql} FROM (SELECT CAST(? AS BLOB) AS b) x", [*parameters, data]).fetchone()
    assert row is not None
    return row[0]


def is_found(pattern: bytes, data: bytes) -> object:
    of = LATIN_1.replace("{}", "x.b")
    return ask(f"regexp_matches({of}, ?)", data, expression(pattern, of_bytes=True))


@settings(deadline=None)
@given(some_bytes)
def test_bytes_are_read_as_one_character_each(data):
    assert ask(LATIN_1.replace("{}", "x.b"), data) == data.decode("latin-1")


@pytest.mark.parametrize(
    ("pattern", "data", "found"),
    [
        (b"SAL", b"salam\n", True), (b"(?-i)SAL", b"salam\n", False), (b"^salam$", b"salam\n", True), (b"a.b", b"a\nb", False),
        (b"^salam$", b"salam\n\n", False), (b"[$]", b"a$b", True), (b"\\$", b"a$b", True), (b"\xff\\\\", b"\xff\\", True),
        (rb"\xff\xfe$", b"ab\xff\xfe", True), (b"ff", b"\xff\xff", False), (rb"\x61b", b"ab", True), (b"\\d+", b"a1", True),
        ("é".encode(), "É".encode(), False), (b"a.c", b"a\xffc", True), (b"^..$", "é".encode(), True),
        (rb"[\xfe\xff]", b"a\xfe", True), (rb"[\xfe\xff]", b"a\xc3\xbe", False), (rb"[\x80-\xff]", b"ab", False), (b"\x00", b"a\0", True),
        (rb"\0", b"a\0", True), (rb"\012", b"\n", True), (rb"\o{101}", b"a", True), (rb"\cJ", b"\n", True), (rb"\e", b"\x1b", True),
        (rb"\v", b"a\n", True), (rb"a\h", b"a\xa0", True), (rb"a\R", b"a\r\n", True), (rb"^\N$", b"\n", False), (rb"a\Z", b"a\n", True),
        (rb"[\h]", b"\t", True), (rb"[\cJ]", b"\n", True), (rb"\s", b"\x0b", True), (rb"\S", b"\x0b", False), (rb"(?<n>a)b", b"ab", True),
        (rb"a(?#b)c", b"ac", True), (rb"\p{Lu}", b"a", False), (rb"\p{Lu}", b"A", True), (rb"\Qa.\E", b"ab", False), (rb"(?m)^b$", b"a\nb\nc", True),
    ],
)  # fmt: skip
def test_regular_expressions_of_bytes(pattern, data, found):
    assert is_found(pattern, data) is found


pieces = st.sampled_from(
    [b"a", b"B", b"b+", b"a*", b"[ab]", b"[^a]", b"(ab)", b"(?:B)?", b".", rb"\.", rb"\w", rb"\W", b"^", b"$", rb"\xff", b"\xe2", rb"\d",
     rb"[\x80-\xff]", rb"[^\x00-\x7f]", b"\x00", rb"\x00", rb"\s", rb"\S", rb"\n", rb"\\", b"|", rb"\b", rb"[\s\xff]", b"a{2}", rb"[\x00-\x1f]"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(pieces, min_size=1, max_size=5).map(b"".join), some_bytes)
def test_what_python_finds_is_found(pattern, data):
    """Python's expressions of bytes are Perl's in all of this."""
    try:
        wanted = re.search(pattern, data, re.IGNORECASE)
    except re.error:
        assume(False)
    assert is_found(pattern, data) is (wanted is not None)


@pytest.mark.parametrize(
    ("pattern", "run"),
    [
        ("needle", "needle"), ("ne+dle", "dle"), ("a(bcd)?ef", "ef"), ("[xyz]{2}ab", "ab"), (r"GET /\d+ HTTP", "GET /"),
        (r"HTTP/1\.[01]", "HTTP/1."), ("abc*", "ab"), ("ab{0,3}c", "a"), ("ab|cd", ""), ("(?s)abc", ""), (r"\x41bc", ""),
        ("user-agent", "er-agent"), ("k", ""), ("ab[(]cd", "ab"), (r"(a[)]b)cde", "cde"), ("^ab$", "ab"), ("é", ""), (".*", ""),
    ],
)  # fmt: skip
def test_what_every_match_holds(pattern, run):
    assert needed(pattern.encode()) == run


regular = st.lists(
    st.sampled_from(["a", "B", "k", "s", "-", "b+", "a*", "B?", "a{2}", "[ab]", "(ab)", "(B)?", ".", r"\.", r"\w", "^", "$"]),
    min_size=1, max_size=6,
).map("".join)  # fmt: skip


@settings(deadline=None)
@given(regular, st.lists(st.sampled_from("aAbBkKsS-.x\u017f\u212a\n"), max_size=10).map("".join))
def test_no_match_lacks_what_every_match_holds(pattern, text):
    of_text = expression(pattern.encode(), of_bytes=False)
    if ask("regexp_matches(decode(x.b), ?)", text.encode(), of_text) or is_found(pattern.encode(), text.encode()):
        assert ask("regexp_matches(hex(x.b), ?)", text.encode(), in_either_case(needed(pattern.encode())))
