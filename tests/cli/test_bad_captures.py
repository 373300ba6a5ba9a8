"""Captures damaged anywhere: every command prints what it can or one sentence, and ends with a documented code."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ordinary_user import run_as_nobody
from wiretale.errors import Exit

pytestmark = pytest.mark.e2e

COMMANDS = (["show"], ["connections"], ["ps"], ["fds", "--at", "end"], ["export", "--to", "pcapng", "-o", "OUT"])
TRIALS = 12


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("capture") / "c.wiretale"
    subprocess.run(
        [sys.executable, "-m", "wiretale", "record", "-q", "-o", str(path), "--", "true"], check=True, timeout=60
    )
    return path.read_bytes()


def damaged(content: bytes, how: int, chance: random.Random) -> bytes:
    """One flipped bit, scattered wrong bytes, a stretch of noise, or a cut, by `how`."""
    wrong = bytearray(content)
    at = chance.randrange(len(wrong))
    if how == 0:
        wrong[at] ^= 1 << chance.randrange(8)
    elif how == 1:
        for _ in range(len(wrong) // 5000):
            wrong[chance.randrange(len(wrong))] = chance.randrange(256)
    elif how == 2:
        noise = chance.randbytes(chance.randrange(1, 20_000))
        wrong[at : at + len(noise)] = noise[: len(wrong) - at]
    else:
        del wrong[at:]
    return bytes(wrong)


@pytest.mark.parametrize("trial", range(TRIALS))
def test_no_damage_gets_past_the_reader_unsaid(tmp_path: Path, capture: bytes, trial: int) -> None:
    chance = random.Random(trial)
    path = tmp_path / "damaged.wiretale"
    path.write_bytes(damaged(capture, trial % 4, chance))
    command = [str(tmp_path / "out") if word == "OUT" else word for word in chance.choice(COMMANDS)]
    done = subprocess.run(
        [sys.executable, "-m", "wiretale", command[0], str(path), *command[1:]],
        capture_output=True, text=True, errors="replace", check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode in (Exit.OK, Exit.FAILED, Exit.CAPTURE), done.stderr
    if done.returncode == Exit.CAPTURE:
        assert done.stderr.startswith("wiretale: ")
        assert "Traceback" not in done.stderr


def run(*words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "wiretale", *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_wrong_checksum_is_damage_and_not_a_lock(tmp_path: Path, capture: bytes) -> None:
    path = tmp_path / "c.wiretale"
    wrong = bytearray(capture)
    for at in range(5 * 4096, len(wrong), 5000):
        wrong[at] ^= 0xFF
    path.write_bytes(wrong)
    done = run("show", path)
    assert done.returncode == Exit.CAPTURE
    assert "damaged" in done.stderr
    assert "another program" not in done.stderr


def test_a_pipe_is_no_capture_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run("show", tmp_path / "pipe")
    assert done.returncode == Exit.CAPTURE
    assert "is no file" in done.stderr


@pytest.mark.parametrize("words", [("export", "--to", "pcapng"), ("export", "--to", "csv", "--table", "call")])
def test_a_device_is_written_to_and_never_replaced(tmp_path: Path, capture: bytes, words: tuple[str, ...]) -> None:
    (tmp_path / "c.wiretale").write_bytes(capture)
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE) as reader:
        done = run(*words, tmp_path / "c.wiretale", "-o", tmp_path / "pipe", "--force")
        assert reader.stdout is not None
        assert reader.stdout.read(4)
    assert "wrote" in done.stderr
    assert (tmp_path / "pipe").is_fifo()


def test_what_is_no_file_is_not_overwritten_by_a_capture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run("record", "--force", "-o", tmp_path / "pipe", "--", "true")
    assert done.returncode == Exit.USAGE
    assert (tmp_path / "pipe").is_fifo()


def test_a_folder_that_may_not_be_written_is_said_before_anything_runs(tmp_path: Path) -> None:
    done = run_as_nobody(tmp_path, ["-m", "wiretale", "record", "-o", "/mnt/x.wiretale", "--", "echo", "ran"])
    assert (done.returncode, done.stdout) == (Exit.PERMISSION, "")
    assert "may not write into the folder /mnt" in done.stderr
    done = run_as_nobody(tmp_path / "home", ["-m", "wiretale", "record", "-o", "/root/x.wiretale", "--", "true"])
    assert done.returncode == Exit.PERMISSION
