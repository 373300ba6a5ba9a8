"""Measure wiretale against strace: ratios in one run, medians of five. `make bench` writes docs/benchmarks.md.

Every program runs untraced, under strace and under wiretale in turn, so that
what else the machine does falls on all alike. Times are wall times; wiretale's is given twice: while the program runs
(what the program feels), and in total (with the capture made and joined).
"""

import argparse
import http.client
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

WIRETALE = [sys.executable, "-m", "wiretale"]
GETPPID_CALLS = 200_000
NC_BYTES = 200_000_000
HTTP_REQUESTS = 2_000

GETPPID_SOURCE = f"""
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {{ for (int i = 0; i < {GETPPID_CALLS}; i++) syscall(SYS_getppid); return 0; }}
"""


@dataclass(frozen=True)
class Way:
    """One way of running a program: the words put before it."""

    name: str
    prefix: Callable[[Path], list[str]]


def _strace(folder: Path) -> list[str]:
    return ["strace", "-f", "-o", str(folder / "strace.txt")]


def _wiretale(*options: str) -> Callable[[Path], list[str]]:
    return lambda folder: [
        *WIRETALE,
        "record",
        "--force",
        "--no-packets",
        *options,
        "-o",
        str(folder / "b.wiretale"),
        "--",
    ]


WAYS = [
    Way("untraced", lambda _: []),
    Way("strace -f -o FILE", _strace),
    Way("taskset -c 0 strace -f -o FILE", lambda folder: ["taskset", "-c", "0", *_strace(folder)]),
    Way("wiretale record", _wiretale()),
    Way("wiretale record --calls network", _wiretale("--calls", "network")),
]


@dataclass
class Times:
    """Seconds of one run: while the program ran, and until the command ended."""

    program: float
    total: float


def timed(command: list[str], **options: object) -> Times:
    """Run `command`; the program's own time is what wiretale says of it, or the whole."""
    begin = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    total = time.monotonic() - begin
    return Times(_recorded_seconds(command) or total, total)


def _recorded_seconds(command: list[str]) -> float | None:
    """From the first call of the program to the end of its last task, as the capture has it."""
    if command[:4] != [*WIRETALE, "record"]:
        return None
    import duckdb

    with duckdb.connect(command[command.index("-o") + 1], read_only=True) as db:
        row = db.execute("SELECT (max(end_ns) - min(start_ns)) / 1e9 FROM task WHERE traced").fetchone()
    return float(row[0]) if row and row[0] is not None else None


def getppid(folder: Path, way: Way) -> Times:
    """A loop of a call that does nothing."""
    program = folder / "getppid"
    if not program.exists():
        source = folder / "getppid.c"
        source.write_text(GETPPID_SOURCE)
        subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)
    return timed([*way.prefix(folder), str(program)])


def nc_transfer(folder: Path, way: Way) -> Times:
    """Bulk data from one netcat to another."""
    data = folder / "data"
    if not data.exists():
        data.write_bytes(os.urandom(1_000_000) * (NC_BYTES // 1_000_000))
    port = free_port()
    nc = shutil.which("nc.openbsd") or "nc"
    # The client tries again until the server listens.
    script = (
        f"{nc} -l 127.0.0.1 {port} >/dev/null & until {nc} -N 127.0.0.1 {port} <{data} 2>/dev/null; do :; done; wait"
    )
    return timed([*way.prefix(folder), "sh", "-c", script])


def http_server(folder: Path, way: Way) -> Times:
    """Requests to a traced server by a client that is not traced; the client's time counts."""
    port = free_port()
    (folder / "www").mkdir(exist_ok=True)
    (folder / "www" / "index.html").write_text("hello\n" * 100)
    server = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder / "www")]
    with running([*way.prefix(folder), *server], port):
        begin = time.monotonic()
        for _ in range(HTTP_REQUESTS):
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/index.html")
            connection.getresponse().read()
            connection.close()
        seconds = time.monotonic() - begin
    return Times(seconds, seconds)


@contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
    """The pid of a server that listens on `port`, in a process group of its own; ended by SIGTERM (a shell may have started us with SIGINT ignored)."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(120)


def free_port() -> int:
    """A TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


BENCHES: list[tuple[str, Callable[[Path, Way], Times]]] = [
    (f"{GETPPID_CALLS:,} getppid", getppid),
    (f"{NC_BYTES // 1_000_000} MB through nc", nc_transfer),
    (f"{HTTP_REQUESTS:,} requests to python http.server", http_server),
]

