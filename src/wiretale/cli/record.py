"""`wiretale record`: record programs into a capture."""

import sys
from pathlib import Path
from typing import Any

import click

from wiretale.cli.recording_options import check_output, finish, fresh_output, plan_from, recording_options
from wiretale.errors import Exit
from wiretale.record.recording import Recording
from wiretale.store.ending import ended_by_signals


@click.command(context_settings={"allow_interspersed_args": False})
@recording_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, readable=False),
    help="The capture to write (default: PROGRAM.wiretale here, or PROGRAM-2.wiretale and so on if that exists).",
)
@click.option("--force", is_flag=True, help="Overwrite an existing capture.")
@click.option("--keep-spool", is_flag=True, help="Keep the raw recording beside the capture.")
@click.option(
    "--interrupt-when-idle", is_flag=True, help="When the typed input has ended and nothing moves any more, type ^C."
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def command(
    output: Path | None,
    force: bool,
    keep_spool: bool,
    interrupt_when_idle: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Record system calls and packets of programs into a capture.

    \b
    wiretale record curl -s http://127.0.0.1:8000/
    wiretale record -o web.wiretale -- curl -s http://127.0.0.1:8000/
    wiretale record -o talk.wiretale --private-net --type salam --interrupt-when-idle \\
        --with 'nc -p 4444 127.0.0.1 4000' -- nc -l 127.0.0.1 4000
    wiretale record -o slow.wiretale -p 4021        # until ^C; the process goes on
    wiretale record -o hung.wiretale -p 4021 --duration 10

    The program keeps its output, its signals and its environment; wiretale ends with the program's exit status (with
    --with: the last one's; 128 + N if signal N killed it).
    """
    from wiretale.light import replace

    if output is None:
        output = fresh_output(options["command"], options["pids"], force=force)
    check_output(output, force=force)
    plan = plan_from(output, options)
    plan = replace(plan, interrupt_when_idle=interrupt_when_idle)
    outcome = Recording(plan).run()
    with ended_by_signals():  # which came too late when the capture is whole
        finish(outcome, plan, keep_spool=keep_spool)
        if not quiet:
            click.echo(summary(output), err=True)
    if outcome.fault is not None:
        raise outcome.fault
    sys.exit(outcome.status or Exit.OK)


def summary(output: Path) -> str:
    """What was recorded, what is missing, and what to type next."""
    from wiretale.store.capture import open_capture

    with open_capture(output) as db:
        row = db.execute(
            "SELECT (SELECT count(*) FROM call), (SELECT count(*) FROM packet WHERE shown),"
            " (SELECT count(DISTINCT connection_id) FROM endpoint WHERE pid IS NOT NULL)"  # not those of other programs
        ).fetchone()
        faults = db.execute(
            "SELECT coalesce(reason, item), remedy FROM coverage"
            " WHERE state IN ('lost', 'not recorded') AND remedy IS NOT NULL"
            " AND reason IS DISTINCT FROM 'not asked for'"
        ).fetchall()
        notes = db.execute("SELECT reason FROM coverage WHERE item = 'note'").fetchall()
    calls, packets, connections = row or (0, 0, 0)
    counted = ", ".join(
        f"{n:,} {noun}" + ("" if n == 1 else "s")
        for n, noun in ((calls, "call"), (packets, "packet"), (connections, "connection"))
    )
    lines = [f"wiretale: {output}: {counted}"]
    lines += [f"wiretale: note: {note}" for (note,) in notes]
    lines += [f"wiretale: missing: {reason}" + (f" (try: {remedy})" if remedy else "") for reason, remedy in faults]
    lines.append(f"wiretale: next: wiretale explain {output}, or wiretale show {output}")
    return "\n".join(lines)
