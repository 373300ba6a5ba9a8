"""`wiretale threads`: what each thread did with its time, and which of them had each CPU."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretale.cli.output import output_of, print_json, print_notes
from wiretale.errors import Exit, UsageFault
from wiretale.light import asdict

if TYPE_CHECKING:
    import duckdb

    from wiretale.explain.thread_times import Part

HELP = """
\b
  wiretale record --kernel --engine ebpf -o web.wiretale --with ./client -- ./server
  wiretale threads web.wiretale
  wiretale threads web.wiretale --from 0.25 --to 0.3
  wiretale threads web.wiretale --thread 4021      # every state of one thread, and who woke it

Of each thread how long it ran its own code, ran in calls, waited for a CPU, was blocked or stopped; the same over time;
and which recorded thread had each CPU.
"""
_COLUMNS = 100


@click.command(name="threads", help=HELP)
@click.argument("capture", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--from", "begin", metavar="TIME", help="From then: seconds, start, end, call:ID or packet:N.")
@click.option("--to", "end", metavar="TIME", help="Until then.")
@click.option("--thread", "tid", type=click.IntRange(1), metavar="TID", help="Each state of one thread, in order.")
@click.option("--top", type=click.IntRange(1), default=16, show_default=True, help="The threads that ran longest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line (keys: docs/threads.md); all rows.")
@click.pass_context
def command(
    context: click.Context, capture: Path, begin: str | None, end: str | None, tid: int | None, top: int, as_json: bool
) -> int:
    from wiretale.cli.path import missing_kernel_level
    from wiretale.explain import thread_times
    from wiretale.show.order import origin_ns
    from wiretale.show.threads import lane_lines, state_lines, table_lines
    from wiretale.store.capture import open_capture

    output = output_of(context)
    with open_capture(capture) as db:
        missing = missing_kernel_level(db, "wiretale record --kernel --engine ebpf -o FILE.wiretale -- COMMAND")
        known = thread_times.whole(db)
        if known is None:
            print_notes(missing or _no_scheduler_events())
            return Exit.FAILED
        part = _part(db, known, begin, end, tid)
        found = thread_times.times(db, part)
        if not found:
            about = f"thread {tid}" if tid else "any thread"
            print_notes([f"nothing is known of {about} then", f"try: wiretale threads {capture}"])
            return Exit.FAILED
        if as_json:
            for kind, rows in (("thread", found), ("state", thread_times.rows(db, part))):
                for row in rows:
                    print_json({"kind": kind, **asdict(row)})
            for use in thread_times.cpu_turns(db, part):
                print_json({"kind": "cpu", **asdict(use)})
            return Exit.OK
        names, origin = thread_times.thread_names(db), origin_ns(db)
        color = output.color
        lines = [*table_lines(found, names, top, color=color), ""]
        if tid is not None:
            lines += state_lines(thread_times.rows(db, part), names, origin)
        else:
            lines += lane_lines(db, part, origin, output.width or _COLUMNS, top, color=color)
    sys.stdout.write("".join(f"{line}\n" for line in _in_the_terminals_characters(lines)))
    return Exit.OK


def _in_the_terminals_characters(lines: list[str]) -> list[str]:
    from wiretale.show.story.text_figures import OWN_CHARACTERS, as_ascii

    encoding = sys.stdout.encoding or "ascii"
    try:
        OWN_CHARACTERS.encode(encoding)
    except UnicodeEncodeError:
        return [as_ascii(line).encode(encoding, "backslashreplace").decode(encoding) for line in lines]
    return lines


def _no_scheduler_events() -> list[str]:
    return [
        "the scheduler's events were not recorded",
        "try: wiretale record --kernel --kernel-events sched -- COMMAND",
    ]


def _part(
    db: "duckdb.DuckDBPyConnection", known: "Part", begin: str | None, end: str | None, tid: int | None
) -> "Part":
    from wiretale.explain.thread_times import Part
    from wiretale.show.descriptors import moment

    from_ns = known.from_ns if begin is None else max(moment(db, begin), known.from_ns)
    to_ns = known.to_ns if end is None else min(moment(db, end), known.to_ns)
    if from_ns >= to_ns:
        raise UsageFault(
            "that part of the capture is empty", "--from is to be before --to, and both within the capture"
        )
    return Part(from_ns, to_ns, tid)
