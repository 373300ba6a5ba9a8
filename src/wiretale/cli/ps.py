"""`wiretale ps`: the process tree of a capture."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretale.cli.output import output_of, print_json, print_notes, print_table
from wiretale.errors import Exit

if TYPE_CHECKING:
    from wiretale.show.processes import ProcessRow

HELP = """
\b
  wiretale ps demo.wiretale
  wiretale ps demo.wiretale --at 0.25

Shows who started whom: every traced process with its threads, when it began and ended (seconds since the first
event), how
it ended, and its command line.
"""


@click.command(name="ps", help=HELP)
@click.argument("capture", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--at", "moment_text", metavar="TIME", help="Only processes alive then: seconds, start, end, call:ID, packet:N."
)
@click.option("--all", "untraced", is_flag=True, help="Also processes that were only seen in /proc.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_context
def command(context: click.Context, capture: Path, moment_text: str | None, untraced: bool, as_json: bool) -> int:
    from wiretale.show.descriptors import moment
    from wiretale.show.order import origin_ns
    from wiretale.show.processes import processes
    from wiretale.store.capture import open_capture

    with open_capture(capture) as db:
        at_ns = None if moment_text is None else moment(db, moment_text)
        origin = origin_ns(db)
        found = processes(db, at_ns=at_ns, untraced=untraced)
    if as_json:
        for process in found:
            print_json(_as_json(process))
        return Exit.OK
    if not found:
        print_notes(
            [
                "no traced process is known" + (" at that moment" if moment_text else ""),
                f"try: wiretale ps {capture} --all",
            ]
        )
        return Exit.FAILED
    rows = [row for process in found for row in _rows(process, origin)]
    headers = ("pid", "begin", "end", "outcome", "calls", "command")
    print_table(headers, rows, output_of(context), right=(0, 1, 2, 4))
    return Exit.OK


def _rows(process: "ProcessRow", origin: int) -> list[tuple[str, ...]]:
    indent = "  " * process.depth
    command_line = shlex.join(process.argv) if process.argv else f"[{process.comm}]"
    how = "" if process.how in ("started", "") else f"  ({process.how})"
    rows: list[tuple[str, ...]] = [(
        str(process.pid), _seconds(process.start_ns, origin), _seconds(process.end_ns, origin), process.outcome,
        str(process.calls), f"{indent}{command_line}{how}",
    )]  # fmt: skip
    for thread in process.threads:
        rows.append((
            str(thread.tid), _seconds(thread.start_ns, origin), _seconds(thread.end_ns, origin), "", "",
            f"{indent}  - thread {thread.comm}",
        ))  # fmt: skip
    return rows


def _seconds(time_ns: int | None, origin: int) -> str:
    return "-" if time_ns is None else f"{(time_ns - origin) / 1e9:.6f}"


def _as_json(process: "ProcessRow") -> dict[str, object]:
    return {
        "pid": process.pid, "parent_pid": process.parent_pid, "depth": process.depth, "comm": process.comm,
        "argv": list(process.argv), "programs": process.programs, "how": process.how, "start_ns": process.start_ns,
        "end_ns": process.end_ns, "end_how": process.end_how, "exit_status": process.exit_status, "signal":
        process.signal, "uid": process.uid, "traced": process.traced, "calls": process.calls,
        "threads": [{"tid": t.tid, "comm": t.comm, "start_ns": t.start_ns, "end_ns": t.end_ns} for t in
        process.threads],
    }  # fmt: skip
