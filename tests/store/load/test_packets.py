"""From blocks to the packet table: order, copies, probes, what was cut, and damage of every kind."""

import struct
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.load.ring_blocks import Packet, block, packet_bytes, write_spool
from wiretale.model.raw import RAW_TABLES
from wiretale.store.load.packets import PacketReader, load_packets
from wiretale.store.spool import Spool

OUT = 4


def datagram(payload: bytes, sport: int = 1, dport: int = 2, ident: int = 0) -> bytes:
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), ident, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    return bytes(12) + b"\x08\0" + ip + struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


class Loaded:
    def __init__(self, folder: Path, blocks: bytes, **detail: object) -> None:
        self.spool = Spool(folder / "s")
        self.manifest = write_spool(self.spool, blocks, **detail)
        self.db = duckdb.connect()
        for table in RAW_TABLES:
            self.db.execute(table.ddl)
        load_packets(self.spool, self.manifest, self.db)
        self.report = self.manifest.sources[0]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.db.execute(sql).fetchall()


def test_rows_are_in_time_order_and_times_are_monotonic(tmp_path: Path) -> None:
    early, late = Packet(5_000, datagram(b"early")), Packet(9_000, datagram(b"late"))
    got = Loaded(tmp_path, block([late]) + block([early], seq=2), netns=77)
    assert got.rows("SELECT packet_id, number, time_ns, netns, frame[43:] FROM packet ORDER BY packet_id") == [
        (1, 1, 5_000, 77, b"early"),
        (2, 2, 9_000, 77, b"late"),
    ]
    assert got.report.clock_error_ns == 50
    assert got.rows("SELECT item, count, state FROM coverage") == [("packets", 2, "recorded")]


def test_identical_loopback_packets_are_paired_one_by_one(tmp_path: Path) -> None:
    same, other = datagram(b"same"), datagram(b"other!")
    packets = [
        Packet(1, same, pkttype=OUT), Packet(2, same, pkttype=OUT), Packet(3, same), Packet(4, other, pkttype=OUT),
        Packet(5, same), Packet(6, other), Packet(7, same, pkttype=OUT), Packet(8, same, hatype=1, ifindex=2),
    ]  # fmt: skip
    got = Loaded(tmp_path, block(packets))
    assert got.rows("SELECT packet_id, tap, shown, twin_id, number FROM packet ORDER BY packet_id") == [
        (1, "out", False, 3, None),
        (2, "out", False, 5, None),
        (3, "in", True, 1, 1),
        (4, "out", False, 6, None),
        (5, "in", True, 2, 2),
        (6, "in", True, 4, 3),
        (7, "out", False, None, None),
        (8, "in", True, None, 4),
    ]
    assert got.rows("SELECT count, reason FROM coverage WHERE state = 'unmatched'") == [
        (1, "seen leaving, not seen arriving")
    ]


def test_a_copy_that_was_cut_is_still_paired(tmp_path: Path) -> None:
    frames = [datagram(bytes([n]) * 500) for n in range(3)]
    packets = [Packet(n, f[:128], 542, pkttype=OUT) for n, f in enumerate(frames)]
    packets += [Packet(10 + n, f) for n, f in enumerate(reversed(frames))]
    got = Loaded(tmp_path, block(packets))
    assert got.rows("SELECT packet_id, twin_id, captured_bytes, payload_bytes FROM packet WHERE tap = 'out'") == [
        (1, 6, 128, 500),
        (2, 5, 128, 500),
        (3, 4, 128, 500),
    ]


@pytest.mark.parametrize(("second", "miss"), [(2_000, 30), (2_030, 0), (2_100, 0), (2_145, 45)])
def test_clock_probes_are_left_out_and_their_miss_is_the_error(second: int, miss: int, tmp_path: Path) -> None:
    token = bytes(range(16))
    packets = []
    for n, (leaves, arrives) in enumerate([(1_000, 1_500), (second, 2_600)]):
        frame = datagram(token + n.to_bytes(2, "big"), 9999, 9999)
        packets += [Packet(leaves, frame, pkttype=OUT), Packet(arrives, frame)]
    packets.append(Packet(3_000, datagram(bytes(16) + b"\0\1", 9999, 9999)))
    probe = {"port": 9999, "token": token.hex(), "before_ns": [900, 2_030], "after_ns": [1_100, 2_100]}
    got = Loaded(tmp_path, block(packets), probe=probe)
    assert got.rows("SELECT time_ns FROM packet") == [(3_000,)]
    assert got.report.clock_error_ns == 50 + miss
    assert got.rows("SELECT count FROM coverage WHERE item = 'clock probe packets left out'") == [(4,)]


