"""`packets.blocks` to the tables `packet` and `interface`."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from wiretale.clock import Snapshot, conversion_error_ns, realtime_to_monotonic
from wiretale.decode.fragments import Reassembly
from wiretale.decode.network import FRAGMENT_REASON
from wiretale.decode.packets import ABSENT, NUMBERS, SACK_EDGES, Table, decode_frames, new_table
from wiretale.decode.words import Ints
from wiretale.model.packet_ring import ARPHRD_LOOPBACK, PACKET_OUTGOING, PROBE_TOKEN_BYTES
from wiretale.model.raw import PACKET
from wiretale.store.bulk import BATCH_ROWS, Coded, Slices
from wiretale.store.load.packet_blocks import BlockFile, PacketArrays, Walk, linktypes
from wiretale.store.load.packet_rows import BOOLEANS, TAPS, Batch, batch_ends, fill_packets, frames_of
from wiretale.store.load.packet_twins import pair_twins
from wiretale.store.progress import Progress, silent
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Spool

_MOST_BYTES = (1 << 32) - 1
# Ethernet, IPv4 without options, UDP: what a clock probe's payload follows
_PROBE_PAYLOAD_AT = 14 + 20 + 8
_PROBE_BYTES = _PROBE_PAYLOAD_AT + PROBE_TOKEN_BYTES + 2

Coverage = tuple[str, int, str, str | None, str | None]  # item, count, state, reason, remedy


def load_packets(spool: Spool, manifest: Manifest, db: duckdb.DuckDBPyConnection, progress: Progress = silent) -> None:
    """Fill `packet` and `interface`, and say in `coverage` what is missing.

    Corrects the packet source's report in `manifest`: the clock error that was measured, and what could not be read.
    """
    report = _report_of(manifest)
    file = _open_blocks(spool)
    if file is None:
        return
    if report is None:
        report = SourceReport("packets", "packet", ran=True, reason="the recorder was killed before it could report")
        manifest.sources.append(report)
    snapshots = spool.read_clock_snapshots()
    walk = file.walk()
    packets = walk.packets
    time_ns = realtime_to_monotonic(snapshots, packets.realtime_ns) if len(packets) else packets.realtime_ns
    is_probe = find_probes(file, packets, report.detail.get("probe"))
    outside = _probe_error_ns(file, packets, time_ns, is_probe, report.detail.get("probe"))
    report.clock_error_ns = conversion_error_ns(snapshots) + outside
    kept = np.flatnonzero(~is_probe)
    order = kept[np.argsort(time_ns[kept], kind="stable")]
    table = _PacketTable(file, packets, time_ns, order, report.detail.get("netns"))
    fill_packets(db, table.batches(), progress, len(order))
    _fill_interfaces(db, report, packets)
    rows = _found_missing(table, walk, len(file), int(np.count_nonzero(is_probe)))
    db.executemany("INSERT INTO coverage VALUES ('packet', ?, ?, ?, ?, ?)", rows + _found_wanting(db, report))


def _open_blocks(spool: Spool) -> BlockFile | None:
    try:
        return BlockFile(spool.packets_path)
    except FileNotFoundError:
        return None


def _report_of(manifest: Manifest) -> SourceReport | None:
    return next((s for s in manifest.sources if s.source == "packets"), None)


class _PacketTable:
    """The packets in time order, without the probes; `batches` makes the rows."""

    def __init__(self, file: BlockFile, packets: PacketArrays, time_ns: Ints, order: Ints, netns: int | None) -> None:
        self.file, self.packets, self.time_ns, self.order = file, packets, time_ns, order
        self.netns = netns
        loopback = packets.hatype[order] == ARPHRD_LOOPBACK
        leaving = packets.pkttype[order] == PACKET_OUTGOING
        self.leaving = leaving
        # One copy of each packet counts, as in Wireshark: on loopback the one that arrives.
        self.shown = ~(loopback & leaving)
        self.number = np.where(self.shown, np.cumsum(self.shown), ABSENT)
        self.twin = pair_twins(file, packets, order, loopback & leaving, loopback & ~leaving)
        self._reassembly = Reassembly()
        self._numbers = new_table(min(len(order), BATCH_ROWS))
        self.unpaired = int(np.count_nonzero((loopback & leaving) & (self.twin == ABSENT)))

    @property
    def incomplete(self) -> int:
        """Fragmented packets of which something is missing, once all batches were taken."""
        return self._reassembly.incomplete

    def batches(self) -> Iterator[Batch]:
        for begin, end in pairwise([0, *batch_ends(self.packets.captured[self.order])]):
            self.file.forget()
            yield self._batch(slice(begin, end))

    def _batch(self, rows: slice) -> Batch:
        which = self.order[rows]
        columns = decode_rows(self.file, self.packets, which, self._numbers)
        self._reassembly.take(frames_of(columns["frame"]), columns, self.shown[rows])
        return columns | {
            "packet_id": np.arange(rows.start, rows.stop) + 1,
            "number": self.number[rows],
            "time_ns": self.time_ns[which],
            "netns": np.full(len(which), ABSENT if self.netns is None else self.netns, np.int64),
            "tap": Coded(self.leaving[rows].astype(np.int32), TAPS),
            "shown": self.shown[rows],
            "twin_id": self.twin[rows],
        }


def decode_rows(file: BlockFile, packets: PacketArrays, which: Ints, into: Table | None = None) -> Batch:
    """The columns of `packet` that follow from the frames alone, for the packets at the indices `which`.

    `into` as in decode_frames.
    """
    at = packets.at[which]
    captured, length = (values[which].astype(np.int64) for values in (packets.captured, packets.length))
    linktype = packets.linktype(which)
    columns: Batch = dict(decode_frames(file.array, at, captured, length, linktype, into=into))
    frames = Slices(file.array, at, captured)
    rebuilt = np.flatnonzero(packets.needs_rebuilding(which))
    if len(rebuilt):
        frames = _rebuild(file, packets, which, rebuilt, columns=columns, length=length)
        captured = frames.size
    return columns | {
        "ifindex": packets.ifindex[which],
        "linktype": linktype,
        "frame_bytes": np.minimum(length, _MOST_BYTES),  # a damaged length can be anything
        "captured_bytes": captured,
        "frame": frames,
    }


def _rebuild(
    file: BlockFile, packets: PacketArrays, which: Ints, rebuilt: Ints, *, columns: Batch, length: Ints
) -> Slices:
    """The frames of `which` as they were on the wire; corrects `columns` and `length` of those that are `rebuilt`."""
    at, captured = packets.at[which], packets.captured[which].astype(np.int64)
    frames = [file.data[a:b] for a, b in zip(at.tolist(), (at + captured).tolist(), strict=True)]
    for row in rebuilt.tolist():
        frames[row] = file.rebuilt(packets, int(which[row]))
    size = np.array([len(f) for f in frames], np.int64)
    start = np.cumsum(size) - size
    buffer = np.frombuffer(b"".join(frames), np.uint8)
    length[rebuilt] += size[rebuilt] - captured[rebuilt]
    linktype = packets.linktype(which[rebuilt])
    decoded = decode_frames(buffer, start[rebuilt], size[rebuilt], length[rebuilt], linktype)
    for name, values in decoded.items():
        columns[name][rebuilt] = values
    return Slices(buffer, start, size)


def find_probes(file: BlockFile, packets: PacketArrays, probe: dict[str, Any] | None) -> NDArray[np.bool_]:
    """Which packets are the recorder's own clock probes: loopback, the right size, and the token in its place."""
    found = np.zeros(len(packets), bool)
    if not probe:
        return found
    token = np.frombuffer(bytes.fromhex(probe["token"]), np.uint8)
    fits = (packets.hatype == ARPHRD_LOOPBACK) & (packets.length == _PROBE_BYTES) & (packets.captured == _PROBE_BYTES)
    candidates = np.flatnonzero(fits)
    places = packets.at[candidates][:, None] + _PROBE_PAYLOAD_AT + np.arange(len(token))
    found[candidates] = (file.array[places] == token).all(axis=1)
    return found


