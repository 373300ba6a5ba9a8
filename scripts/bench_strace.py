"""The part of the bench about `wiretale strace`: how long programs take under it and under strace.

The programs are those whose lines `compare_strace.py` compares. Besides the wall time the processor time is given, of the
program, its tracer and all their children: unlike the wall time it hardly depends on what else the machine does.
"""

import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from bench import NC_BYTES, free_port
from compare_strace import FAST, PROGRAMS

ROUNDS, ENOUGH_SECONDS = 5, 2.0  # what takes milliseconds is run more often: where the scheduler puts it is chance
MOST_ROUNDS = 61
BAR, BAR_BULK = 1.0, 0.5
_TAKES_A_SECOND = "nc udp"  # by itself: nothing of it is the tracer's


def _bulk(folder: Path) -> list[str]:
    """The bytes of the part `programs` from one netcat to another."""
    data = folder / "data"
    if not data.exists():
        data.write_bytes(os.urandom(1_000_000) * (NC_BYTES // 1_000_000))
    nc, port = "nc.openbsd", free_port()
    script = (
        f"{nc} -l 127.0.0.1 {port} >/dev/null & until {nc} -N 127.0.0.1 {port} <{data} 2>/dev/null; do :; done; wait"
    )
    return ["sh", "-c", script]


def _seconds(tracer: list[str], program: list[str], folder: Path) -> tuple[float, float]:
    """Wall time and processor time of one run."""
    before, begin = _children_seconds(), time.monotonic()
    process = subprocess.Popen([*tracer, "-f", "-o", str(folder / "strace.txt"), *program], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    end = threading.Timer(300, process.kill)  # wait() with a limit looks only every 50 ms
    end.start()
    process.wait()
    seconds = time.monotonic() - begin
    end.cancel()
    return seconds, _children_seconds() - before


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _row(name: str, program: list[str], folder: Path, bar: float) -> str:
    runs: dict[str, list[tuple[float, float]]] = {"strace": [], "wiretale": []}
    print(name, file=sys.stderr)
    begin = time.monotonic()
    for number in range(MOST_ROUNDS):
        if number >= ROUNDS and time.monotonic() - begin > ENOUGH_SECONDS:
            break
        for tracer, command in (("strace", ["strace"]), ("wiretale", FAST)):
            runs[tracer].append(_seconds(command, program, folder))
    (their_wall, their_cpu), (wall, cpu) = (
        tuple(statistics.median(run[i] for run in runs[tracer]) for i in (0, 1)) for tracer in ("strace", "wiretale")
    )
    ratio = wall / their_wall
    return (
        f"| {name} | {their_wall:.3f} s | {wall:.3f} s | {ratio:.2f} | at most {bar} |"
        f" {'met' if ratio <= bar else '**missed**'} | {their_cpu:.3f} s | {cpu:.3f} s | {cpu / max(their_cpu, 0.001):.2f} |"
    )


def strace(folder: Path) -> list[str]:
    """One row per program: median times under both, and their ratio."""
    lines = [
        "## wiretale strace", "",
        f"`strace -f -o FILE` and `wiretale strace -f -o FILE`, medians of {ROUNDS} to"
        f" {MOST_ROUNDS} runs each, in turn. Python alone takes"
        f" {_bare_python():.3f} s to start and end here; it is started only where a line needs it. The load average was"
        f" {os.getloadavg()[0]:.1f} when this was begun, on {os.cpu_count()} CPUs.", "",
        "| program | strace | wiretale strace | ratio | bar | | processor time: strace | wiretale strace | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    chosen = {name: program for name, program in PROGRAMS.items() if name != _TAKES_A_SECOND}
    lines += [_row(name, program, folder, BAR) for name, program in chosen.items()]
    lines.append(_row(f"{NC_BYTES // 1_000_000} MB through nc", _bulk(folder), folder, BAR_BULK))
    return [*lines, ""]


def _bare_python() -> float:
    """Seconds of an interpreter that does nothing."""
    seconds = []
    for _ in range(ROUNDS):
        begin = time.monotonic()
        subprocess.run([sys.executable, "-c", ""], check=True)
        seconds.append(time.monotonic() - begin)
    return statistics.median(seconds)