def test_a_tag_the_kernel_took_out_is_put_back(tmp_path: Path) -> None:
    frame = datagram(b"hi")
    valid, with_type = 1 << 4, 1 << 6
    packets = [
        Packet(1, frame, hatype=1, ifindex=2, status=valid, vlan=(0x2005, 0)),
        Packet(2, frame[:50], 60, hatype=1, ifindex=2, status=valid | with_type, vlan=(7, 0x88A8)),
        Packet(3, frame[:5], 60, hatype=1, ifindex=2, status=valid, vlan=(7, 0)),
    ]
    got = Loaded(tmp_path, block(packets))
    rows = got.rows("SELECT frame, frame_bytes, captured_bytes, dstport, payload_offset FROM packet ORDER BY packet_id")
    assert rows == [
        (frame[:12] + b"\x81\0\x20\x05" + frame[12:], 48, 48, 2, 46),
        (frame[:12] + b"\x88\xa8\0\x07" + frame[12:50], 64, 48, 2, 46),
        (frame[:5], 60, 5, None, None),
    ]


def test_links_without_ethernet(tmp_path: Path) -> None:
    ip = datagram(b"hi")[14:]
    packets = [
        Packet(1, ip, ifindex=2, hatype=519, link_bytes=0),
        Packet(2, b"1234" + ip, ifindex=3, hatype=778, link_bytes=4),
        Packet(3, b"\xff\x03\x00\x21" + ip, ifindex=4, hatype=512, link_bytes=4),
    ]
    interfaces = [{"name": "t0", "ifindex": 2, "hatype": 519, "mtu": 1400}]
    got = Loaded(tmp_path, block(packets), interfaces=interfaces, netns=5, netns_cookie=6)
    assert got.rows("SELECT * FROM interface") == [
        ("t0", 2, 5, 6, 101, 1400),
        ("interface 3", 3, 5, 6, 101, None),
        ("interface 4", 4, 5, 6, 276, None),
    ]
    cooked = bytes.fromhex("0800 0000 00000004 0200 00 06 6162636465660000".replace(" ", ""))
    assert got.rows("SELECT frame, frame_bytes, dstport, payload_offset FROM packet ORDER BY packet_id") == [
        (ip, 30, 2, 28),
        (ip, 30, 2, 28),
        (cooked + ip, 50, 2, 48),
    ]


def test_what_was_cut_or_not_decoded_is_in_coverage(tmp_path: Path) -> None:
    packets = [Packet(1, datagram(b"x" * 200)[:60], 242), Packet(2, bytes(12) + b"\x88\xcc" + bytes(20))]
    got = Loaded(tmp_path, block(packets), snaplen=60)
    assert got.rows("SELECT item, count, state, reason FROM coverage ORDER BY state") == [
        ("packets", 2, "recorded", None),
        ("packets", 1, "truncated", "cut to 60 bytes"),
        ("packets", 1, "undecoded", "network protocol 0x88cc is not decoded"),
    ]


def test_blocks_that_never_reached_the_disk_are_counted(tmp_path: Path) -> None:
    got = Loaded(tmp_path, block([Packet(1, datagram(b""))], 4) + block([Packet(2, datagram(b""))], 9))
    assert got.rows("SELECT item, count FROM coverage WHERE state = 'lost'") == [("packet blocks", 4)]


