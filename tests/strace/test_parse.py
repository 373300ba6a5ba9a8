"""The command line is read as strace reads it."""

import pytest

from wiretale.decode.strace.style import Hex, Names
from wiretale.model.enums import Arch
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import DETAILS, Precision
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
        ["-c", "-ff", "-o", "x"], ["-b", "open"], ["-DDDD"], ["-e", "decode-fds=foo"], ["-e", "inject=read"],
        ["-e", "inject=read:error=NOSUCH"], ["-e", "inject=read:error=1:retval=1"], ["-e", "fault=read:signal=1"],
        ["-e", "inject=read:signal=1:when=0"], ["-e", "inject=read:signal=1:when=3..2"],
        ["-e", "inject=read:delay_enter=x"], ["-e", "inject=nosuch:error=1"],
    ],
)  # fmt: skip
def test_what_strace_refuses_is_refused_with_its_exit_code(words: list[str]) -> None:
    with pytest.raises(StraceFault) as fault:
        options(*words)
    assert fault.value.exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ["-k"], ["-d"], ["--tips"], ["-e", "kvm=vcpu"], ["--secontext"],
        ["--secontext=full"],
    ],
)  # fmt: skip
def test_what_is_not_built_is_refused_in_a_sentence_and_never_ignored(words: list[str]) -> None:
    with pytest.raises(StraceFault, match="is not supported"):
        options(*words)


def test_what_is_said_of_descriptors() -> None:
    assert options().descriptors == frozenset()
    assert options("-y").descriptors == options("--decode-fds").descriptors == {"path"}
    assert options("-yy").descriptors == options("--decode-fds=all").descriptors == DETAILS
    assert options("-e", "decode-fds=socket").descriptors == {"socket"}


def test_a_fault_without_an_error_is_enosys() -> None:
    rules = options("--fault=read").tampers
    assert {r.result for r in rules} == {-38}
    assert (int(Arch.X86_64), 0) in {(r.arch, r.number) for r in rules}


@pytest.mark.parametrize(
    ("when", "first", "last", "step"),
    [("3", 3, 3, 1), ("3+", 3, 0xFFFFFFFF, 1), ("2+5", 2, 0xFFFFFFFF, 5), ("2..9", 2, 9, 1), ("2..9+3", 2, 9, 3)],
)
def test_which_calls_are_tampered_with(when: str, first: int, last: int, step: int) -> None:
    rule = options("-e", f"inject=read:retval=0x10:when={when}").tampers[0]
    assert (rule.result, rule.first, rule.last, rule.step) == (16, first, last, step)


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