def _probe_error_ns(
    file: BlockFile, packets: PacketArrays, time_ns: Ints, is_probe: NDArray[np.bool_], probe: dict[str, Any] | None
) -> int:
    """By how much the stamp of a probe missed its bracket, at worst. 0: all within, or none was sent.

    Only the copy that leaves counts: it is stamped inside sendto(2). The other one may arrive after the return.
    """
    rows = np.flatnonzero(is_probe & (packets.pkttype == PACKET_OUTGOING))
    if not probe or not len(rows):
        return 0
    last = packets.at[rows] + _PROBE_BYTES
    number = file.array[last - 2].astype(np.int64) << 8 | file.array[last - 1]
    before, after = np.array(probe["before_ns"], np.int64), np.array(probe["after_ns"], np.int64)
    known = number < min(len(before), len(after))
    number, stamp = number[known], time_ns[rows[known]]
    missed = np.maximum(before[number] - stamp, stamp - after[number])
    return max(int(missed.max(initial=0)), 0)


def _fill_interfaces(db: duckdb.DuckDBPyConnection, report: SourceReport, packets: PacketArrays) -> None:
    detail = report.detail
    known: dict[int, tuple[str, int, int | None]] = {
        int(i["ifindex"]): (str(i["name"]), int(i["hatype"]), int(i["mtu"])) for i in detail.get("interfaces", [])
    }
    indices, first = np.unique(packets.ifindex, return_index=True)
    for index, row in zip(indices.tolist(), first.tolist(), strict=True):
        # It came and went between the two looks at the list.
        known.setdefault(index, (f"interface {index}", int(packets.hatype[row]), None))
    rows = [
        (name, index, detail.get("netns"), detail.get("netns_cookie"), int(linktypes(np.array([hatype]))[0]), mtu)
        for index, (name, hatype, mtu) in sorted(known.items())
    ]
    if rows:
        db.executemany("INSERT INTO interface VALUES (?, ?, ?, ?, ?, ?)", rows)


