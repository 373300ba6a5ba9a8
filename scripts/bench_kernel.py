"""The part of the bench about kernel programs: what recording calls by eBPF costs the program, and the recorder."""

import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import duckdb
from bench import WIRETALE, free_port

from wiretale.model.kernel_ring import KINDS
from wiretale.record.ebpf.libbpf import Object

ROUNDS = 3
SOURCE = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	long count = atol(argv[2]);
	int pair[2];
	char byte = 'x';
	struct rusage used;
	if (argv[1][0] == 't') {
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t size = sizeof(at);
		int listener = socket(AF_INET, SOCK_STREAM, 0);
		bind(listener, (struct sockaddr *)&at, size);
		listen(listener, 1);
		getsockname(listener, (struct sockaddr *)&at, &size);
		pair[0] = socket(AF_INET, SOCK_STREAM, 0);
		connect(pair[0], (struct sockaddr *)&at, size);
		pair[1] = accept(listener, NULL, NULL);
	} else {
		socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	}
	if (argv[1][0] == 'g')
		for (long i = 0; i < count; i++)
			syscall(SYS_getppid);
	else
		for (long i = 0; i < count; i++) {
			send(pair[0], &byte, 1, 0);
			recv(pair[1], &byte, 1, 0);
		}
	getrusage(RUSAGE_SELF, &used);
	printf("%ld\n", (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000L + used.ru_utime.tv_usec + used.ru_stime.tv_usec);
	return 0;
}
"""
# argument, title, turns of the loop, at most so many times the CPU time untraced
LOOPS = (
    ("getppid", "1,000,000 getppid", 1_000_000, 4.0),
    ("send", "300,000 sends and receives of a byte", 300_000, 2.5),
)
# Programs that do nothing where the recorder's stand: what no recorder at these tracepoints can go below.
EMPTY = r"""
char terms[] __attribute__((section("license"), used)) = "GPL";
#define AT(name) __attribute__((section("tp_btf/" #name), used)) int on_##name(void *ctx) { return 0; }
"""
TRACEPOINTS = ("sys_enter", "sys_exit", *(kind.name.partition(":")[2] for kind in KINDS))
MOST_DRAIN_NS = 20
NC_BYTES, NC_ROUNDS, LEAST_THROUGHPUT = 400_000_000, 7, 0.9
FLOOD_CALLS = 2_000_000  # of each of two loops
OTHERS_CALLS = 100_000
MESSAGES = 20_000
# title, options beside --engine ebpf
LEVELS = (
    ("calls only", ()),
    ("events", ("--kernel",)),
    ("events, 100 stacks of each kind", ("--kernel", "--stacks", "100")),
    ("events, each with its stack", ("--kernel", "--stacks", "all")),
)


def kernel(folder: Path) -> list[str]:
    """Ratios of CPU time in one run: what else the machine does falls on both."""
    program = folder / "loop"
    (folder / "loop.c").write_text(SOURCE)
    subprocess.run(["cc", "-O2", "-o", str(program), str(folder / "loop.c")], check=True)
    lines = [
        "## Calls by kernel programs",
        "",
        f"`wiretale record --engine ebpf`, CPU time of the program, medians of {ROUNDS}; every call is kept.",
        "",
        "| program | untraced | recorded | ratio | bar | | records lost | recorder's CPU per record |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for argument, title, turns, bar in LOOPS:
        alone, traced, drain, lost = [], [], [], 0
        for number in range(ROUNDS):
            print(f"{title}: {number + 1} of {ROUNDS}", file=sys.stderr)
            alone.append(_microseconds([str(program), argument, str(turns)]))
            report, microseconds = _recorded(folder, [str(program), argument, str(turns)])
            traced.append(microseconds)
            lost += report["lost"]
            drain.append(report["detail"]["drain_ns"] / report["detail"]["records"])
        before, after, each = statistics.median(alone), statistics.median(traced), statistics.median(drain)
        ratio = after / before
        lines.append(
            f"| {title} | {before / 1000:.0f} ms | {after / 1000:.0f} ms | {ratio:.2f} | at most {bar} |"
            f" {'met' if ratio <= bar else '**missed**'} | {lost} |"
            f" {each:.0f} ns (bar {MOST_DRAIN_NS}: {'met' if each <= MOST_DRAIN_NS else '**missed**'}) |"
        )
    return [*lines, "", *_nc(folder), *_flood(folder, program), *_others(program), *_stacks(folder, program)]


def _stacks(folder: Path, program: Path) -> list[str]:
    """What the kernel's events cost the program, and what their stacks do."""
    command = [str(program), "tcp", str(MESSAGES)]
    times: list[list[int]] = [[] for _ in LEVELS]
    alone, detail = [], [{} for _ in LEVELS]
    for number in range(ROUNDS):
        print(f"stacks: {number + 1} of {ROUNDS}", file=sys.stderr)
        alone.append(_microseconds(command))
        for level, (_, options) in enumerate(LEVELS):
            sources, (microseconds, *_) = _sources(folder, command, *options)
            times[level].append(microseconds)
            detail[level] = next((s["detail"] | {"lost": s["lost"]} for s in sources if s["level"] == "kernel"), {})
    before, medians = statistics.median(alone), [statistics.median(t) for t in times]
    lines = [
        f"{MESSAGES} messages of a byte over TCP on loopback, in one process: CPU time of the program, medians of {ROUNDS}.",
        "",
        "| recorded | CPU time | ratio to untraced | events | stacks | lost | of an event |",
        "|---|---|---|---|---|---|---|",
    ]
    for (title, _), median, found in zip(LEVELS, medians, detail, strict=True):
        events, stacks = sum(found.get("events", {}).values()), found.get("stacks_recorded", 0)
        lost = found.get("lost", 0) + found.get("stacks_lost", 0)
        each = f"{(median - medians[0]) * 1000 / events:.0f} ns" if events else ""
        lines.append(
            f"| {title} | {median / 1000:.0f} ms | {median / before:.2f} | {events or ''} | {stacks or ''} | {lost} | {each} |"
        )
    return [*lines, ""]


