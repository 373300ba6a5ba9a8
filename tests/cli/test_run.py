"""`wiretale run`: one list in true order while the program runs, and nothing of the program's own changed."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e

WIRETALE = [sys.executable, "-m", "wiretale", "run"]
NETCAT = f"{sys.executable} -m wiretale.netcat"


def lines_of(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def wait_for(log: Path, pattern: str, process: "subprocess.Popen[str]") -> str:
    """The first line that matches; fails if the recorder ends or two minutes pass before there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = next((line for line in lines_of(log) if re.search(pattern, line)), None)
        if found is not None:
            return found
        assert process.poll() is None, f"ended before {pattern!r}: {lines_of(log)[-5:]}"
    raise AssertionError(f"no line like {pattern!r}: {lines_of(log)[-5:]}")


@pytest.mark.parametrize("engine", ["ptrace", "ebpf"])
def test_calls_and_packets_are_one_list_in_the_order_of_the_clock(tmp_path: Path, engine: str) -> None:
    require(engine == "ptrace" or os.geteuid() == 0, "root is needed to load BPF programs")
    log = tmp_path / "log"
    done = subprocess.run(
        [*WIRETALE, "--log", str(log), "--engine", engine, "--private-net", "--type", "salam",
         "--with", f"{NETCAT} 127.0.0.1 4000", "--",
         *NETCAT.split(), "-l", "127.0.0.1", "4000"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout == "salam\n", done.stderr
    lines = lines_of(log)
    times = [float(line.split()[0]) for line in lines]
    assert times == sorted(times)
    text = "\n".join(lines)
    order = [
        r"\[SYN\]",
        r"\[SYN, ACK\]",
        r'write\(\d+, "salam\\n", 6\)',  # whole, or as it begins
        r'len=6 "salam\\n"',
        r'read(\(\d+, "salam\\n", 16384\) = 6| resumed = 6 \("salam\\n"\))',
        r"\[FIN, ACK\]",
    ]
    places = []
    for pattern in order:
        found = re.search(pattern, text[places[-1] if places else 0 :])
        assert found, f"{pattern} after {order[: len(places)]}"
        places.append((places[-1] if places else 0) + found.start())
    assert re.search(r"seq=1 ack=1 win=\d+ len=6", text), "sequence numbers are relative"


def test_a_blocked_call_is_visible_while_it_blocks(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "import os; os.write(1, b'ready\\n'); os.read(0, 100); os.write(1, b'done\\n')"
    with subprocess.Popen(
        [*WIRETALE, "--no-packets", "--log", str(log), "--", sys.executable, "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        wait_for(log, r"read\(0, .*\.\.\.$", process)
        assert not any("read resumed" in line for line in lines_of(log))
        out, _ = process.communicate("now\n", timeout=60)
    assert out == "ready\ndone\n"
    assert process.returncode == 0
    assert any('read resumed = 4 ("now\\n")' in line for line in lines_of(log))


def test_the_status_passes_and_nothing_is_left(tmp_path: Path) -> None:
    done = subprocess.run(
        [*WIRETALE, "--no-packets", "--", "sh", "-c", "exit 5"],
        capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 5
    assert done.stdout == ""
    assert "exit_group(5) = ?" in done.stderr
    assert "exited with status 5" in done.stderr
    assert "\x1b" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_hostile_bytes_never_reach_the_terminal_as_they_are(tmp_path: Path) -> None:
    script = "import os; os.write(2, b''); os.write(os.open('/dev/null', 1), b'\\x1b]0;owned\\x07\\x9b31m\\x00\\xff')"
    done = subprocess.run(
        [*WIRETALE, "--no-packets", "--", sys.executable, "-c", script], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0
    assert b"\\33]0;owned\\7" in done.stderr
    assert not set(done.stderr) & (set(range(32)) - {10} | {127} | set(range(0x80, 0x100)))


def test_the_program_goes_on_when_nobody_reads_the_list_any_more(tmp_path: Path) -> None:
    capture = tmp_path / "c.wiretale"
    script = "import os; os.write(1, b'ready\\n'); os.read(0, 100); os.write(1, b'done\\n'); os._exit(3)"
    with subprocess.Popen(
        [*WIRETALE, "--no-packets", "-o", str(capture), "--", sys.executable, "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout and process.stdin and process.stderr
        assert process.stdout.readline() == "ready\n"
        process.stderr.close()
        process.stdin.write("now\n")
        process.stdin.close()
        assert process.stdout.read() == "done\n"
        assert process.wait(60) == 3
    assert [p.name for p in tmp_path.iterdir()] == [capture.name]


def test_a_filter_chooses_the_lines_while_they_come(tmp_path: Path) -> None:
    log = tmp_path / "log"
    chosen = '(call.name == "read" && call.retval == 6) || tcp.len > 0 || (call.name == "write" && fd == 1)'
    done = subprocess.run(
        [*WIRETALE, "--log", str(log), "--filter", chosen, "--private-net", "--type", "salam",
         "--with", f"{NETCAT} 127.0.0.1 4000", "--", *NETCAT.split(), "-l", "127.0.0.1", "4000"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout == "salam\n", done.stderr
    # A call during which something else happened has two lines: its beginning, and what it returned.
    steps = r'(read)(?:\(\d+, | resumed = 6 \()"salam|(len)=6 "salam|(write)\(1, "salam|write (resumed) = 6'
    found = [re.search(steps, line) for line in lines_of(log)]
    assert all(found), lines_of(log)
    kinds = [next(filter(None, m.groups())) for m in found if m]
    assert [k for k in kinds if k != "resumed"] == ["read", "len", "read", "write"]


def test_a_call_that_blocks_is_asked_again_when_it_returns(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "import os; os.write(1, b'ready\\n'); os.read(0, 100)"
    with subprocess.Popen(
        [*WIRETALE, "--no-packets", "--log", str(log), "--filter", "call.retval == 4 && fd == 0", "--",
         sys.executable, "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.communicate("now\n", timeout=60)
    assert [line.split("python")[-1] for line in lines_of(log) if "read(0" not in line] == []
    assert any('read(0, "now\\n", 100) = 4' in line for line in lines_of(log))


def test_a_filter_that_is_none_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for text, says in (("tcp.prt == 1", "did you mean tcp.port?"), ("tcp.stream == 0", "everything has been recorded"),
                       ('payload matches "("', "regular expression")):  # fmt: skip
        done = subprocess.run(
            [*WIRETALE, "--filter", text, "--", "touch", str(tmp_path / "ran")],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2
        assert says in done.stderr
    assert not (tmp_path / "ran").exists()
