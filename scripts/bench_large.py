"""The parts of the bench about size: the packet ring, packets into tables, spool to capture, filters.

Each gives lines of Markdown. Work is done in processes of their own, so that time and memory are theirs alone.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from large_spool import Size, make_spool

PYTHON = sys.executable
HERE = Path(__file__).parent
FILTER_SECONDS = 0.3  # the bar of a filter over a million events, for the whole command
ROUNDS = 200  # of each connection: 1,007 calls and 1,006 packets
RING_BYTES = 1_000_000_000
TSHARK_FIELDS = (
    "frame.number", "frame.time_epoch", "frame.len", "eth.type", "ip.version", "ip.proto", "ip.id", "ip.ttl", "ip.src",
    "ip.dst", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.window_size_value",
    "tcp.options.mss_val", "tcp.options.wscale.shift", "tcp.options.timestamp.tsval", "tcp.options.timestamp.tsecr",
    "tcp.options.sack_le", "tcp.options.sack_re", "tcp.len", "tcp.payload",
)  # fmt: skip
# Of every kind of field: columns, several values, texts, bytes, slices, what other tables know.
FILTERS = (
    'call.name == "connect"', "call.errno == 11", "call.duration > 10s", "tcp.flags.syn == 1", "tcp.port == 5555",
    "tcp.port in {80, 443, 8000..8100}", "ip.addr == 127.0.0.1", "ip.addr > 127.0.0.5", "not tcp",
    'frame contains "needle"', "frame contains 7f:00:00:01", 'tcp.payload contains "needle"',
    'payload contains "needle"', 'payload == "needle"', "payload[0:4] == 41:42:43:44",
    'tcp.payload matches "ne+dle"', 'data matches "ne+dle"', "tcp.option_kind == 8",
    "tcp.option_kind == 5", "tcp[13] & 02", "eth.src[0:3] == 00:00:5e", 'upper(call.name) == "CONNECT"',
    'string(tcp.srcport) matches "^55"', "len(tcp.payload) > 1000", "frame.time_delta > 1", "tcp.analysis.flags",
    'lower(proc.name) contains "serv"', 'fd.name contains "5555"', "connection == 5", "wait.duration > 100s",
    "link.packet == 4711",
    # Of all, of none, of the last rows alone.
    "frame.len > 0 || call.name", 'payload contains "e"', "ip.addr == 127.0.0.1 || fd >= 0", 'proc.name == "nobody"',
    'data matches "no.such.thing"', "tcp.port == 1 && frame.len > 1", "frame.number > {last}", "link.packet == {last}",
    'payload contains "e" && frame.number > {last}',
)  # fmt: skip

# Prints CPU seconds by stage, as the progress bar names them.
_MAKE = """
import json, os, sys
from pathlib import Path
from wiretale.join.build import build
from wiretale.store.make import make_capture
from wiretale.store.spool import Spool
took, now = {}, ["beginning", 0.0]
def progress(stage, part=0.0):
    used = sum(os.times()[:2])
    took[now[0]] = took.get(now[0], 0.0) + used - now[1]
    now[:] = stage, used
make_capture(Spool(Path(sys.argv[1])), Path(sys.argv[2]), lambda db: build(db, progress), progress)
progress("")
print(json.dumps(took))
"""
_LOAD = """
import sys, time
from pathlib import Path
from wiretale.store.capture import create_capture
from wiretale.store.load.packets import load_packets
from wiretale.store.spool import Spool
spool = Spool(Path(sys.argv[1]))
with create_capture(sys.argv[2], spool.size_bytes()) as db:
    begin, used = time.monotonic(), time.process_time()
    load_packets(spool, spool.read_manifest(), db)
    print(time.monotonic() - begin, time.process_time() - used)
