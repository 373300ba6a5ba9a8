"""The line that tells of work that takes a while: on a terminal, while it takes, and nowhere else."""

import os
import pty
import select
import subprocess
import sys

# Works until its standard input ends, in one step that reports nothing more, as a long query does.
WORK = """
import sys
from wiretale.cli.progress import steps
with steps() as progress:
    progress("working")
    sys.stdin.read()
print("done")
"""


def read(terminal: int) -> bytes:
    """What comes next; nothing if nothing comes for a long time, or nobody is left to write."""
    try:
        return os.read(terminal, 4096) if select.select([terminal], [], [], 60)[0] else b""
    except OSError:  # EIO: nobody has the other end open any more
        return b""


def test_on_a_terminal_a_line_comes_while_one_step_takes_long_and_is_gone_at_the_end():
    terminal, other = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=other,
        env=os.environ | {"TERM": "xterm"},
    ) as process:  # fmt: skip
        os.close(other)
        shown = b""
        while b"wiretale: working" not in shown:
            piece = read(terminal)
            assert piece, shown
            shown += piece
        out, _ = process.communicate()
        rest = b"".join(iter(lambda: read(terminal), b""))
    os.close(terminal)
    assert (process.returncode, out) == (0, b"done\n")
    assert rest.endswith(b"\x1b[2K")  # the line is erased; the cursor was made visible again before
    assert (shown + rest).rindex(b"\x1b[?25h") > (shown + rest).rindex(b"\x1b[?25l")


def test_in_a_pipe_nothing_is_written_of_it():
    done = subprocess.run([sys.executable, "-c", WORK], input=b"", capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"done\n", b"")
