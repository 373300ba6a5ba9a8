"""`ptrace.calls`: what kernel programs packed becomes the tracer's events, and damage is counted."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wiretale.errors import ResourceFault
from wiretale.model.enums import Arch
from wiretale.model.spool import CHUNK_BYTES, EventFlag, EventKind, Role
from wiretale.store.load import packed_calls
from wiretale.store.load.ptrace_files import CHUNK_TYPE, EVENT_TYPE, Records, read_records
from wiretale.store.spool import Spool

from .ptrace_spool import PtraceSpool

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
BLOCK = 1 << 16
_ENTRY, _EXIT, _CALL, _CONTEXT, _CPU = range(1, 6)
_WIDE, _PIECE, _PIECES, _GIVEN = 1, 2, 4, 8
_ADDRESS, _DETAIL, _HELD = 8, 16, 32
BASE_NS, BASE_IP, TID, TGID = 5_000_000_000, 0x7F0000001000, 41, 40
ARCH = Arch.X86_64


def context(tid: int = TID, time_ns: int = BASE_NS) -> bytes:
    return struct.pack("<HBBIQQII", 4, _CONTEXT, 0, ARCH, time_ns, BASE_IP, tid, TGID)


def cpu(number: int) -> bytes:
    return struct.pack("<HBBI", 1, _CPU, 0, number)


def call(kind: int, number: int, fields: bytes, how: tuple[int, int] = (0, 0), rest: bytes = b"") -> bytes:
    """A record with `fields` behind its first 8 bytes, and `rest` padded behind those; `how`: form and shape."""
    body = fields + rest
    body += bytes(-len(body) % 8)
    return struct.pack("<HBBHH", 1 + len(body) // 8, kind, how[0], number, how[1]) + body


def unpacked(folder: Path, *blocks: bytes) -> Records:
    spool = PtraceSpool().write(folder / "spool")
    spool.calls_path.write_bytes(b"".join(block.ljust(BLOCK, b"\0") for block in blocks[:-1]) + blocks[-1])
    found = read_records(spool)
    assert found is not None
    return found


def test_a_call_without_anything(tmp_path: Path) -> None:
    getppid = call(_CALL, 110, struct.pack("<IiIi", 700, 40, 200, -16))
    (event,) = unpacked(tmp_path, cpu(3) + context() + getppid).events
    assert (event["kind"], event["number"], event["value"], event["arch"]) == (EventKind.CALL, 110, 40, ARCH)
    assert (event["time_ns"], event["resume_ns"]) == (BASE_NS + 500, BASE_NS + 700)
    assert (event["extra"], event["tid"], event["tgid"], event["cpu"]) == (BASE_IP - 16, TID, TGID, 3)
    assert event["chunks"] == event["flags"] == 0
    assert event["args"].tolist() == [0] * 6


def test_an_entry_with_its_arguments_and_what_it_carries(tmp_path: Path) -> None:
    arguments = struct.pack("<IQI", 5, 0x7FFD00000010, 3)
    piece = struct.pack("<HBBI", 3, Role.PAYLOAD, 1, 3) + b"abc"
    entry = call(_ENTRY, 44, struct.pack("<Ii", 1, 9), (_PIECE, 0b01_10_01), arguments + piece)
    exit_ = call(_EXIT, 44, struct.pack("<Ii", 9, -32))
    found = unpacked(tmp_path, cpu(0) + context() + entry + exit_)
    assert found.events["kind"].tolist() == [EventKind.ENTRY, EventKind.EXIT]
    assert found.events["args"].tolist() == [[5, 0x7FFD00000010, 3, 0, 0, 0], [0] * 6]
    assert found.events["value"].tolist() == [BASE_IP + 9, -32]
    assert found.events["flags"].tolist() == [0, EventFlag.ERROR]
    (chunk,) = found.chunks
    assert (chunk["role"], chunk["arg"], chunk["address"], chunk["full_bytes"]) == (Role.PAYLOAD, 1, 0x7FFD00000010, 3)
    assert found.bytes_of(np.array([0])).tolist() == [b"abc"]


def test_up_to_four_bytes_stand_in_the_place_of_their_number(tmp_path: Path) -> None:
    given_ = struct.pack("<HBB4s", 1, Role.PAYLOAD, 1 | _HELD, b"a...")
    back = struct.pack("<HBB4sQ", 4, Role.STRUCT, 3 | _HELD | _ADDRESS, b"wxyz", 77)
    one = call(_CALL, 44, struct.pack("<IiIi", 9, 1, 3, 0), (_GIVEN | _PIECE, 0), given_ + back)
    none = call(
        _CALL, 45, struct.pack("<IiIi", 9, 0, 3, 0), (_PIECE, 0), struct.pack("<HBBI", 0, Role.PAYLOAD, 1 | _HELD, 7)
    )
    found = unpacked(tmp_path, cpu(0) + context() + one + none)
    assert found.chunks["full_bytes"].tolist() == [1, 4, 0] and found.chunks["address"].tolist() == [0, 77, 0]
    assert found.bytes_of(np.arange(3)).tolist() == [b"a", b"wxyz", b""]
    assert found.damaged_events == found.damaged_chunks == 0


def test_what_is_behind_padded_bytes(tmp_path: Path) -> None:
    given_ = struct.pack("<HBBI", 5, Role.PAYLOAD, 1, 9) + b"fives".ljust(8, b"\0")
    back = struct.pack("<HBBI", 8, Role.ARRAY, 0, 8) + b"after..."
    found = unpacked(
        tmp_path,
        cpu(0) + context() + call(_CALL, 7, struct.pack("<IiIi", 9, 1, 3, 0), (_GIVEN | _PIECE, 0), given_ + back),
    )
    assert found.bytes_of(np.arange(2)).tolist() == [b"fives", b"after..."]


def test_what_does_not_fit_into_32_bits(tmp_path: Path) -> None:
    wide = struct.pack("<Qq", 10_000_000_000, 0x7F1234560000)
    mmap = call(_CALL, 9, struct.pack("<IiIi", 0, 0, 0, 0), (_WIDE, 0), wide)
    (event,) = unpacked(tmp_path, cpu(0) + context(time_ns=20_000_000_000) + mmap).events
    assert (event["time_ns"], event["resume_ns"]) == (10_000_000_000, 20_000_000_000)
    assert (event["value"], event["flags"]) == (0x7F1234560000, 0)


def test_a_piece_with_an_address_and_a_detail_of_its_own_and_several_pieces(tmp_path: Path) -> None:
    own = struct.pack("<HBBI", 8, Role.ARRAY, 0 | _ADDRESS | _DETAIL, 16) + struct.pack("<QQ", 77, 8) + b"12345678"
    one = call(_EXIT, 7, struct.pack("<Ii", 1, 1), (_PIECE, 0), own)
    two = b""
    for number, data in enumerate((b"ab", b"cdefghijk")):
        chunk = np.zeros(1, CHUNK_TYPE)
        chunk["role"], chunk["index"], chunk["reserved"], chunk["full_bytes"] = Role.PAYLOAD, number, len(data), 20
        two += chunk.tobytes() + data + bytes(-len(data) % 8)
    found = unpacked(tmp_path, cpu(0) + context() + one + call(_EXIT, 46, struct.pack("<Ii", 2, 11), (_PIECES, 0), two))
    assert found.chunks["address"].tolist() == [77, 0, 0] and found.chunks["detail"].tolist() == [8, 0, 0]
    assert found.chunks["index"].tolist() == [0, 0, 1] and found.event_of.tolist() == [0, 1, 1]
    assert found.bytes_of(np.arange(3)).tolist() == [b"12345678", b"ab", b"cdefghijk"]
    assert found.damaged_events == found.damaged_chunks == 0


def test_a_call_with_what_it_was_given_is_an_entry_and_a_return(tmp_path: Path) -> None:
    arguments = struct.pack("<QI", 0x7FFD00000010, 1)
    given_ = struct.pack("<HBBI", 8, Role.ARRAY, 0 | _DETAIL, 8) + struct.pack("<Q", 8) + b"before.."
    back = struct.pack("<HBBI", 8, Role.ARRAY, 0 | _DETAIL, 8) + struct.pack("<Q", 8) + b"after..."
    poll = call(
        _CALL,
        7,
        struct.pack("<IiIi", 900, 1, 300, 5),
        (_GIVEN | _PIECE, 0b01_10),
        arguments.ljust(16, b"\0") + given_ + back,
    )
    write = call(
        _CALL, 1, struct.pack("<IiIi", 950, -32, 10, 7), (_GIVEN, 0b10), struct.pack("<Q", 0x7FFD00000010) + given_
    )
    found = unpacked(tmp_path, cpu(1) + context() + poll + write)
    events = found.events
    assert events["kind"].tolist() == [EventKind.ENTRY, EventKind.EXIT] * 2
    assert (events["time_ns"] - BASE_NS).tolist() == [600, 900, 940, 950]
    assert (events["resume_ns"] == events["time_ns"]).all() and events["seq"].tolist() == [0, 1, 2, 3]
    assert events["value"].tolist() == [BASE_IP + 5, 1, BASE_IP + 7, -32]
    assert events["flags"].tolist() == [0, 0, 0, EventFlag.ERROR]
    assert events["args"][:2].tolist() == [[0x7FFD00000010, 1, 0, 0, 0, 0], [0] * 6]
    assert found.event_of.tolist() == [0, 1, 2] and found.chunks["address"].tolist() == [0x7FFD00000010] * 3
    assert found.bytes_of(np.arange(3)).tolist() == [b"before..", b"after...", b"before.."]
    assert found.damaged_events == found.damaged_chunks == 0


def test_they_stand_behind_what_was_looked_at_while_recording(tmp_path: Path) -> None:
    made = PtraceSpool()
    made.entry(1, 4)
    made.chunk(Role.PAYLOAD, b"before")
    spool = made.write(tmp_path / "spool")
    piece = struct.pack("<HBBI", 5, Role.PAYLOAD, 1, 5) + b"after"
    packed = call(_ENTRY, 1, struct.pack("<Ii", 0, 0), (_PIECE, 0), piece)
    spool.calls_path.write_bytes(cpu(0) + context() + packed)
    found = read_records(spool)
    assert found is not None and found.events["seq"].tolist() == [0, 1] and found.chunks["event"].tolist() == [0, 1]
    assert found.bytes_of(np.arange(2)).tolist() == [b"before", b"after"]
    assert not found.damaged_events and not found.damaged_chunks


def test_each_block_stands_for_itself_and_ends_where_it_says(tmp_path: Path) -> None:
    getppid = call(_CALL, 110, struct.pack("<IiIi", 1, 40, 1, 0))
    first = (cpu(0) + context(tid=1) + getppid + bytes(8)).ljust(BLOCK, b"\xff")  # left from an earlier round
    damaged = cpu(0) + getppid  # without a context
    found = unpacked(tmp_path, first, damaged, cpu(1) + context(tid=2) + getppid + getppid[:-8])
    assert found.events["tid"].tolist() == [1, 2] and found.events["cpu"].tolist() == [0, 1]
    assert found.damaged_events == 2  # the block without a context, and the last, which was cut


@QUICK
@given(st.binary(max_size=400), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=20))
def test_whatever_is_in_it_gives_rows_or_counts(tmp_path: Path, tail: bytes, damage: list[tuple[int, int]]) -> None:
    piece = struct.pack("<HBBI", 3, Role.PAYLOAD, 1, 3) + b"abc"
    whole = cpu(0) + context() + call(_ENTRY, 44, struct.pack("<Ii", 1, 9), (_PIECE, 0b10), bytes(8) + piece)
    raw = bytearray(whole + call(_CALL, 110, struct.pack("<IiIi", 1, 40, 1, 0)) + tail)
    for at, value in damage:
        raw[at % len(raw)] = value
    found = unpacked(tmp_path, bytes(raw))
    assert len(found.events) <= len(raw) // 16 and len(found.chunks) <= len(raw) // 8
    assert found.events.dtype == EVENT_TYPE and found.chunks.nbytes == CHUNK_BYTES * len(found.chunks)


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    spool = Spool(tmp_path)
    spool.calls_path.write_bytes(cpu(0) + context())
    monkeypatch.setattr(packed_calls.os, "posix_fallocate", full)
    with pytest.raises(ResourceFault, match="the disk is full") as told:
        packed_calls.unpack(spool.calls_path, (memoryview(b""),) * 3)
    assert "wiretale recover" in told.value.hint
