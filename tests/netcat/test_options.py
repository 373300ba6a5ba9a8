"""The netcat's command line."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.errors import UsageFault
from wiretale.netcat.options import _FLAGS, _VALUES, USAGE, Options, parse


@pytest.mark.parametrize(
    ("line", "host", "port"),
    [
        ("-l 127.0.0.1 4000", "127.0.0.1", "4000"),
        ("-l 4000", None, "4000"),
        ("-l -p 4000", None, "4000"),
        ("-l -p 4000 -s ::1", "::1", "4000"),
        ("-lp4000", None, "4000"),
        ("-s ::1 -l 4000", "::1", "4000"),
        ("127.0.0.1 4000 -v", "127.0.0.1", "4000"),
        ("-p 4444 127.0.0.1 4000", "127.0.0.1", "4000"),
        ("-U /x/y", "/x/y", None),
        ("-lkU @name", "@name", None),
        ("-- -host 80", "-host", "80"),
    ],
)
def test_host_and_port_are_found_in_every_accepted_place(line: str, host: str | None, port: str | None) -> None:
    options = parse(line.split())
    assert (options.host, options.port) == (host, port)


def test_letters_combine_and_take_attached_or_separate_values() -> None:
    options = parse(["-nvz", "-w2.5", "-s", "1.2.3.4", "h", "1-3"])
    assert options.numeric and options.verbose and options.scan
    assert (options.timeout, options.local_address, options.port) == (2.5, "1.2.3.4", "1-3")
    assert parse(["-lk", "1"]).keep


def test_q_shuts_down_at_the_end_of_input_unless_it_is_negative() -> None:
    assert parse(["-q", "0", "h", "1"]).shutdown_at_eof
    waits = parse(["-q", "-1", "h", "1"])
    assert waits.stay_for_stdin and not waits.shutdown_at_eof


@pytest.mark.parametrize(
    "line",
    [
        "",
        "host",
        "a 1 2",
        "-l",
        "-l a 1 2",
        "-l -p 4000 127.0.0.1",
        "-l -s 1.1.1.1 2.2.2.2 5",
        "-k a 1",
        "-46 a 1",
        "-lz a 1",
        "-U",
        "-U a b",
        "-Up 5 a",
        "-4U a",
        "-U " + "x" * 108,
        "-lU -s y x",
        "-Us y x",
        "-Q a 1",
        "--foo a 1",
        "-w",
        "-w x a 1",
        "-w 0 a 1",
        "-w nan a 1",
        "-q inf a 1",
        "-W 0 a 1",
        "-W -3 a 1",
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(line: str) -> None:
    with pytest.raises(UsageFault) as caught:
        parse(line.split())
    assert caught.value.message and "\n" not in caught.value.message


def test_help_names_every_option_and_wins_over_the_rest() -> None:
    assert parse(["-h", "-l"]).help
    assert parse(["--help"]).help
    for letter in "46dhklNnpqsUuvWwz":
        assert f"-{letter}" in USAGE


@given(
    st.lists(st.one_of(st.text(alphabet=string.printable, max_size=6), st.sampled_from(["-l", "-p", "-U", "-w", "1"])))
)
def test_any_words_give_options_or_a_usage_fault(words: list[str]) -> None:
    try:
        assert isinstance(parse(words), Options)
    except UsageFault as fault:
        assert fault.message


@pytest.mark.parametrize("letter", sorted({*_FLAGS, *_VALUES}))
def test_every_option_stands_on_the_page(letter: str) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "nc.md"
    assert f"`-{letter}" in page.read_text(encoding="utf-8")
