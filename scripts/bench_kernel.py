"""The part of the bench about kernel programs: what recording calls by eBPF costs the program, and the recorder."""

import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from bench import WIRETALE

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
MOST_DRAIN_NS = 20
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
    return [*lines, "", *_stacks(folder, program)]


def _stacks(folder: Path, program: Path) -> list[str]:
    """What the kernel's events cost the program, and what their stacks do."""
    command = [str(program), "tcp", str(MESSAGES)]
    times: list[list[int]] = [[] for _ in LEVELS]
    alone, detail = [], [{} for _ in LEVELS]
    for number in range(ROUNDS):
        print(f"stacks: {number + 1} of {ROUNDS}", file=sys.stderr)
        alone.append(_microseconds(command))
        for level, (_, options) in enumerate(LEVELS):
            sources, microseconds = _sources(folder, command, *options)
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


def _microseconds(command: list[str]) -> int:
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _recorded(folder: Path, command: list[str]) -> tuple[dict, int]:  # type: ignore[type-arg]
    sources, microseconds = _sources(folder, command)
    return next(s for s in sources if s["level"] == "syscall"), microseconds


def _sources(folder: Path, command: list[str], *more: str) -> tuple[list[dict], int]:  # type: ignore[type-arg]
    """What each source reports, and the program's CPU time."""
    capture = folder / "k.wiretale"
    options = ["--engine", "ebpf", "--no-packets", "--force", "--keep-spool", "-q", "-o", str(capture), *more]
    microseconds = _microseconds([*WIRETALE, "record", *options, "--", *command])
    spool = folder / "k.wiretale.spool"
    manifest = json.loads((spool / "manifest.json").read_text())
    shutil.rmtree(spool)
    return manifest["sources"], microseconds
