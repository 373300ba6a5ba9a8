"""How many bytes of a row its links cover: ranges that overlap count once."""

import duckdb
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wiretale.join.candidates import SEGMENT_READ, WRITE_READ, WRITE_SEGMENT
from wiretale.join.links import make_linked, put_linked

LINK = st.tuples(
    st.sampled_from([SEGMENT_READ, WRITE_READ, WRITE_SEGMENT]), st.integers(1, 4), st.integers(0, 20), st.integers(1, 9)
)


@given(st.lists(LINK, max_size=20))
def test_bytes_that_several_links_cover_count_once(links: list[tuple[int, int, int, int]]) -> None:
    links = sorted(links, key=lambda one: (one[2], one[3]))
    kind, row, lo, size = (np.array([one[n] for one in links], np.int64) for n in range(4))
    pairs = {"kind": kind, "write_id": row, "read_id": row, "lo": lo, "hi": lo + size}
    with duckdb.connect() as db:
        make_linked(db)
        put_linked(db, pairs, np.arange(len(links)))
        found = db.execute("SELECT kind, id, bytes FROM j_linked ORDER BY ALL").fetchall()
    covered: dict[tuple[str, int], set[int]] = {}
    for of, number, begin, length in links:
        name = {SEGMENT_READ: "segment_read", WRITE_SEGMENT: "write_segment"}.get(of)
        if name:
            covered.setdefault((name, number), set()).update(range(begin, begin + length))
    assert found == sorted((*key, len(places)) for key, places in covered.items())
