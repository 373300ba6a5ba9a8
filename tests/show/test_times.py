from wiretale.show.times import TimeFormat, TimeMode


def test_each_mode_places_the_same_event():
    time_ns, origin, offset = 5_000_001_500, 5_000_000_000, 1_700_000_000_000_000_000 - 5_000_000_000
    relative = TimeFormat(TimeMode.RELATIVE, origin, offset)
    assert relative.text(time_ns).strip() == "0.000002"
    assert relative.text(origin - 2_000).strip() == "-0.000002"
    assert TimeFormat(TimeMode.MONOTONIC).text(time_ns) == "5.000001500"
    assert TimeFormat(TimeMode.REAL, origin, offset).text(time_ns) == "2023-11-14T22:13:20.000001500Z"
    assert TimeFormat(TimeMode.ABSOLUTE, origin, offset).text(time_ns).endswith(":20.000001")
