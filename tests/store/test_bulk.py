"""What goes in by the Arrow interface comes out of the table."""

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.store.bulk import NUMPY_TYPES, Coded, Lists, Slices, coded, insert, nullable


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=20), max_size=4))
def test_numbers(batches):
    db = duckdb.connect()
    db.execute("CREATE TABLE t (i BIGINT)")
    columns = (
        {"i": np.ma.masked_array([v or 0 for v in batch], [v is None for v in batch], np.int64)} for batch in batches
    )
    insert(db, "INSERT INTO t SELECT i FROM batch", columns)
    assert [v for (v,) in db.execute("SELECT i FROM t").fetchall()] == [v for batch in batches for v in batch]


@pytest.mark.parametrize("kind", [k for k in NUMPY_TYPES if k != "DOUBLE"])
@given(st.lists(st.none() | st.integers(0, 1), min_size=1, max_size=40), st.booleans())
def test_numbers_that_may_be_absent(kind, values, large):
    most = 1 if kind == "BOOLEAN" else min(int(np.iinfo(NUMPY_TYPES[kind]).max), 2**63 - 1)
    values = [most if v and large else v for v in values]
    db = duckdb.connect()
    db.execute(f"CREATE TABLE t (i {kind})")
    numbers = np.array([-1 if v is None else v for v in values], np.int64)
    insert(db, "INSERT INTO t SELECT i FROM batch", [{"i": nullable(numbers, np.dtype(NUMPY_TYPES[kind]), -1)}])
    assert [v for (v,) in db.execute("SELECT i FROM t").fetchall()] == values


@given(st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])))))
def test_texts(texts):
    db = duckdb.connect()
    db.execute("CREATE TABLE t (s VARCHAR)")
    insert(db, "INSERT INTO t SELECT s FROM batch", [{"s": coded(texts)}])
    assert [v for (v,) in db.execute("SELECT s FROM t").fetchall()] == texts


@given(st.binary(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=20))
def test_slices(buffer, spans):
    spans = [(min(a, b, len(buffer)), min(max(a, b), len(buffer))) for a, b in spans]
    db = duckdb.connect()
    db.execute("CREATE TABLE t (b BLOB)")
    start, size = np.array([a for a, _ in spans], np.int64), np.array([b - a for a, b in spans], np.int64)
    insert(db, "INSERT INTO t SELECT b FROM batch", [{"b": Slices(np.frombuffer(buffer, np.uint8), start, size)}])
    assert [v for (v,) in db.execute("SELECT b FROM t").fetchall()] == [buffer[a:b] for a, b in spans]


@given(st.lists(st.one_of(st.none(), st.lists(st.integers(0, 2**32 - 1), max_size=4)), min_size=1))
def test_lists(lists):
    db = duckdb.connect()
    db.execute("CREATE TABLE t (l UINTEGER[])")
    values = np.array([v for one in lists for v in one or ()], np.uint32)
    size = np.array([-1 if one is None else len(one) for one in lists], np.int64)
    insert(db, "INSERT INTO t SELECT l FROM batch", [{"l": Lists(values, size)}])
    assert [v for (v,) in db.execute("SELECT l FROM t").fetchall()] == lists


def test_what_making_a_batch_raises_comes_out():
    def batches():
        yield {"i": np.arange(3)}
        raise KeyError("the second")

    db = duckdb.connect()
    db.execute("CREATE TABLE t (i BIGINT)")
    with pytest.raises(KeyError, match="the second"):
        insert(db, "INSERT INTO t SELECT i FROM batch", batches())
    assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_booleans_and_codes_that_are_null():
    db = duckdb.connect()
    db.execute("CREATE TABLE t (f BOOLEAN, s VARCHAR)")
    batch = {"f": np.array([True, False, True]), "s": Coded(np.array([1, -1, 0]), ["a", "b"])}
    insert(db, "INSERT INTO t SELECT f, s FROM batch", [batch])
    assert db.execute("SELECT * FROM t").fetchall() == [(True, "b"), (False, None), (True, "a")]
