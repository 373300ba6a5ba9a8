"""`wiretale demo`, the first thing a new user types: the conversation, three files, and an orderly end."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import html5lib
import pytest

from tests.conftest import require
from tests.ordinary_user import run_as_nobody

pytestmark = pytest.mark.e2e

# A call that took long on a busy machine stands twice: at its beginning and, "resumed", at its return.
# Only what causes what has an order; and a packet may stand inside the call that sent it.
CLIENT = (
    r"connect\(3, .*htons\(4000\)",
    r"\[SYN\]",
    r'read(\(0, | resumed = 6 \()"salam\\n"',
    r'write\(3, "salam\\n", 6\)',
    r'TCP \[PSH, ACK\].*"salam\\n" .*<- write by .* fd 3; -> read by .* fd 4',
    r"\[FIN, ACK\]",
)
WRITTEN = r'write(\(3, "salam\\n", 6\)| resumed) = 6.*-> bytes 0-5, packet 4'
SERVER = (
    r"socket\(AF_INET, SOCK_STREAM.*= 3",
    r"listen\(3, 1\)",
    r"\[SYN, ACK\]",
    r"accept4( resumed|\(3).*= 4",
    r'read(\(4, | resumed = 6 \()"salam\\n".*<- packet 4, bytes 0-5',
    r"\[FIN, ACK\]",
)


# as the story orders them
FLAGS = {"syn": "SYN", "fin": "FIN", "reset": "RST", "push": "PSH", "ack": "ACK"}


def demo(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "wiretale", "demo", *options],
        capture_output=True, text=True, check=False, timeout=60, cwd=folder,
    )  # fmt: skip


def listing(output: str) -> list[str]:
    """The lines above the story."""
    return output.partition("The story of ")[0].splitlines()


def assert_conversation(lines: list[str]) -> None:
    """The steps of both ends are there, each in its order."""
    for chain in (CLIENT, SERVER):
        rest = iter(lines)
        for pattern in chain:
            assert any(re.search(pattern, line) for line in rest), f"{pattern} is missing, or too early"
    assert sum(bool(re.search(WRITTEN, line)) for line in lines) == 1


@pytest.mark.parametrize("options", [(), ("--builtin",), ("--engine", "ebpf")])
def test_the_conversation_is_shown_and_three_files_are_left(tmp_path: Path, options: tuple[str, ...]) -> None:
    require("ebpf" not in options or os.geteuid() == 0, "root is needed to load BPF programs")
    require("--builtin" in options or shutil.which("nc.openbsd"), "OpenBSD's netcat is not installed")
    done = demo(tmp_path, *options)
    assert done.returncode == 0, done.stderr
    assert_conversation(listing(done.stdout))
    assert "6 bytes from pid" in done.stdout.partition("The story of demo.wiretale\n")[2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["demo.html", "demo.pcapng", "demo.wiretale"]
    assert "next:" in done.stderr
    require(shutil.which("tshark"), "tshark is not installed")
    assert_ladder(tmp_path / "demo.html", tmp_path / "demo.pcapng")


def assert_ladder(page: Path, packets: Path) -> None:
    """The page is valid HTML, and the ladder in it has the packets that tshark finds in the file, in its order."""
    fields = ["frame.number", *(f"tcp.flags.{flag}" for flag in FLAGS), "tcp.len"]
    said = subprocess.run(
        ["tshark", "-r", packets, "-T", "fields", "-Y", "tcp", *(x for name in fields for x in ("-e", name))],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    expected = []
    for line in said.splitlines():
        number, *bits, size = line.split("\t")
        names = ", ".join(name for name, bit in zip(FLAGS.values(), bits, strict=True) if bit in ("1", "True"))
        expected.append(f"packet {number}: {number} {names}" + (f" {size} bytes" if int(size) else ""))
    root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page.read_text("utf-8"))
    (ladder,) = [e for e in root.iter("figure") if str(e.get("id")).endswith("-ladder")]
    drawn = ["".join(e.itertext()) for e in ladder.iter() if str(e.tag).rpartition("}")[2] == "title"]
    assert [text.rpartition(" at ")[0] for text in drawn if text.startswith("packet ")] == expected


def test_the_builtin_netcats_leave_by_themselves_and_their_interpreter_folds(tmp_path: Path) -> None:
    lines = listing(demo(tmp_path, "--builtin").stdout)
    assert sum("exited with status 0" in line for line in lines) == 2
    assert not any("SIG" in line for line in lines if " sig " in line or " proc " in line)
    assert sum("program start" in line for line in lines) == 2
    assert not any(re.search(r"\.pyc?\"|pyvenv|site-packages", line.partition("execve(")[0]) for line in lines)
    assert len(lines) < 80


def test_an_ordinary_user_gets_packets_too(tmp_path: Path) -> None:
    done = run_as_nobody(tmp_path, ["-m", "wiretale", "demo"])
    assert done.returncode == 0, done.stderr
    assert "packets on lo" in done.stdout
    assert_conversation(listing(done.stdout))
