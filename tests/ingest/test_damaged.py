"""Damaged captures through the whole of `wiretale import` and `show`: everything readable is kept and can be shown."""

import random
import struct
from pathlib import Path

import duckdb
import pytest

from tests.filter.frames import frames
from tests.ingest.files import enhanced, interface, pcap, section
from wiretale.cli import run
from wiretale.errors import Exit

MANY = 20_000


def imported(data: bytes, folder: Path, code: Exit = Exit.OK) -> duckdb.DuckDBPyConnection:
    (folder / "x.pcap").write_bytes(data)
    capture = folder / "x.wiretale"
    assert run(["import", str(folder / "x.pcap"), "-o", str(capture)]) == code
    return duckdb.connect(str(capture), read_only=True)


def damaged(dice: random.Random, frame: bytes) -> tuple[bytes, int]:
    """What was captured, and the length on the wire."""
    data = bytearray(frame)
    for _ in range(dice.choice([0, 1, 3])):
        data[dice.randrange(min(len(data), 80))] = dice.choice([0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)])
    kept = dice.choice([len(data), dice.randrange(len(data) + 1)])
    return bytes(data[:kept]), dice.choice([kept, len(data), len(data) + 1000])


@pytest.mark.parametrize("seed", range(2))
def test_frames_damaged_and_cut_anywhere_are_shown(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(seed)
    data = pcap([])
    for n in range(2000):
        part, length = damaged(dice, dice.choice(frames()))
        data += struct.pack("<IIII", n, 0, len(part), max(length, len(part))) + part
    imported(data, tmp_path).close()
    capsys.readouterr()
    assert run(["show", "--all", str(tmp_path / "x.wiretale")]) == Exit.OK
    assert capsys.readouterr().out.count(" pkt ") == 2000


def test_many_interfaces_bad_packets_and_comments_take_no_longer_each(tmp_path: Path) -> None:
    """One row at a time they would take a minute."""
    data = section() + interface() * MANY + b"".join(enhanced(b"x" * 20, n, number=n) for n in range(0, MANY, 10))
    data += enhanced(b"bad", 1, number=MANY) * MANY + enhanced(b"x" * 20, 1, *[(1, b"ab")] * 10_000)
    db = imported(data, tmp_path, Exit.FAILED)
    assert db.execute("SELECT count(*), max(length(comment)) FROM packet").fetchone() == (MANY // 10 + 1, 29_999)
    assert db.execute("SELECT count(*) FROM interface").fetchone() == (MANY,)
    assert db.execute("SELECT count(*) FROM coverage WHERE reason LIKE 'at byte%'").fetchone() == (MANY,)
