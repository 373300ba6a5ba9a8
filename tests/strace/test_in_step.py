"""Where the program writes to what its lines are printed to: byte for byte what strace's reader sees."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
WIRETALE = [str(Path(sys.executable).with_name("wiretale")), "strace"]
PYTHON_PRINTS = "-etrace=getppid,write,writev,execve,wait4,exit_group"
MANY = "import os\nfor n in range(40): os.getppid(), os.write(2, b'line %d\\n' % n), os.write(1, b'half')\n"
OPENED = "import os\nfd = os.open('/dev/stderr', os.O_WRONLY)\nfor n in range(9): os.getppid(), os.writev(fd, [b'x'])\n"


def _shown(tracer: list[str], words: list[str]) -> tuple[int, str]:
    """The exit code, and what a reader of both outputs sees; -f names processes, and pointers vary."""
    done = subprocess.run(
        [*tracer, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    )
    text = re.sub(r"0x[0-9a-f]{5,}", "ADDRESS", done.stdout)
    return done.returncode, re.sub(r"\b\d{3,}\b", "N", text)


@pytest.mark.parametrize(
    "words",
    [
        ["-s", "0", "sh", "-c", "echo a >&2; echo b; echo c >&2"],
        ["-etrace=write", "-f", "sh", "-c", "echo a >&2; (echo b); ls /nonexistent"],
        [PYTHON_PRINTS, sys.executable, "-S", "-E", "-c", MANY],
        [PYTHON_PRINTS, sys.executable, "-S", "-E", "-c", OPENED],
        [PYTHON_PRINTS, "-o", "/dev/stdout", sys.executable, "-S", "-E", "-c", MANY],
        ["-etrace=execve", "-einject=execve:error=ENOENT", "true"],
    ],
    ids=["in C", "children", "many", "opened again", "-o", "not executed"],
)
def test_what_the_program_writes_stands_where_it_stands_under_strace(words: list[str]) -> None:
    require(shutil.which("strace"), "strace is not installed")
    theirs = _shown(["strace"], words)
    if words[-1] == "true":  # both say in words of their own that it could not be executed
        assert _shown(WIRETALE, words)[1].split("\n")[0] == theirs[1].split("\n")[0]
    else:
        assert _shown(WIRETALE, words) == theirs


def test_lines_beside_a_capture_stand_where_they_stand_under_strace(tmp_path: Path) -> None:
    require(shutil.which("strace"), "strace is not installed")
    words = [PYTHON_PRINTS, sys.executable, "-S", "-E", "-c", MANY]
    status, text = _shown(WIRETALE, ["-o", str(tmp_path / "made.wiretale"), *words])
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("strace: ")]
    assert (status, "".join(lines)) == _shown(["strace"], words)


@pytest.mark.parametrize("printer", [[], [PYTHON_PRINTS]], ids=["C", "Python"])
def test_a_child_that_is_not_traced_writes_after_its_maker_is_seen_to_wait(printer: list[str]) -> None:
    """Not said of strace to the byte: when its child writes is the scheduler's choice under both."""
    _, text = _shown(WIRETALE, [*printer, "sh", "-c", "sh -c 'echo child >&2'; :"])
    made, child = re.search(r"^v?(fork|clone)\(", text, re.MULTILINE), text.index("child\n")
    assert made is None or made.start() < child
    assert text.index("execve(") < child


def test_a_program_goes_on_when_who_prints_its_lines_is_killed(tmp_path: Path) -> None:
    """It may wait for its lines just then."""
    marks = tmp_path / "marks"
    script = f"import os\nmarks = {str(marks)!r}\nwhile not os.path.exists(marks): os.write(2, b'x')\n"
    script += "open(marks, 'a').write('end')\n"
    with subprocess.Popen([*WIRETALE, sys.executable, "-S", "-c", script], stderr=subprocess.PIPE) as tracer:
        assert tracer.stderr is not None
        while b"write(2" not in tracer.stderr.readline():
            pass
        tracer.send_signal(signal.SIGKILL)
        tracer.wait(30)
        marks.write_text("")
        while tracer.stderr.read(65536):  # until the program has ended, too
            pass
    assert marks.read_text() == "end"
