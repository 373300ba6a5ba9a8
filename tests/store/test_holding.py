from random import Random

import duckdb
import pytest

from wiretale.store.holding import rows_holding

ROWS = [b"a needle", b"NEEDLE", b"need", b"", b"le\xff\x00need", b"xx", b"needle"]


def found(exact=(), small=()):
    with duckdb.connect() as db:
        db.execute("CREATE TABLE r (id BIGINT, bytes BLOB)")
        db.executemany("INSERT INTO r VALUES (?, ?)", [[n, row] for n, row in enumerate(ROWS)])
        db.execute("INSERT INTO r VALUES (99, NULL)")
        return rows_holding(db.sql("FROM r"), exact, small)


@pytest.mark.parametrize("needle", [b"needle", b"n", b"\xff\x00", b"e\xff", b"a needle", b"a needle!", b"dx"])
def test_rows_that_hold_a_needle_are_found_and_no_bytes_of_two_rows(needle):
    assert found([needle]) == [n for n, row in enumerate(ROWS) if needle in row]


def test_case_does_not_count_where_it_should_not():
    assert found(small=[b"needle"]) == [0, 1, 6]
    assert found(exact=[b"needle"]) == [0, 6]


def test_one_of_several_needles_suffices():
    assert found([b"xx"], [b"eedle"]) == [0, 1, 5, 6]


def test_of_no_rows_none_is_found():
    with duckdb.connect() as db:
        assert rows_holding(db.sql("SELECT 1::BIGINT, 'a'::BLOB WHERE FALSE"), [b"a"], []) == []


@pytest.mark.parametrize("size", [3, 5000])
def test_of_long_rows_nothing_is_missed_wherever_it_stands(size):
    needle = b"n" * (size - 1) + b"e"
    rows = [
        b"." * before + needle.upper() + b"." * 50 for before in range(32_768 - size - 3, 32_768 + 3, max(size // 3, 1))
    ]
    with duckdb.connect() as db:
        db.execute("CREATE TABLE r (id BIGINT, bytes BLOB)")
        db.executemany("INSERT INTO r VALUES (?, ?)", [[n, row] for n, row in enumerate([*rows, needle[1:]])])
        assert rows_holding(db.sql("FROM r"), [], [needle])[: len(rows)] == list(range(len(rows)))
        assert rows_holding(db.sql("FROM r"), [needle.upper()], []) == list(range(len(rows)))


@pytest.mark.parametrize("needle", [b"a", b"ab", b"aba", b"aab\n", b"abab\nabab", b"\n\n\n\n"])
def test_what_repeats_itself_is_found_in_the_same_rows_as_by_python(needle):
    random = Random(1)
    rows = [bytes(random.choices(b"ab\n", k=random.randrange(40))) for _ in range(5_000)]
    with duckdb.connect() as db:
        db.execute(
            "CREATE TABLE r AS SELECT unnest(?)::BIGINT AS id, unnest(?)::BLOB AS bytes", [list(range(len(rows))), rows]
        )
        expected = [n for n, row in enumerate(rows) if needle in row]
        assert expected
        assert rows_holding(db.sql("FROM r"), [needle], []) == expected
        assert rows_holding(db.sql("FROM r"), [], [needle]) == expected
