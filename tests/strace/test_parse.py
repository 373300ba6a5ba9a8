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
        ["-e", "inject=read:delay_enter=x"], ["-e", "inject=nosuch:error=1"], ["-e", "inject=read:signal=65"],
        ["-e", "inject=read:signal=RT_33"], ["-e", "inject=read:retval=0b1"], ["-e", "inject=read:retval=1_0"],
        ["-e", "inject=read:retval=08"], ["-e", "inject=read:retval=18446744073709551616"],
        ["-e", "inject=read:delay_enter=1:delay_enter=2"], ["-e", "inject=read:delay_exit=0x10"],
        ["-e", "inject=read:poke_exit=@arg2=00:poke_exit=@arg3=00"], ["-e", "inject=read:poke_enter=@arg2=0g"],
    ],
)  # fmt: skip
def test_what_strace_refuses_is_refused_with_its_exit_code(words: list[str]) -> None:
    with pytest.raises(StraceFault) as fault:
        options(*words)
    assert fault.value.exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ["-k", "-o", "x.wiretale"], ["-k", "--engine=ebpf"], ["-d"], ["--secontext"],
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


@pytest.mark.parametrize(
    ("given", "result"),
    [("-1", -1), ("-0x10", -16), ("010", 8), ("+7", 7), ("18446744073709551615", -1), ("4294967296", 1 << 32)],
)
def test_results_are_numbers_as_c_writes_them(given: str, result: int) -> None:
    (rule,) = {(r.result, r.fails) for r in options("-e", f"inject=read:retval={given}").tampers}
    assert rule == (result, False)


@pytest.mark.parametrize(
    ("given", "ns"),
    [
        ("1.5ms", 1_500_000),
        (".5us", 500),
        ("1e3", 1_000_000),
        ("1e-3s", 1_000_000),
        ("2", 2000),
        ("9007199254740993ns", 9007199254740993),
    ],
)
def test_delays_may_have_a_fraction(given: str, ns: int) -> None:
    assert {r.delay_exit_ns for r in options("-e", f"inject=read::delay_exit={given}:").tampers} == {ns}


def test_of_several_rules_for_a_call_the_last_is_the_only_one() -> None:
    rules = options("-e", "inject=read,write:error=1", "-e", "inject=read:signal=USR1").tampers
    found = {(r.number, r.result, r.signal) for r in rules if r.arch == Arch.X86_64}
    assert found == {(0, None, 10), (1, -1, 0)}


def test_only_calls_that_are_traced_are_tampered_with() -> None:
    found = options("-e", "inject=read,write:error=1", "-e", "trace=write@64").tampers
    assert {(r.arch, r.number) for r in found} == {(Arch.X86_64, 1), (Arch.AARCH64, 64)}
    none = options("-e", "inject=read:error=1", "-e", "trace=write")
    assert not none.tampers and "no effect" in none.remarks[-1]


@pytest.mark.parametrize(
    ("retval", "doubt"),
    [
        ("-1", "error 1"),
        ("-4095", "error 4095"),
        ("-4096", "32-bit"),
        ("4294967295", "32-bit"),
        ("4294967296", "sees 0"),
    ],
)
def test_a_result_that_a_program_takes_for_something_else_is_remarked(retval: str, doubt: str) -> None:
    (said,) = options("-e", f"inject=read:retval={retval}").remarks
    assert doubt in said
    assert not options("-e", "inject=read:retval=7", "-e", "fault=write").remarks


def test_nothing_to_trace() -> None:
    with pytest.raises(StraceFault, match="PROG"):
        parse(["-f"])


def test_sets_of_calls() -> None:
    network, without = call_set("%net"), call_set("!close,read")
    assert network("connect", Arch.X86_64) and not network("openat", Arch.X86_64)
    assert without("open", Arch.X86_64) and not without("close", Arch.X86_64)
    assert call_set("/^open")("openat", Arch.X86_64) and not call_set("/^open")("close", Arch.X86_64)
    assert not call_set("?nosuch")("read", Arch.X86_64)
    assert call_set("%file")("execve", Arch.X86_64) and not call_set("%file")("read", Arch.X86_64)
    assert call_set("none")("read", Arch.X86_64) is False


@pytest.mark.parametrize(
    ("text", "of_64", "of_32"),
    [
        ("read@32", False, True), ("read@64", True, False), ("read@x32", False, False), ("read", True, True),
        ("0@64", True, False), ("3@32", False, True), ("0", True, False), ("%desc@32", False, True),
        ("/^read$@64", True, False), ("!read@64", False, True), ("!all@32", True, False), ("all@x32", False, False),
        ("read@64,read@32", True, True), ("?nosuch@32", False, False),
    ],
)  # fmt: skip
def test_a_call_of_one_kind_of_program(text: str, of_64: bool, of_32: bool) -> None:
    chosen = call_set(text)
    assert (chosen("read", Arch.X86_64), chosen("read", Arch.I386)) == (of_64, of_32)


