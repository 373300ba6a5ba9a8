"""Whole command lines under the installed strace and `wiretale strace`: the same lines, the same exit code."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
NAMES = "-c --summary-sort-by={} -U {} sh -c :"
LINES = [
    NAMES.format("name", "calls,errors,name"),
    NAMES.format("calls", "name,calls"),
    NAMES.format("errors", "errors,calls,name"),
    NAMES.format("nothing", "syscall,count,error"),
    "-C --summary-sort-by=name -U calls,name -e trace=close sh -c :",
    "-c -z --summary-sort-by=name -U calls,errors,name cat /dev/null",
    "-e trace=none -E PATH=/nonexistent true",
    "-P  -e trace=openat,newfstatat cat /dev/null",
    "-P /dev/null -e trace=openat,read,close cat /dev/null",
    "-e trace=openat@32 cat /dev/null",
    "-e trace=!all@32 -e signal=none true",
    "-e raw=openat@64,close@32 -e trace=openat,close cat /dev/null",
    "-e trace=execve -e inject=execve:error=ENOENT true",
    "-e trace=execve -f -e inject=execve:error=ENOENT:when=1 sh -c /bin/true;/bin/true;:",
    "-e trace=getpid -e inject=getppid:retval=5 sh -c echo_$PPID",
    "-e trace=getppid -e inject=getppid:poke_enter=@arg1=00 sh -c :",
    "--failing-only -e trace=access,openat true",
    "--decode-fd=path -e trace=openat cat /dev/null",
    "-D -e trace=none true",
    "-D -o {out} -e trace=none true",
    "-ff -o {out} -e trace=none true",
    "-p 99999999 -e trace=none true",
    "-p ",
]
# Sentences of the tracer itself are worded differently, and stand on lines of their own.
_SENTENCE = re.compile(r"(strace|wiretale): (?!Process).*|Try .*|  try: .*")


def _plain(text: str) -> list[str]:
    text = re.sub(r"0x[0-9a-f]{5,}", "ADDRESS", text)
    text = re.sub(r"\d{3,}", "N", text)
    return [line for line in text.splitlines() if not _SENTENCE.fullmatch(line)]


def outcome(tracer: list[str], words: list[str], folder: Path) -> tuple[int, list[str], list[str], list[list[str]]]:
    """The exit code, both outputs, and what the files hold that were made."""
    folder.mkdir()
    words = [word.replace("{out}", str(folder / "trace")).replace("_", " ") for word in words]
    done = subprocess.run([*tracer, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    files = [_plain(file.read_text()) for file in sorted(folder.iterdir())]
    errors = done.stderr.replace(str(folder), "FOLDER")
    return done.returncode, _plain(done.stdout), sorted(_plain(errors)), files  # the program writes there as well


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_does_what_it_does_under_strace(line: str, tmp_path: Path) -> None:
    require(shutil.which("strace"), "strace is not installed")
    words = line.split(" ")
    ours = outcome([str(Path(sys.executable).with_name("wiretale")), "strace"], words, tmp_path / "ours")
    assert ours == outcome(["strace"], words, tmp_path / "theirs")
