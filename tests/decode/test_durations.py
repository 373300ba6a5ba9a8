import pytest

from wiretale.decode.durations import duration


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0 ns"), (999, "999 ns"), (1000, "1 us"), (61_400, "61.4 us"), (999_999, "1000 us"), (1_250_000, "1.25 ms"),
     (252_000_000, "252 ms"), (3_200_000_000, "3.2 s"), (100_000_000_000, "100 s"), (-1500, "-1.5 us")],
)  # fmt: skip
def test_durations_have_three_digits_and_a_unit(nanoseconds, text):
    assert duration(nanoseconds) == text
