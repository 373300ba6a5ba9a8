"""--tips says one thing, chosen or not, after everything else; its values are those of strace."""

import subprocess
import sys

import pytest

from wiretale.strace.faults import StraceFault
from wiretale.strace.parse import parse
from wiretale.strace.tips import TIPS, tip_text

WRONG = ("id", "id:", "-1", "2147483648", "id:rand", "2,3,radomm,4", "format", "format:", "id:format", "id:format:full",
         "format:id:0", ":full", "fulll")  # fmt: skip


def said(*words: str) -> str:
    tracer = [sys.executable, "-m", "wiretale", "strace", "-qqq", "-e", "trace=none"]
    done = subprocess.run([*tracer, *words, "true"], capture_output=True, text=True, check=True)
    return done.stderr


@pytest.mark.parametrize("value", WRONG)
def test_a_wrong_value_is_named_as_it_was_typed(value: str) -> None:
    with pytest.raises(StraceFault, match="invalid --tips argument: '" + value + "'"):
        parse([f"--tips={value}", "true"])


@pytest.mark.parametrize(
    ("words", "format_", "tip"),
    [
        ([], "none", None), (["--tips"], "compact", None), (["--tips="], "compact", None), (["--tips=3"], "compact", 3),
        (["--tips=1,id:42"], "compact", 42), (["--tips=id:2,full"], "full", 2),
        (["--tips=full", "--tips="], "full", None),
        (["--tips=3", "--tips=id:random"], "compact", None), (["--tips=format:none"], "none", None),
        (["--tips", "--tips=format:full,3,none,id:42,compact"], "compact", 42),
    ],
)  # fmt: skip
def test_what_the_values_choose(words: list[str], format_: str, tip: int | None) -> None:
    options = parse([*words, "true"])[0]
    assert (options.tip_format, options.tip) == (format_, tip)


def test_each_number_has_its_tip_and_those_beyond_begin_anew() -> None:
    assert len({tip_text("compact", n) for n in range(len(TIPS))}) == len(TIPS)
    assert tip_text("full", 1) == tip_text("full", 1 + len(TIPS))
    assert len({tip_text("compact", None) for _ in range(100)}) > 1


def test_a_full_tip_holds_its_command_whole_and_no_line_is_long() -> None:
    for number, (told, command) in enumerate(TIPS):
        lines = tip_text("full", number).splitlines()
        assert f"    {command}" in lines
        assert " ".join(" ".join(lines[1:-3]).split()) == told
        assert max(map(len, lines)) <= 80


def test_the_tip_stands_behind_everything_else() -> None:
    assert said("--tips=0") == tip_text("compact", 0)
    assert said() == ""


def test_every_command_of_a_tip_is_one_that_wiretale_takes() -> None:
    for _, command in TIPS:
        words = command.removeprefix("sudo ").split()
        assert words[0] == "wiretale"
        if words[1] == "strace":
            assert parse(words[2:])[0].command