def _found_missing(table: _PacketTable, walk: Walk, file_bytes: int, probes: int) -> list[Coverage]:
    """How many packets there are, and what was left out or lost on the way here."""
    shown: Coverage = ("packets", int(np.count_nonzero(table.shown)), "recorded", None, None)
    statements = (
        (probes, "clock probe packets left out", "recorded", "wiretale sent them to itself to check its clock"),
        (walk.damaged_packets, "packets", "lost", "packets.blocks is damaged there"),
        (walk.missing_blocks, "packet blocks", "lost", "they did not reach the disk"),
        (file_bytes - walk.next_at, "bytes of packets.blocks", "lost", "the last block is incomplete or damaged"),
        (table.unpaired, "loopback packets", "unmatched", "seen leaving, not seen arriving"),
        (table.incomplete, "fragmented IP packets", "lost", "not all of their fragments were captured"),
    )
    return [shown, *((item, count, state, reason, None) for count, item, state, reason in statements if count)]


def _found_wanting(db: duckdb.DuckDBPyConnection, report: SourceReport) -> list[Coverage]:
    """Packets that were not decoded to their end, and packets that were cut."""
    # What fragments carry is decoded with the last of them; those that lack others are counted as lost.
    undecoded = db.execute(
        "SELECT undecoded, count(*) FROM packet WHERE shown AND undecoded <> ? GROUP BY 1 ORDER BY 2 DESC, 1",
        [FRAGMENT_REASON],
    ).fetchall()
    rows: list[Coverage] = [("packets", int(count), "undecoded", str(reason), None) for reason, count in undecoded]
    cut = db.execute("SELECT count(*) FROM packet WHERE shown AND captured_bytes < frame_bytes").fetchone()
    if cut and cut[0]:
        reason = f"cut to {report.detail.get('snaplen')} bytes"
        rows.append(("packets", int(cut[0]), "truncated", reason, "record whole packets: --packet-snaplen all"))
    return rows


class PacketReader:
    """Follows `packets.blocks` while it grows, for a live view. Rows have the columns of `packet`.

    `detail` is the packet source's `report().detail` after its start. `packet_id` and `twin_id` are None: they follow
    from the whole capture.
    """

    def __init__(self, spool: Spool, detail: dict[str, Any], snapshots: list[Snapshot]) -> None:
        self._spool, self._detail, self._snapshots = spool, detail, snapshots
        self._at = 0
        self._seq: int | None = None
        self._shown = 0
        self._reassembly = Reassembly()

    def read(self) -> list[dict[str, Any]]:
        """The packets whose blocks were completed since the last call, in time order; often none."""
        file = _open_blocks(self._spool)
        if file is None or len(file) <= self._at:
            return []
        walk = file.walk(self._at, self._seq)
        self._at, self._seq = walk.next_at, walk.next_seq
        packets = walk.packets
        kept = np.flatnonzero(~find_probes(file, packets, self._detail.get("probe")))
        if not len(kept):
            return []
        time_ns = realtime_to_monotonic(self._snapshots, packets.realtime_ns)
        return self._rows(file, packets, time_ns, kept[np.argsort(time_ns[kept], kind="stable")])

    def _rows(self, file: BlockFile, packets: PacketArrays, time_ns: Ints, order: Ints) -> list[dict[str, Any]]:
        columns = decode_rows(file, packets, order)
        frames = columns["frame"]
        ends = (frames.start + frames.size).tolist()
        columns["frame"] = [frames.buffer[a:b].tobytes() for a, b in zip(frames.start.tolist(), ends, strict=True)]
        leaving = packets.pkttype[order] == PACKET_OUTGOING
        columns |= {
            "time_ns": time_ns[order],
            "tap": np.array(TAPS, object)[leaving.astype(np.int64)],
            "shown": ~(leaving & (packets.hatype[order] == ARPHRD_LOOPBACK)),
        }
        self._reassembly.take(columns["frame"].__getitem__, columns, columns["shown"])
        names = list(columns)
        lists = [list(columns[n]) if n == "frame" else columns[n].tolist() for n in names]
        return [self._row(dict(zip(names, values, strict=True))) for values in zip(*lists, strict=True)]

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        for name in NUMBERS:
            if row[name] == ABSENT:
                row[name] = None
            elif name in BOOLEANS:
                row[name] = bool(row[name])
        row["sack"] = [e for e in (row.pop(name) for name in SACK_EDGES) if e != ABSENT] or None
        if row["shown"]:
            self._shown += 1
        row["number"] = self._shown if row["shown"] else None
        row["netns"] = self._detail.get("netns")
        return {c.name: row.get(c.name) for c in PACKET.columns}