# bench, way, compared with, at most
BARS = [
    (0, "wiretale record", "strace -f -o FILE", 0.5),
    (0, "wiretale record", "taskset -c 0 strace -f -o FILE", 1.5),
    (0, "wiretale record --calls network", "untraced", 1.3),
    (1, "wiretale record", "strace -f -o FILE", 0.5),
    (1, "wiretale record", "taskset -c 0 strace -f -o FILE", 1.5),
    (2, "wiretale record", "strace -f -o FILE", 0.8),
    (2, "wiretale record", "taskset -c 0 strace -f -o FILE", 1.5),
]


def median(times: list[Times]) -> Times:
    """Of each number by itself."""
    return Times(statistics.median(t.program for t in times), statistics.median(t.total for t in times))


def measure_commands(folder: Path) -> list[str]:
    """Seconds of `--help` and of `show` of the demo: medians of five."""
    demo = folder / "demo.wiretale"
    subprocess.run([*WIRETALE, "demo", "-o", str(demo)], check=True, capture_output=True)
    lines = []
    for name, command, bar in (
        ("wiretale --help", ["--help"], 0.15),
        ("wiretale show demo.wiretale", ["show", str(demo)], 0.6),
    ):
        seconds = statistics.median(timed([*WIRETALE, *command]).total for _ in range(5))
        lines.append(f"| `{name}` | {seconds:.3f} s | at most {bar} s | {'met' if seconds <= bar else '**missed**'} |")
    return lines


def report(results: dict[tuple[int, str], Times], commands: list[str], rounds: int) -> str:
    """The page, in Markdown."""
    strace = subprocess.run(["strace", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench`: medians of {rounds}, {os.cpu_count()} CPUs, Linux {platform.release().split('-')[0]}, {re.sub('^strace -- version ', 'strace ', strace)}.",
        'Packets are not captured here; every system call is recorded with 256 bytes of each buffer. "Running" is the program\'s',
        'own time, from its start to its end; "total" is until the command returned, with the capture written and joined.',
        "",
        "| program | way | running | total |",
        "|---|---|---|---|",
    ]
    lines += [f"| {BENCHES[i][0]} | `{way}` | {t.program:.3f} s | {t.total:.3f} s |" for (i, way), t in results.items()]
    lines += [
        "",
        "| program | wiretale | compared with | ratio, running | ratio, total | bar (running) | |",
        "|---|---|---|---|---|---|---|",
    ]
    for i, way, against, bar in BARS:
        if (i, way) not in results or (i, against) not in results:
            continue
        ours, theirs = results[i, way], results[i, against]
        ratio = ours.program / theirs.program
        lines.append(
            f"| {BENCHES[i][0]} | `{way}` | `{against}` | {ratio:.2f} | {ours.total / theirs.total:.2f} | at most {bar} | {'met' if ratio <= bar else '**missed**'} |"
        )
    lines += ["", "| command | time | bar | |", "|---|---|---|---|", *commands, ""]
    return "\n".join(lines)


def programs(folder: Path, rounds: int) -> list[str]:
    """The first three programs every way, and how quickly commands start."""
    results: dict[tuple[int, str], Times] = {}
    for i, (title, bench) in enumerate(BENCHES):
        runs: dict[str, list[Times]] = {way.name: [] for way in WAYS}
        for number in range(rounds):
            for way in WAYS:
                print(f"{title}: {way.name}, {number + 1} of {rounds}", file=sys.stderr)
                runs[way.name].append(bench(folder, way))
        results.update({(i, way.name): median(runs[way.name]) for way in WAYS})
    return report(results, measure_commands(folder), rounds).split("\n")


def main() -> None:
    """Measure, print, and write if asked."""
    import bench_kernel
    import bench_large
    import bench_overhead
    import bench_strace

    parts: dict[str, Callable[[Path], list[str]]] = {
        "programs": lambda folder: programs(folder, options.rounds),
        "overhead": bench_overhead.overhead,
        "strace": bench_strace.strace,
        "kernel": bench_kernel.kernel,
        "ring": bench_large.ring,
        "packets": bench_large.packets,
        "load": lambda folder: bench_large.load(folder, options.sizes),
        "filters": bench_large.filters,
        "readers": bench_large.readers,
    }
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="of the part `programs`")
    parser.add_argument("--only", choices=parts, action="append", help="only this part; may be given several times")
    parser.add_argument(
        "--sizes",
        type=float,
        nargs="+",
        default=(1, 3, 10),
        help="of the part `load`, in millions of calls and packets",
    )
    parser.add_argument("--write", type=Path, help="also write the report here")
    options = parser.parse_args()
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        for part, measure in parts.items():
            if options.only is None or part in options.only:
                print(part, file=sys.stderr)
                lines += measure(Path(name))
    text = "\n".join(lines)
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
