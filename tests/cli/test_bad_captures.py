"""Captures damaged anywhere: every command prints what it can or one sentence, and ends with a documented code."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

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
