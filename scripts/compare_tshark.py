"""Compare `wiretale import` with tshark, frame by frame, on any captures: which fields differ, how often, and where first.

Not part of the tests: it is for collections of captures that the repository does not hold.

    scripts/compare_tshark.py CAPTURE...
    scripts/compare_tshark.py --rules 4.4 --tshark /opt/wireshark-4.4/tshark --show 3 CAPTURE...
"""

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import duckdb

from wiretale.cli import run

FLAGS = (
    "retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment",
    "ack_lost_segment", "duplicate_ack", "window_full", "window_update", "zero_window", "zero_window_probe",
    "zero_window_probe_ack", "keep_alive", "keep_alive_ack", "reused_ports", "tfo_syn", "tfo_ack", "tfo_ignored",
    "partial_ack",
)  # fmt: skip
# tshark's field -> column of the query below
NUMBERS = {
    "tcp.stream": "g.tcp_stream", "tcp.srcport": "p.srcport", "tcp.dstport": "p.dstport", "tcp.flags": "p.flags",
    "tcp.seq": "g.shown_seq", "tcp.ack": "g.shown_ack", "tcp.seq_raw": "p.seq", "tcp.ack_raw": "p.ack",
    "tcp.len": "p.payload_bytes", "tcp.window_size": "coalesce(g.scaled_window, p.window)",
    "tcp.analysis.bytes_in_flight": "g.bytes_in_flight", "tcp.analysis.push_bytes_sent": "g.push_bytes_sent",
    "tcp.analysis.acks_frame": "g.acks_number", "tcp.analysis.rto_frame": "g.rto_number",
    "tcp.analysis.duplicate_ack_num": "g.duplicate_ack_num", "tcp.analysis.duplicate_ack_frame": "g.duplicate_ack_number",
}  # fmt: skip
TIMES = {
    "tcp.analysis.ack_rtt": "g.ack_rtt_ns", "tcp.analysis.rto": "g.rto_ns", "tcp.analysis.initial_rtt": "g.initial_rtt_ns",
}  # fmt: skip
UDP = {"udp.srcport": "p.srcport", "udp.dstport": "p.dstport"}
# of every frame
FRAME = {"frame.len": "p.frame_bytes", "frame.cap_len": "p.captured_bytes", "frame.time_epoch": "p.time_ns"}
# of the innermost packet; by version
INTERNET = {
    4: {"ip.src": "p.src", "ip.dst": "p.dst", "ip.proto": "p.ip_protocol", "ip.ttl": "p.ttl"},
    6: {"ipv6.src": "p.src", "ipv6.dst": "p.dst", "ipv6.hlim": "p.ttl"},
}
COMPLETENESS = "tcp.completeness"  # of the whole stream only in a second pass
FIELDS = (
    "frame.number", "frame.protocols", *NUMBERS, *TIMES, *UDP, *FRAME, *INTERNET[4], *INTERNET[6], *(f"tcp.analysis.{f}" for f in FLAGS),
)  # fmt: skip