@pytest.mark.parametrize("text", ["socketcall@64", "newfstatat@32", "uselib@x32", "999@32", "%nosuch@64", "/nosuch@64"])
def test_a_call_that_such_programs_do_not_have_is_refused(text: str) -> None:
    with pytest.raises(StraceFault, match="invalid system call"):
        call_set(text)


def test_sets_of_numbers() -> None:
    assert signal_set("!SIGIO")(15) and not signal_set("!io")(29)
    assert descriptor_set("3,5")(5) and not descriptor_set("3,5")(4)


@pytest.mark.parametrize(
    "words",
    [
        ["-t", "--timestamps"], ["-D", "--daemonize"], ["-f", "--follow-forks"], ["-x", "--strings-in-hex"],
        ["-q", "--quiet"], ["-q", "-e", "q=none"], ["--decode-fds", "-yy"], ["-y", "-e", "decode-fd=all"],
        ["-ff", "--output-separately"], ["-c", "-C"], ["--summary", "--summary-only"], ["-C", "-ff", "-o", "x"],
        ["-w"], ["-U", "name"],
    ],
)  # fmt: skip
def test_options_that_contradict_each_other_are_refused(words: list[str]) -> None:
    with pytest.raises(StraceFault, match=r"together|exclusive|must be given with"):
        options(*words)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["--string-limit=-42"], "invalid --string-limit argument: '-42'"),
        (["-s", "1073741824"], "invalid -s argument: '1073741824'"),
        (["-a", "2147483647"], "invalid -a argument: '2147483647'"),  # would fill memory with blanks
        (["--columns=x"], "invalid --columns argument: 'x'"),
        (["--const-print-style=a"], "invalid --const-print-style argument: 'a'"),
        (["--interruptible=0"], "invalid --interruptible argument: '0'"),
        (["-p", "99999999999"], "Invalid process id: '99999999999'"),
        (["--timestamps=format:s"], "invalid --timestamps argument: 'format:s'"),
        (["--timestamps=s,precision:none"], "argument: 's,precision:none'"),
        (["--decode-fds="], "invalid decode-fds ''"),
        (["--quiet="], "invalid quiet ''"),
        (["-U", "time,calls,time_percent", "-c"], "more than once: 'time_percent'"),
        (["-U", "syscall_names"], "'syscall_names'"),
        (["-e", "read=!,,"], "invalid descriptor '!,,'"),
        (["-e", "quiet=,"], "invalid quiet ','"),
        (["-e", "trace=close@"], "personality ''"),
        (["-e", "trace=close@42"], "personality '42' in 'close@42'"),
        (["-e", "read=99999999999"], "invalid descriptor '99999999999'"),
        (["-e", "secontext=full"], "is not supported"),
        (["--sum"], "--summary-only, --summary"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_option_as_it_was_spelt_and_the_wrong_word(words: list[str], wrong: str) -> None:
    with pytest.raises(StraceFault) as fault:
        options(*words)
    assert wrong in fault.value.message


@pytest.mark.parametrize(
    ("words", "remark"),
    [
        (["-c", "-i"], "-i/"), (["-c", "--timestamps"], "-t/"), (["-A"], "-A/"), (["--output-separately"], "-o/"),
        (["-S", "name"], "-S/"), (["-F"], "use -f"), (["-fF"], "-f is enough"),
        (["--seccomp-bpf"], "-f/"), (["-f", "--seccomp-bpf", "-b", "execve", "-e", "close"], "with -b"),
        (["-f", "--seccomp-bpf"], "every call"), (["-f", "--seccomp-bpf", "-D", "-e", "close"], "with -D"),
        (["-z", "--failed-only"], "the last one counts"), (["-P", "///"], 'Requested path "///" resolved into "/"'),
    ],
)  # fmt: skip
def test_of_an_option_without_an_effect_it_is_said(words: list[str], remark: str) -> None:
    (said,) = options(*words).remarks
    assert remark in said


def test_options_with_an_effect_need_no_remark() -> None:
    assert not options("-f", "-A", "-o", "x", "--seccomp-bpf", "-e", "close", "-C", "-i", "-P", "/", "-z").remarks
    assert not options("-P", "///", "-e", "quiet=path-resolution").remarks


def test_the_last_of_two_precisions_counts() -> None:
    assert options("-r", "--relative-timestamps=ms").relative is Precision.MS
    assert options("--relative-timestamps=ms", "-r").relative is Precision.US


def test_what_a_long_option_means_without_a_value() -> None:
    assert options("--quiet").quiet == {"attach", "personality"} == options("-q").quiet
    assert options("--daemonize").daemon == 1 and options("--daemonize=Pgrp").daemon == 2
    assert options("--strings-in-hex").hex is Hex.ALL and options("--syscall-times").took is Precision.US


def test_a_second_negation_takes_the_first_one_back() -> None:
    assert call_set("!!close")("close", Arch.X86_64) and not call_set("!!close")("open", Arch.X86_64)
    assert signal_set("!!term")(15) and not signal_set("!!term")(2)
