import pytest

from wiretale.show.times import TimeFormat, TimeMode, duration


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0 ns"), (999, "999 ns"), (1000, "1 us"), (61_400, "61.4 us"), (999_999, "1000 us"), (1_250_000, "1.25 ms"),
     (252_000_000, "252 ms"), (3_200_000_000, "3.2 s"), (100_000_000_000, "100 s"), (-1500, "-1.5 us")],
)  # fmt: skip
def test_durations_have_three_digits_and_a_unit(nanoseconds, text):
    assert duration(nanoseconds) == text


def test_each_mode_places_the_same_event():
    time_ns, origin, offset = 5_000_001_500, 5_000_000_000, 1_700_000_000_000_000_000 - 5_000_000_000
    relative = TimeFormat(TimeMode.RELATIVE, origin, offset)
    assert relative.text(time_ns).strip() == "0.000002"
    assert relative.text(origin - 2_000).strip() == "-0.000002"
    assert TimeFormat(TimeMode.MONOTONIC).text(time_ns) == "5.000001500"
    assert TimeFormat(TimeMode.REAL, origin, offset).text(time_ns) == "2023-11-14T22:13:20.000001500Z"
    assert TimeFormat(TimeMode.ABSOLUTE, origin, offset).text(time_ns).endswith(":20.000001")