def _nc(folder: Path) -> list[str]:
    """The bytes of a file through nc, recorded with calls and network events: CPU time and throughput beside untraced."""
    data = folder / "nc.data"
    with data.open("wb") as file:
        file.truncate(NC_BYTES)
    nc = shutil.which("nc.openbsd") or "nc"
    # The program says what it took: wiretale's own start and its capture are not its time. The client tries again until
    # the server listens.
    script = (
        "import resource, subprocess, sys, time\n"
        "nc, port, data = sys.argv[1:]\n"
        "begin = time.monotonic()\n"
        "server = subprocess.Popen([nc, '-l', '127.0.0.1', port], stdout=subprocess.DEVNULL)\n"
        "client = [nc, '-N', '127.0.0.1', port]\n"
        "while subprocess.call(client, stdin=open(data), stderr=subprocess.DEVNULL): pass\n"
        "server.wait()\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(int((used.ru_utime + used.ru_stime) * 1e6), int((time.monotonic() - begin) * 1e6))\n"
    )
    empty = _empty_programs(folder)
    alone: list[list[int]] = []
    bare: list[list[int]] = []
    traced: list[list[int]] = []
    lost = 0
    for number in range(NC_ROUNDS):
        print(f"nc: {number + 1} of {NC_ROUNDS}", file=sys.stderr)
        command = [sys.executable, "-c", script, nc, str(free_port()), str(data)]
        alone.append(_numbers(command))
        bare.append(_under(empty, command))
        sources, numbers = _sources(folder, command, "--kernel")
        traced.append(numbers)
        lost += sum(s["lost"] for s in sources)
    cpu_alone, wall_alone = (statistics.median(column) for column in zip(*alone, strict=True))
    cpu_bare, wall_bare = (statistics.median(column) for column in zip(*bare, strict=True))
    cpu_traced, wall_traced = (statistics.median(column) for column in zip(*traced, strict=True))
    ratio = wall_alone / wall_traced
    met = "met" if ratio >= LEAST_THROUGHPUT else "**missed**"
    return [
        f"{NC_BYTES // 1_000_000} MB through nc with `--engine ebpf --kernel`: {ratio:.2f} of the throughput untraced"
        f" (bar {LEAST_THROUGHPUT}: {met}), {lost} records lost. Medians of {NC_ROUNDS} of each, in turn. Wall times mean little on a"
        f" machine that does other work; the CPU time of both nc, softirqs in them included: {cpu_alone / 1000:.0f} ms untraced,"
        f" {cpu_traced / 1000:.0f} ms recorded, {cpu_traced / cpu_alone:.2f} times as much. With programs that do nothing at the same"
        f" {len(TRACEPOINTS)} tracepoints: {wall_alone / wall_bare:.2f} of the throughput, {cpu_bare / 1000:.0f} ms,"
        f" {cpu_bare / cpu_alone:.2f} times as much.",
        "",
    ]


