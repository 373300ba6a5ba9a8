"""Nothing hostile survives escaping, and bytes can be read back."""

import ast
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.decode.escape import escape_bytes, escape_text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"salam\n", r'"salam\n"'),
        (b"\x1b[2J", r'"\33[2J"'),
        (b"\x001", r'"\0001"'),
        (b"\x00a", r'"\0a"'),
        (b'say "hi"\\', r'"say \"hi\"\\"'),
        (b"\xff\xfe", r'"\377\376"'),
        (b"", '""'),
    ],
)
def test_bytes_are_a_c_string_literal(data: bytes, text: str) -> None:
    assert escape_bytes(data) == text


def test_cut_bytes_say_so_after_the_quote() -> None:
    assert escape_bytes(b"abcdef", 3) == '"abc"...'
    assert escape_bytes(b"abc", 3) == '"abc"'


@settings(deadline=None)  # other tests share the CPUs
@given(st.binary(max_size=200))
def test_escaped_bytes_are_printable_ascii_and_read_back_as_the_same_bytes(data: bytes) -> None:
    text = escape_bytes(data)
    assert text.isascii() and text.isprintable()
    assert ast.literal_eval("b" + text) == data


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;x\x07", r"\x1b]0;x\x07"),
        ("a\u202eb", r"a\u202eb"),
        ("\u2066\u200f\ufeff", r"\u2066\u200f\ufeff"),
        ("\udcff", r"\xff"),
        ("\ud800", r"\ud800"),
        ("\x9b1m", r"\u009b1m"),
        ("\u2028", r"\u2028"),
        ("ä日本 سلام", "ä日本 سلام"),
    ],
)
def test_text_that_acts_is_made_visible(text: str, shown: str) -> None:
    assert escape_text(text) == shown


@settings(deadline=None)  # other tests share the CPUs
@given(st.text(st.characters(codec=None), max_size=100))
def test_escaped_text_never_acts_and_escaping_twice_is_escaping_once(text: str) -> None:
    shown = escape_text(text)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert escape_text(shown) == shown
    shown.encode("utf-8")