"""
_RING = """
import json, os, socket, sys, time
from pathlib import Path
from wiretale.clock import take_snapshot
from wiretale.record.namespace import enter_private_net
from wiretale.record.packets.source import PacketOptions, PacketSource
from wiretale.store.spool import Spool
enter_private_net()
spool = Spool(Path(sys.argv[1])); spool.path.mkdir()
spool.add_clock_snapshot(take_snapshot())
total = int(sys.argv[2])
source = PacketSource(spool, PacketOptions(snaplen=256))
source.open(); source.start()
listener = socket.create_server(("127.0.0.1", 0))
begin = time.monotonic()
if os.fork() == 0:
    with socket.create_connection(listener.getsockname()) as client:
        block, left = b"x" * 65536, total
        while left > 0:
            left -= client.send(block[:left])
    os._exit(0)
server, _ = listener.accept()
buffer, got = bytearray(1 << 20), 0
while got < total:
    got += server.recv_into(buffer)
seconds = time.monotonic() - begin
os.wait()
source.stop()
report = source.report()
print(json.dumps({"seconds": seconds, "packets": report.items, "lost": report.lost}))
"""


@dataclass(frozen=True)
class Usage:
    """What one process took. `cpu_seconds` tell on a busy machine, too."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


def run(command: list[str], codes: tuple[int, ...] = (0,), *, keep: bool = True) -> Usage:
    """Run `command` to its end; raises if its exit code is none of `codes`. What it prints is thrown away unless kept."""
    begin = time.monotonic()
    printed = subprocess.PIPE if keep else subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=printed, stderr=subprocess.DEVNULL, text=True)
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Usage(seconds, usage.ru_utime + usage.ru_stime, _peak(usage), output)