def _empty_programs(folder: Path) -> Path:
    source, compiled = folder / "empty.bpf.c", folder / "empty.bpf.o"
    source.write_text(EMPTY + "".join(f"AT({name})\n" for name in TRACEPOINTS))
    subprocess.run(["clang", "-target", "bpf", "-O2", "-g", "-c", str(source), "-o", str(compiled)], check=True)
    return compiled


def _under(programs: Path, command: list[str]) -> list[int]:
    loaded = Object(programs)
    try:
        loaded.leave_out_missing(loaded.programs())
        loaded.load()
        for program in loaded.programs().values():
            loaded.attach(program)
        return _numbers(command)
    finally:
        loaded.close()


def _flood(folder: Path, program: Path) -> list[str]:
    """Two loops at once: what the recorder cannot take must be counted to the last call."""
    both = f"{program} getppid {FLOOD_CALLS} & {program} getppid {FLOOD_CALLS}; wait"
    report, microseconds = _recorded(folder, ["sh", "-c", f"({both}) | sort -n | tail -n 1"])
    with duckdb.connect(folder / "k.wiretale", read_only=True) as db:
        kept = db.execute(
            "SELECT count(*) FROM call JOIN task USING (task_id) WHERE name = 'getppid' AND comm = 'loop'"
        ).fetchone()[0]
    lost, rate = report["lost"], 2 * FLOOD_CALLS / microseconds
    exact = "exact" if kept + lost == 2 * FLOOD_CALLS or (lost and kept + lost >= 2 * FLOOD_CALLS) else "**wrong**"
    return [
        f"Two loops of {FLOOD_CALLS:,} getppid at once, some {rate:.1f} million calls per second of a loop's CPU time:"
        f" {kept:,} kept, {lost:,} counted as lost: {exact}.",
        "",
    ]


def _others(program: Path) -> list[str]:
    """The same loop under other tracers, where they are installed and run on this kernel."""
    count = OTHERS_CALLS
    loop = [str(program), "getppid", str(count)]
    ways = {
        "perf trace": ["perf", "trace", "-o", "/dev/null", *loop],
        "bpftrace, only counting": [
            "bpftrace",
            "-e",
            "tracepoint:raw_syscalls:sys_enter { @ = count(); }",
            "-c",
            " ".join(loop),
        ],
        "sysdig": ["sysdig", "-w", "/dev/null", "proc.name=loop"],
    }
    alone = _microseconds(loop)
    lines = [f"Beside them, {count:,} getppid, CPU time of the program as a multiple of untraced:", ""]
    for name, command in ways.items():
        if shutil.which(command[0]) is None:
            lines.append(f"- {name}: not installed")
            continue
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        said = [line for line in done.stdout.splitlines() if line.strip().isdigit()]
        if done.returncode or not said:
            why = (done.stderr.strip().splitlines() or ["no output"])[-1][:120]
            lines.append(f"- {name}: does not run here ({why})")
        else:
            lines.append(f"- {name}: {int(said[0]) / alone:.1f}")
    return [*lines, ""]


def _numbers(command: list[str]) -> list[int]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]


def _microseconds(command: list[str]) -> int:
    return _numbers(command)[0]


def _recorded(folder: Path, command: list[str], *more: str) -> tuple[dict, int]:  # type: ignore[type-arg]
    sources, (microseconds, *_) = _sources(folder, command, *more)
    return next(s for s in sources if s["level"] == "syscall"), microseconds


def _sources(folder: Path, command: list[str], *more: str) -> tuple[list[dict], list[int]]:  # type: ignore[type-arg]
    """What each source reports, and the numbers that the program prints."""
    capture = folder / "k.wiretale"
    options = ["--engine", "ebpf", "--no-packets", "--force", "--keep-spool", "-q", "-o", str(capture), *more]
    numbers = _numbers([*WIRETALE, "record", *options, "--", *command])
    spool = folder / "k.wiretale.spool"
    manifest = json.loads((spool / "manifest.json").read_text())
    shutil.rmtree(spool)
    return manifest["sources"], numbers