def ours(capture: Path, rules: str) -> tuple[dict[int, dict[str, object]], int, str]:
    """Rows by frame number, the number of packets, and what import said."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "x.wiretale"
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = run(["import", str(capture), "-o", str(target), "--tcp-rules", rules])
        if not target.exists():
            return {}, -1, f"exit {code}: {said.getvalue().strip()}"
        db = duckdb.connect(str(target), read_only=True)
        columns = {**NUMBERS, **TIMES, **FRAME, **INTERNET[4], **INTERNET[6], COMPLETENESS: "c.completeness"}
        rows = db.execute(
            f"SELECT p.number, p.ip_protocol, {', '.join(columns.values())}, g.analysis, p.undecoded FROM packet p"  # noqa: S608 (columns named above)
            " LEFT JOIN segment g ON g.packet_id = p.packet_id AND g.shown"
            " LEFT JOIN connection c ON c.connection_id = g.connection_id ORDER BY p.number"
        ).fetchall()
        offset = db.execute("SELECT realtime_ns - monotonic_ns FROM clock_snapshot").fetchone()
    found = {}
    for number, protocol, *values, analysis, undecoded in rows:
        row: dict[str, object] = dict(zip(columns, values, strict=True))
        row |= {"protocol": protocol, "analysis": analysis or [], "undecoded": undecoded}
        assert offset is not None
        row["frame.time_epoch"] = int(str(row["frame.time_epoch"])) + offset[0]
        found[number] = row
    return found, len(rows), said.getvalue().strip() if code else ""


def theirs(capture: Path, tshark: str, limit_s: float) -> list[list[str]] | None:
    command = [tshark, "-n", "-r", str(capture), "-T", "fields", "-E", "occurrence=l"]
    for field in FIELDS:
        command += ["-e", field]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        return None
    if "Some fields aren't valid" in done.stderr:  # an older version does not know partial_ack
        command = [c for c, before in zip(command, ["", *command], strict=False) if "partial_ack" not in c]
        command.pop()
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit_s, check=False)
        return [[*line.split("\t"), ""] for line in done.stdout.splitlines()]
    return [line.split("\t") for line in done.stdout.splitlines()]


def completeness(capture: Path, tshark: str, limit_s: float) -> dict[str, str]:
    """What tshark says of each stream: at its first segment in the second pass, before that is counted again."""
    command = [tshark, "-n", "-2", "-r", str(capture), "-T", "fields", "-E", "occurrence=l"]
    try:
        done = subprocess.run(
            [*command, "-e", "tcp.stream", "-e", COMPLETENESS],
            capture_output=True, text=True, errors="replace", timeout=limit_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {}
    return dict(line.split("\t") for line in reversed(done.stdout.splitlines()) if line.strip())


def of_frame(mine: dict[str, object], protocols: list[str], values: dict[str, str]) -> list[tuple[str, str, str]]:
    """(field, theirs, ours) of one frame, all layers."""
    found = [(n, values[n], str(mine[n])) for n in ("frame.len", "frame.cap_len") if int(values[n]) != mine[n]]
    seconds, _, fraction = values["frame.time_epoch"].partition(".")
    stamp = int(seconds) * 1_000_000_000 + int(fraction or 0) if seconds else 0
    own = int(str(mine["frame.time_epoch"]))
    if stamp and stamp != own and not _overflowed(seconds, fraction, own):
        found.append(("frame.time_epoch", values["frame.time_epoch"], str(own)))
    if not any(p in ("icmp", "icmpv6") for p in protocols):
        version = next((v for p in reversed(protocols) for v, name in ((4, "ip"), (6, "ipv6")) if p == name), None)
        for name in INTERNET.get(version or 0, ()):
            if values[name] != ("" if mine[name] is None else str(mine[name])):
                found.append((name, values[name], str(mine[name])))
    whole = values[COMPLETENESS]
    if whole and "tcp" in protocols and mine["tcp.stream"] is not None and int(whole) != mine[COMPLETENESS]:
        found.append((COMPLETENESS, whole, str(mine[COMPLETENESS])))
    return found + differences(mine, protocols, values)


def _overflowed(seconds: str, fraction: str, ours_ns: int) -> bool:
    """Whether tshark shows a fraction of more than a second, which overflows at 32 bits there (docs/import.md)."""
    rest = ours_ns - abs(int(seconds)) * 1_000_000_000
    wrapped = (rest + (1 << 31)) % (1 << 32) - (1 << 31)
    return rest >= 1_000_000_000 and int(fraction) == abs(wrapped)


def differences(mine: dict[str, object], protocols: list[str], values: dict[str, str]) -> list[tuple[str, str, str]]:
    """(field, theirs, ours) of one frame."""
    quoted = any(p in ("icmp", "icmpv6") for p in protocols)
    if "tcp" not in protocols or quoted:
        if mine["protocol"] == 6 and mine["tcp.seq_raw"] is not None and not quoted:
            return [("frame is TCP", "no", "yes")]
        if "udp" in protocols and "igmp" not in protocols and not quoted and values["udp.srcport"]:
            pair = (values["udp.srcport"], values["udp.dstport"])
            own = (str(mine["tcp.srcport"]), str(mine["tcp.dstport"]))
            return [] if pair == own else [("udp ports", str(pair), str(own))]
        return []
    if mine["tcp.seq_raw"] is None and not values["tcp.seq_raw"]:  # neither had the whole header: ports at most
        names = ("tcp.srcport", "tcp.dstport")
        return [(n, values[n], str(mine[n])) for n in names if values[n] != str("" if mine[n] is None else mine[n])]
    if mine["protocol"] != 6 or mine["tcp.seq_raw"] is None:
        return [("frame is TCP", "yes", f"no ({mine['undecoded']})")]
    found = []
    for name in NUMBERS:
        text = values[name]
        wanted = None if text == "" else int(text, 0)
        if wanted != mine[name] and not (name in ("tcp.seq", "tcp.ack") and mine[name] is None):
            found.append((name, text, str(mine[name])))
    for name in TIMES:
        text = values[name]
        wanted = None if text == "" else round(float(text) * 1e9)
        if wanted != mine[name] and (wanted is None or mine[name] is None or abs(wanted - int(str(mine[name]))) > 1000):
            found.append((name, text, str(mine[name])))
    analysis = mine["analysis"]
    assert isinstance(analysis, list)
    found += [
        (f"analysis.{f}", "yes" if values[f"tcp.analysis.{f}"] else "no", "yes" if f in analysis else "no")
        for f in FLAGS
        if bool(values[f"tcp.analysis.{f}"]) != (f in analysis)
    ]
    return found


def compare(capture: Path, args: argparse.Namespace) -> tuple[Counter[str], list[str], int]:
    began = time.monotonic()
    mine, count, said = ours(capture, args.rules)
    seconds = time.monotonic() - began
    rows = theirs(capture, args.tshark, args.limit)
    if rows is None:
        return Counter(), [f"tshark took longer than {args.limit} s"], 0
    if count < 0:
        wrong = Counter({"refused by import": 1}) if rows else Counter()
        return wrong, [said], len(rows)
    counts: Counter[str] = Counter()
    lines = [said] if said else []
    if len(rows) != count:
        counts["frame count"] += 1
        lines.append(f"frames: tshark {len(rows)}, import {count}")
    whole = completeness(capture, args.tshark, args.limit) if any(r[FIELDS.index("tcp.stream")] for r in rows) else {}
    for row in rows:
        values = dict(zip(FIELDS, row, strict=False))
        number = int(values["frame.number"])
        if number not in mine:
            continue
        values[COMPLETENESS] = whole.pop(values["tcp.stream"], "")  # compared once
        for field, their, our in of_frame(mine[number], values["frame.protocols"].split(":"), values):
            counts[field] += 1
            if counts[field] <= args.show:
                lines.append(f"frame {number} {values['frame.protocols']}: {field}: tshark {their!r}, import {our!r}")
    if seconds > args.slow:
        lines.append(f"import took {seconds:.1f} s for {count} packets")
    return counts, lines, len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--tshark", default="tshark", help="which tshark")
    parser.add_argument("--rules", default="4.0", help="version of the TCP rules, to match that tshark")
    parser.add_argument("--show", type=int, default=2, help="examples per field and capture")
    parser.add_argument("--limit", type=float, default=60, help="seconds that tshark may take")
    parser.add_argument("--slow", type=float, default=20, help="seconds from which import is called slow")
    parser.add_argument("--jobs", type=int, default=2, help="captures at once")
    args = parser.parse_args()
    with Pool(args.jobs) as pool:
        results = zip(args.captures, pool.imap(partial(compare, args=args), args.captures), strict=True)
        total, files, frames, clean = tally(results)
    print(f"{files} captures, {frames} frames, {clean} captures alike; differences: {dict(total) or 'none'}")


def tally(
    results: Iterable[tuple[Path, tuple[Counter[str], list[str], int]]],
) -> tuple[Counter[str], int, int, int]:
    """Print what differs in each capture; returns all differences, and the numbers of captures, frames and clean captures."""
    total: Counter[str] = Counter()
    frames = files = clean = 0
    for capture, (counts, lines, seen) in results:
        files += 1
        frames += seen
        clean += not counts
        total += counts
        if counts or lines:
            print(f"{capture}: {dict(counts) or 'alike'}")
            for line in lines:
                print(f"    {line}")
            sys.stdout.flush()
    return total, files, frames, clean


if __name__ == "__main__":
    main()