def _peak(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * 1024


def _verdict(good: bool) -> str:
    return "met" if good else "**missed**"


def _spool(folder: Path, millions: float) -> tuple[Path, Size]:
    """A spool of so many million calls and as many packets; made once."""
    path = folder / f"{millions:g}.spool"
    size = Size(connections=round(millions * 1000), rounds=ROUNDS, at_once=50)
    if not path.exists():
        make_spool(path, size)
    return path, size


def ring(folder: Path) -> list[str]:
    """1 GB over loopback, the ring's drop counter."""
    path = folder / "ring.spool"
    found = json.loads(run([PYTHON, "-c", _RING, str(path), str(RING_BYTES)]).output)
    shutil.rmtree(path)
    return [
        "## The packet ring", "", "1 GB from one process to another over loopback, 256 bytes of each packet captured.", "",
        "| packets seen (both taps) | time | dropped | bar | |", "|---|---|---|---|---|",
        f"| {found['packets']:,} | {found['seconds']:.2f} s | {found['lost']} | 0 | {_verdict(found['lost'] == 0)} |", "",
    ]  # fmt: skip


def packets(folder: Path) -> list[str]:
    """Frames into the table `packet`, against tshark's extraction of the same fields."""
    spool, size = _spool(folder, 1)
    output = run([PYTHON, "-c", _LOAD, str(spool), str(folder / "packets.wiretale")]).output
    ours, ours_cpu = (size.shown_packets / float(seconds) for seconds in output.split())
    small, small_size = _spool(folder, 0.1)
    capture, pcap = folder / "small.wiretale", folder / "small.pcapng"
    run([PYTHON, "-c", _MAKE, str(small), str(capture)])
    run([PYTHON, "-m", "wiretale", "export", str(capture), "--to", "pcapng", "-o", str(pcap)])
    fields = [word for name in TSHARK_FIELDS for word in ("-e", name)]
    tshark = run(["tshark", "-n", "-r", str(pcap), "-T", "fields", *fields])
    theirs, theirs_cpu = (small_size.shown_packets / seconds for seconds in (tshark.seconds, tshark.cpu_seconds))
    return [
        "## Packets into tables", "", "| | packets per second | per second of CPU | bar | |", "|---|---|---|---|---|",
        f"| `wiretale`, {size.shown_packets:,} packets | {ours:,.0f} | {ours_cpu:,.0f} | at least 1,000,000 |"
        f" {_verdict(ours >= 1e6)} |",
        f"| `tshark -T fields`, {small_size.shown_packets:,} packets | {theirs:,.0f} | {theirs_cpu:,.0f} | | |",
        f"| ratio | {ours / theirs:.1f} | {ours_cpu / theirs_cpu:.1f} | at least 15 | {_verdict(ours >= 15 * theirs)} |", "",
    ]  # fmt: skip


def load(folder: Path, sizes: Sequence[float]) -> list[str]:
    """Spool to capture with all joins, of so many millions of calls and of packets each: time, memory, growth."""
    lines = [
        "## Spool to capture, with all joins", "",
        "| calls | packets | time | CPU time | a million calls and packets in | of CPU time | memory at most | bar | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    first = 0.0
    stages: dict[float, dict[str, float]] = {}
    for millions in sizes:
        spool, size = _spool(folder, millions)
        used = run([PYTHON, "-c", _MAKE, str(spool), str(folder / f"{millions:g}.wiretale")])
        stages[millions] = {stage: cpu / millions for stage, cpu in json.loads(used.output).items()}
        each = used.seconds / millions
        first = first or each
        if millions == 1:
            bar, good = "20 s, 1 GB", used.seconds <= 20 and used.peak_bytes < 1e9
        else:
            bar, good = "linear: at most 1.3 times as long each", each <= 1.3 * first
            shutil.rmtree(spool)
        lines.append(
            f"| {size.calls:,} | {size.shown_packets:,} | {used.seconds:.1f} s | {used.cpu_seconds:.1f} s |"
            f" {each:.1f} s | {used.cpu_seconds / millions:.1f} s | {used.peak_bytes / 1e6:,.0f} MB |"
            f" {bar} | {_verdict(good)} |"
        )
    return [*lines, "", *_growth(stages), ""]


def _growth(stages: dict[float, dict[str, float]]) -> list[str]:
    """CPU seconds a million by stage and size: what grows from left to right is not linear."""
    least = 0.02 * sum(next(iter(stages.values())).values())
    sizes = list(stages)
    lines = [
        "| CPU time a million | " + " | ".join(f"{millions:g} million each" for millions in sizes) + " | grows to |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    large = [stage for stage, cpu in stages[sizes[-1]].items() if cpu >= least]
    rows = {"everything": [sum(stages[m].values()) for m in sizes]}
    rows |= {stage: [stages[m].get(stage, 0.0) for m in sizes] for stage in large}
    rows["all else"] = [sum(cpu for stage, cpu in stages[m].items() if stage not in large) for m in sizes]
    for stage, each in rows.items():
        grows = f"{each[-1] / each[0]:.2f}" if each[0] else ""
        lines.append(f"| {stage} | " + " | ".join(f"{cpu:.2f} s" for cpu in each) + f" | {grows} |")
    return lines


READERS = (
    ("check", "CAPTURE"), ("export", "CAPTURE", "--to", "pcapng", "-o", "/dev/null"), ("stats", "CAPTURE"),
    ("explain", "CAPTURE"), ("explain", "CAPTURE", "--format", "html"), ("connections", "CAPTURE"),
    ("show", "CAPTURE"), ("show", "CAPTURE", "--json"), ("show", "CAPTURE", "--level", "packet"),
    ("show", "CAPTURE", "--format", "strace"), ("follow", "CAPTURE", "7"),
    ("show", "CAPTURE", "--tail", "20"), ("export", "CAPTURE", "--table", "packet", "-o", "TABLE.parquet"),
)  # fmt: skip


def readers(folder: Path) -> list[str]:
    """Commands that read a whole capture, and how their time grows."""
    lines = [
        "## Commands over a whole capture", "",
        "| command | calls and packets | time | CPU time | memory at most | bar | |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for words in READERS:
        first = 0.0
        for millions in (0.5, 1):
            capture = _capture(folder, millions)
            files = {"CAPTURE": str(capture), "TABLE.parquet": str(folder / f"{millions:g}.parquet")}
            command = [files.get(word, word) for word in words]
            used = run([PYTHON, "-m", "wiretale", *command], keep=False)
            first = first or used.cpu_seconds
            good = used.cpu_seconds <= 2.6 * first and used.peak_bytes < 1.5e9
            lines.append(
                f"| `{' '.join(w for w in words if w not in files)}` | {millions} million each |"
                f" {used.seconds:.1f} s | {used.cpu_seconds:.1f} s |"
                f" {used.peak_bytes / 1e6:,.0f} MB | linear, 1.5 GB | {_verdict(good)} |"
            )
    return [*lines, *_beside_tshark(folder), ""]


def _beside_tshark(folder: Path) -> list[str]:
    """The same packets printed by tshark, and how soon the first lines are there."""
    capture, pcap = _capture(folder, 1), folder / "1.pcapng"
    run([PYTHON, "-m", "wiretale", "export", str(capture), "--to", "pcapng", "-o", str(pcap)])
    tshark = run(["tshark", "-n", "-r", str(pcap)], keep=False)
    first = min(_until_line(capture) for _ in range(3))
    return [
        f"| `tshark -n -r`, the packets alone | 1 million | {tshark.seconds:.1f} s | {tshark.cpu_seconds:.1f} s |"
        f" {tshark.peak_bytes / 1e6:,.0f} MB | | |",
        f"| the first line of `show` | 1 million each | {first:.2f} s | | | 0.5 s | {_verdict(first <= 0.5)} |",
    ]


def _until_line(capture: Path) -> float:
    """Seconds until `show` has printed an event."""
    begin = time.monotonic()
    command = [PYTHON, "-m", "wiretale", "show", str(capture), "--no-header"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        seconds = time.monotonic() - begin
        process.kill()
    return seconds


def _capture(folder: Path, millions: float) -> Path:
    """The capture of `_spool`; made once."""
    capture = folder / f"{millions:g}.wiretale"
    if not capture.exists():
        run([PYTHON, "-c", _MAKE, str(_spool(folder, millions)[0]), str(capture)])
    return capture


def filters(folder: Path) -> list[str]:
    """A filter over a million calls and a million packets."""
    capture = _capture(folder, 1)
    tiny = folder / "tiny.wiretale"
    run([PYTHON, "-c", _MAKE, str(_spool(folder, 0.002)[0]), str(tiny)])
    lines = [
        "## Filters over a million calls and a million packets", "",
        "`show --no-header --filter ... --limit 20`: the whole command by the clock and of processor time; beside it what"
        " it takes longer than on a capture of 2,000. The load of the machine was"
        f" {os.getloadavg()[0]:.0f} on {os.cpu_count()} processors when this began.", "",
        "| filter | time | processor time | longer than on 2,000 | processor time longer | bar | |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    last = _spool(folder, 1)[1].shown_packets - 10
    for text in (f.format(last=last) if "{last}" in f else f for f in FILTERS):
        large, small = (_shown(path, text) for path in (capture, tiny))
        longer, cpu = large.seconds - small.seconds, large.cpu_seconds - small.cpu_seconds
        lines.append(
            f"| `{text}` | {large.seconds:.2f} s | {large.cpu_seconds:.2f} s | {longer:.2f} s | {cpu:.2f} s | 0.3 s |"
            f" {_verdict(large.seconds <= FILTER_SECONDS)}"
            f"{' (met for the rows)' if longer <= FILTER_SECONDS < large.seconds else ''} |"
        )
    return [*lines, ""]


def _shown(capture: Path, text: str) -> Usage:
    """The quickest of three."""
    command = [PYTHON, "-m", "wiretale", "show", str(capture), "--no-header", "--filter", text, "--limit", "20"]
    # Its exit code says whether anything matched.
    return min((run(command, codes=(0, 1)) for _ in range(3)), key=lambda used: used.seconds)
