"""`wiretale run`: print calls and packets of a program while it runs, on one clock."""

import functools
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wiretale.cli.output import output_of
from wiretale.cli.recording_options import check_output, finish, plan_from, recording_options
from wiretale.errors import ResourceFault, UsageFault
from wiretale.light import replace
from wiretale.record.recording import Recording

if TYPE_CHECKING:
    from wiretale.cli.live import LiveView


@click.command(context_settings={"allow_interspersed_args": False})
@recording_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, readable=False),
    help="Also keep the recording as a capture (it then holds the joins, which a live view cannot know).",
)
@click.option("--force", is_flag=True, help="Overwrite an existing capture.")
@click.option("--numbers", is_flag=True, help="Show the number of every constant.")
@click.option("--strings", type=click.IntRange(0), default=64, show_default=True, help="Bytes of a string to show.")
@click.option(
    "-f",
    "--filter",
    "filter_text",
    metavar="FILTER",
    help="Only events that match (docs/filter.md), as far as they are known.",
)
@click.option("--unfold", is_flag=True, help="Show the calls of a program's start, too.")
@click.option(
    "--log",
    type=click.File("w"),
    help="Write the list to this file (default: standard error, as the output is the program's).",
)
@click.pass_context
def command(
    context: click.Context,
    /,
    output: Path | None,
    force: bool,
    numbers: bool,
    strings: int,
    filter_text: str | None,
    unfold: bool,
    log: Any,
    **options: Any,
) -> None:
    """Run a command and print its calls and packets as they happen, in the order of one clock.

    \b
    wiretale run --private-net -- nc -l 127.0.0.1 4000
    wiretale run --log nc.log -- nc 127.0.0.1 4000
    wiretale run -o web.wiretale -- curl -s http://127.0.0.1:8000/
    wiretale run --filter 'call.name == "connect" || tcp.flags.syn == 1' -- curl -s http://127.0.0.1:8000/

    A call that blocks is printed when it begins to, and again when it returns. Which write became which packet and
    which read is known when everything has been recorded: keep it with -o and use `wiretale show`.
    """
    if output is not None:
        check_output(output, force=force)
    if filter_text is not None:
        _check_filter(filter_text)
    with _scratch_folder() as folder:
        plan = plan_from(output or Path(folder) / "run.wiretale", options)
        live = replace(plan.ring, live=True)
        plan = replace(plan, interrupt_when_idle=plan.type_text is not None, ring=live)
        recording = Recording(plan)

        @functools.cache
        def view() -> "LiveView":
            # Only now: a recording enters its namespaces as a process of one thread, and NumPy starts more.
            from wiretale.cli.live import LiveView

            chosen = None
            if filter_text is not None:
                from wiretale.filter.compile import compile_filter

                chosen = compile_filter(filter_text, live=True)
            style = output_of(context)
            return LiveView(
                recording, log or sys.stderr, style, numbers=numbers, strings=strings, unfold=unfold, chosen=chosen
            )

        recording.observe(lambda: view().tick())
        outcome = recording.run()
        view().finish()
        _say_if_cut(view().lost, log)
        for note in outcome.notes:
            click.echo(f"wiretale: note: {note}", err=True)
        if output is not None:
            finish(outcome, plan)
            click.echo(f"wiretale: next: wiretale explain {output}, or wiretale show {output}", err=True)
        else:
            shutil.rmtree(outcome.spool.path)
    if outcome.fault is not None:
        raise outcome.fault
    sys.exit(outcome.status)


def _scratch_folder() -> "tempfile.TemporaryDirectory[str]":
    """Where the recording is until the program has ended."""
    try:
        return tempfile.TemporaryDirectory(prefix="wiretale-")
    except FileNotFoundError as fault:  # no place that tempfile knows can be written
        raise ResourceFault(
            "there is no folder for temporary files that can be written", "TMPDIR=FOLDER wiretale run ..."
        ) from fault


def _say_if_cut(fault: OSError | None, log: Any) -> None:
    """The program ran on after its list could not be written any more; say so where there is still somebody to read."""
    if fault is None:
        return
    if log is None:  # the reader of standard error has gone
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stderr.fileno())
        os.close(nothing)
        return
    click.echo(f"wiretale: {log.name} ends early: {fault.strerror}; the program was not disturbed", err=True)


def _check_filter(text: str) -> None:
    """Raise what is wrong with a filter before anything is recorded.

    In a process of its own: a regular expression is checked by DuckDB, which starts threads, and a recording enters its
    namespaces as a process of one thread.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write_end, json.dumps(_fault_of(text)).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as answer:
        found = json.loads(answer.read() or b"null")
    os.waitpid(child, 0)
    if found is not None:
        raise UsageFault(*found)


def _fault_of(text: str) -> tuple[str, str] | None:
    from wiretale.filter.compile import compile_filter

    try:
        compile_filter(text, live=True)
    except UsageFault as fault:
        return fault.message, fault.hint
    return None
