"""The command line is read as strace reads it."""

import pytest

from wiretale.decode.strace.style import Hex, Names
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import Precision
from wiretale.strace.parse import parse
from wiretale.strace.sets import call_set, descriptor_set, signal_set


def options(*words: str):
    return parse([*words, "prog"])[0]


def test_options_after_the_program_belong_to_the_program() -> None:
    assert parse(["-f", "nc", "-l", "-s", "1"])[0].command == ["nc", "-l", "-s", "1"]


def test_short_options_join_and_take_their_value_with_or_without_a_blank() -> None:
    joined, apart = options("-fTs100"), options("-f", "-T", "-s", "100")
    assert (joined.follow, joined.took, joined.strings) == (apart.follow, apart.took, apart.strings)
    assert joined.strings == 100


def test_two_f_follow_into_separate_files() -> None:
    assert options("-ff", "-o", "x").separately
    assert not options("-ff").separately  # without -o there are no files


@pytest.mark.parametrize(
    ("words", "clock", "precision"),
    [(["-t"], "time", 0), (["-tt"], "time", 6), (["-ttt"], "unix", 6), (["--timestamps=unix,ns"], "unix", 9)],
)
def test_timestamps(words: list[str], clock: str, precision: int) -> None:
    found = options(*words)
    assert (found.clock, found.clock_precision) == (clock, precision)


def test_styles() -> None:
    assert options("-xx").hex is Hex.ALL
    assert options("-X", "raw").names is Names.RAW
    assert options("--relative-timestamps=ns").relative is Precision.NS
    assert not options("-v").abbreviated("uname")


@pytest.mark.parametrize(
    "words",
    [
        ["-Q"], ["-s", "x"], ["-s"], ["-e", "trace=nosuch"], ["-e", "foo=bar"], ["-e", "signal=foo"], ["-p", "0"],
        ["-I", "9"], ["-S", "foo"], ["-U", "a"], ["-O", "3x"], ["-e", "status=foo"], ["-e", "read=x"], ["--nosuch"],
        ["-c", "-ff", "-o", "x"],
    ],
)  # fmt: skip
def test_what_strace_refuses_is_refused_with_its_exit_code(words: list[str]) -> None:
    with pytest.raises(StraceFault) as fault:
        options(*words)
    assert fault.value.exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ["-k"], ["-d"], ["-D"], ["-b", "execve"], ["-P", "/x"], ["-N"], ["-y"], ["-yy"], ["-Y"], ["-e", "verbose=none"],
        ["--tips"], ["-e", "kvm=vcpu"],
        ["-e", "inject=read:error=EIO"], ["--decode-fds=all"], ["--decode-pids=comm"], ["--fault=read"],
    ],
)  # fmt: skip
def test_what_is_not_built_is_refused_in_a_sentence_and_never_ignored(words: list[str]) -> None:
    with pytest.raises(StraceFault, match="is not supported"):
        options(*words)


def test_nothing_to_trace() -> None:
    with pytest.raises(StraceFault, match="PROG"):
        parse(["-f"])


def test_sets_of_calls() -> None:
    network, without = call_set("%net"), call_set("!close,read")
    assert network("connect") and not network("openat")
    assert without("open") and not without("close")
    assert call_set("/^open")("openat") and not call_set("/^open")("close")
    assert not call_set("?nosuch")("read")
    assert call_set("%file")("execve") and not call_set("%file")("read")
    assert call_set("none")("read") is False


def test_sets_of_numbers() -> None:
    assert signal_set("!SIGIO")(15) and not signal_set("!io")(29)
    assert descriptor_set("3,5")(5) and not descriptor_set("3,5")(4)