@pytest.mark.parametrize("step", [1, 37])
def test_a_spool_cut_anywhere_gives_every_whole_block(step: int, tmp_path: Path) -> None:
    blocks = [block([Packet(n, datagram(b"abc")) for n in range(3)], seq) for seq in range(1, 4)]
    data, size = b"".join(blocks), len(blocks[0])
    for cut in {*range(0, len(data), step if step > 1 else 97), size - 1, size, size + 1, size + 48}:
        got = Loaded(tmp_path, data[:cut])
        assert got.rows("SELECT count(*) FROM packet") == [(cut // size * 3,)]
        lost = [(cut % size,)] if cut % size else []
        assert got.rows("SELECT count FROM coverage WHERE state = 'lost'") == lost


def test_a_packet_that_reaches_out_of_its_block_is_left_out(tmp_path: Path) -> None:
    whole = packet_bytes(Packet(1, datagram(b"a")), last=False)
    liar = bytearray(packet_bytes(Packet(2, datagram(b"b")), last=True))
    liar[12:16] = (5000).to_bytes(4, "little")  # tp_snaplen
    used = 48 + len(whole) + len(liar)
    got = Loaded(tmp_path, struct.pack("<IIIIIIQQQ", 2, 0, 1, 2, 48, used, 1, 0, 0) + whole + liar)
    assert got.rows("SELECT count(*) FROM packet") == [(1,)]
    assert got.rows("SELECT item, count FROM coverage WHERE state = 'lost'") == [("packets", 1)]


def test_no_packets_and_no_file(tmp_path: Path) -> None:
    got = Loaded(tmp_path, b"")
    assert got.rows("SELECT count FROM coverage") == [(0,)]
    got.spool.packets_path.unlink()
    load_packets(got.spool, got.manifest, got.db)


def test_a_killed_recorder_left_no_report(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    manifest = write_spool(spool, block([Packet(1, datagram(b""))]))
    manifest.sources.clear()
    db = duckdb.connect()
    for table in RAW_TABLES:
        db.execute(table.ddl)
    load_packets(spool, manifest, db)
    assert db.execute("SELECT netns, ifindex FROM packet").fetchall() == [(None, 1)]
    assert "killed" in str(manifest.sources[0].reason)


DAMAGE = st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), min_size=1, max_size=30)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=400) | DAMAGE, st.booleans())
def test_any_damage_is_survived(damage: bytes | list[tuple[int, int]], follow: bool) -> None:
    hatypes = (1, 772, 519, 512, 1)
    packets = [
        Packet(n, datagram(bytes(n * 7)), pkttype=OUT * (n % 2), hatype=hatype, status=1 | 16 * (n % 3))
        for n, hatype in enumerate(hatypes)
    ]
    data = bytearray(block(packets[:3]) + block(packets[3:], 2))
    if isinstance(damage, bytes):
        data = bytearray(damage)
    else:
        for at, value in damage:
            data[at % len(data)] = value
    with tempfile.TemporaryDirectory() as folder:
        got = Loaded(Path(folder), bytes(data), probe={"port": 1, "token": "00" * 16, "before_ns": [], "after_ns": []})
        ((count, ids),) = got.rows("SELECT count(*), count(DISTINCT packet_id) FROM packet")
        assert count == ids
        if follow:
            reader = PacketReader(got.spool, got.report.detail, got.spool.read_clock_snapshots())
            assert len(reader.read()) == count


def test_the_reader_gives_each_packet_once_as_blocks_arrive(tmp_path: Path) -> None:
    frames = [datagram(b"one"), datagram(b"two"), datagram(b"three")]
    blocks = [block([Packet(n, f, pkttype=OUT), Packet(n + 1, f)], n + 1) for n, f in enumerate(frames)]
    spool = Spool(tmp_path / "s")
    write_spool(spool, b"")
    reader = PacketReader(spool, {"netns": 8}, spool.read_clock_snapshots())
    assert reader.read() == []
    spool.packets_path.write_bytes(blocks[0] + blocks[1] + blocks[2][:-1])
    first = reader.read()
    assert reader.read() == []
    spool.packets_path.write_bytes(b"".join(blocks))
    rows = first + reader.read()
    assert [(r["time_ns"], r["tap"], r["shown"], r["number"], r["frame"][42:]) for r in rows] == [
        row
        for n, f in enumerate(frames)
        for row in ((n, "out", False, None, f[42:]), (n + 1, "in", True, n + 1, f[42:]))
    ]
    assert rows[0]["src"] == "127.0.0.1"
    assert (rows[0]["seq"], rows[0]["sack"], rows[0]["fragment"], rows[0]["netns"]) == (None, None, False, 8)


def test_the_reader_and_the_table_agree(tmp_path: Path) -> None:
    got = Loaded(tmp_path, block([Packet(1, datagram(b"x")), Packet(2, bytes(30))]), netns=3)
    cursor = got.db.execute("SELECT * FROM packet ORDER BY packet_id")
    names = [d[0] for d in cursor.description or ()]
    loaded = [dict(zip(names, r, strict=True)) | {"packet_id": None} for r in cursor.fetchall()]
    assert PacketReader(got.spool, got.report.detail, got.spool.read_clock_snapshots()).read() == loaded
