"""Addresses and states in words."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from wiretale.record.procfs.socket_row import endpoint, state_name


def test_states_have_the_names_of_rfc_9293() -> None:
    assert [state_name(n) for n in (1, 3, 6, 10, 12)] == [
        "ESTABLISHED", "SYN-RECEIVED", "TIME-WAIT", "LISTEN", "SYN-RECEIVED",
    ]  # fmt: skip
    assert state_name(0) is None
    assert state_name(77) is None


@given(st.sampled_from([socket.AF_INET, socket.AF_INET6]), st.binary(min_size=16, max_size=16), st.integers(0, 65535))
def test_addresses_are_the_systems(family: int, raw: bytes, port: int) -> None:
    size = 4 if family == socket.AF_INET else 16
    assert endpoint(family, raw, port.to_bytes(2, "big")) == (socket.inet_ntop(family, raw[:size]), port)
