"""SQL over bytes beside the same in Python, on any bytes."""

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.filter.bytes_sql import holds, order, sliced
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
