"""Names, numbers and their text."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.errors import UsageFault, WiretaleError
from wiretale.netcat.addresses import port_number, port_numbers, protocol_name, targets, text, unix_address
from wiretale.netcat.options import Options, parse


def test_a_numeric_host_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "getaddrinfo")
    assert targets("127.0.0.1", 80, Options()) == [(socket.AF_INET, ("127.0.0.1", 80))]
    assert targets("::1", 80, Options()) == [(socket.AF_INET6, ("::1", 80, 0, 0))]
    assert targets(None, 80, Options()) == [(socket.AF_INET, ("0.0.0.0", 80))]
    assert targets(None, 80, parse(["-6l", "80"])) == [(socket.AF_INET6, ("::", 80, 0, 0))]


def test_a_name_gives_addresses_of_the_wanted_family_only() -> None:
    four = targets("localhost", 80, parse(["-4", "localhost", "80"]))
    assert (socket.AF_INET, ("127.0.0.1", 80)) in four
    assert {family for family, _ in four} == {socket.AF_INET}


@pytest.mark.parametrize(
    "line", ["-4 ::1 80", "-6 127.0.0.1 80", "-n localhost 80", "no-such-host.invalid 80", "a..b 80"]
)
def test_a_host_without_a_fitting_address_is_a_fault_in_one_sentence(line: str) -> None:
    options = parse(line.split())
    with pytest.raises(WiretaleError) as caught:
        targets(options.host, 80, options)
    assert "\n" not in caught.value.message


def test_ports_are_numbers_names_and_ranges() -> None:
    options = Options()
    assert port_number("4000", options) == 4000
    assert list(port_numbers("20-22", options)) == [20, 21, 22]
    assert list(port_numbers("65535", options)) == [65535]
    assert port_number("0", options, lowest=0) == 0


@pytest.mark.parametrize(
    "word", ["0", "65536", "99999999999999999999", "", "-", "5-", "9-5", "no-such-service", "\u0661", "1.5"]
)
def test_what_is_no_port_is_a_usage_fault(word: str) -> None:
    with pytest.raises(UsageFault):
        port_numbers(word, Options())


@given(st.text(max_size=12))
def test_any_port_word_gives_ports_or_a_usage_fault(word: str) -> None:
    try:
        assert all(0 < port < 65536 for port in port_numbers(word, Options()))
    except UsageFault as fault:
        assert fault.message


def test_text_shows_addresses_and_escapes_what_a_peer_chose() -> None:
    assert text(("127.0.0.1", 4000)) == "127.0.0.1 4000"
    assert text(("fe80::1", 4000, 0, 2)) == "fe80::1%2 4000"
    assert text(b"\0abstract") == "@abstract"
    assert text("") == "(unnamed)"


@given(st.one_of(st.text(), st.binary(min_size=1)))
def test_text_never_contains_a_control_character(address: str | bytes) -> None:
    assert text(address).isprintable()


def test_abstract_names_begin_with_a_nul() -> None:
    assert unix_address("@a") == b"\0a"
    assert unix_address("/a") == "/a"


def test_protocols_have_names() -> None:
    lines = ["h 1", "-u h 1", "-U p", "-uU p"]
    assert [protocol_name(parse(line.split())) for line in lines] == ["tcp", "udp", "unix", "unix datagram"]
