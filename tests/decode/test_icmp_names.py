"""Names of ICMP messages."""

import pytest

from wiretale.decode.icmp_names import icmp_name


@pytest.mark.parametrize(
    ("version", "kind", "code", "name"),
    [
        (4, 0, 0, "echo reply"),
        (4, 3, 1, "destination unreachable (host unreachable)"),
        (4, 3, 13, "destination unreachable (communication prohibited)"),
        (4, 3, 99, "destination unreachable (code 99)"),
        (4, 11, 0, "time exceeded (time to live exceeded in transit)"),
        (6, 1, 4, "destination unreachable (port unreachable)"),
        (6, 3, 0, "time exceeded (hop limit exceeded in transit)"),
        (6, 135, 0, "neighbor solicitation"),
        (6, 8, 0, "type 8"),
        (4, 135, 2, "type 135 (code 2)"),
    ],
)
def test_names(version: int, kind: int, code: int, name: str) -> None:
    assert icmp_name(version, kind, code) == name
