"""`wiretale show`: a capture as one merged list."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretale.cli.output import Output, output_of
from wiretale.errors import UsageFault
from wiretale.light import replace

if TYPE_CHECKING:
    import duckdb

    from wiretale.filter.condition import Filter
    from wiretale.show.selected import Selection

EXAMPLES = """
\b
  wiretale show demo.wiretale
  wiretale show demo.wiretale --filter 'tcp.port == 4000 && call.name == "write"'

Prints calls, packets, signals and processes in the order of one clock. A call stands where it began; one that waited
stands twice, where it began and where it returned. Behind each line stands what is proven about it: the bytes of the
stream, the packet that carried them, who wrote and who read them, what ended a wait.
"""


@click.command(name="show", help=EXAMPLES)
@click.argument("capture", metavar="FILE", type=click.Path(path_type=Path, readable=False), required=False)
@click.option(
    "-f", "--filter", "filter_text", metavar="FILTER", help="Only events that match, in Wireshark's filter syntax."
)
@click.option("--fields", is_flag=True, help="List the fields a filter can use, and exit.")
@click.option(
    "--level",
    type=click.Choice(["syscall", "packet", "kernel"]),
    help="Only calls; only packets; or also the kernel's steps.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["list", "strace", "json"]),
    default="list",
    help="The merged list; the calls alone as strace prints them; or one JSON object per line.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line (keys: docs/show.md).")
@click.option(
    "--time",
    "time_mode",
    type=click.Choice(["relative", "absolute", "real", "monotonic"]),
    default="relative",
    help="Seconds since the first event (relative), local time of day (absolute), UTC (real), or the capture's clock.",
)
@click.option("--numbers", is_flag=True, help="Print the number of every constant, too.")
@click.option("--names-of-fds", "--yy", "labels", is_flag=True, help="Print what each descriptor was at that moment.")
@click.option(
    "--strings", type=click.IntRange(0, 1 << 20), default=64, show_default=True, help="Bytes of a string to print."
)
@click.option("--ids", is_flag=True, help="Print the number of each call.")
@click.option("--call", "call_id", type=click.IntRange(1), metavar="ID", help="Only this call.")
@click.option("--packet", "packet_number", type=click.IntRange(1), metavar="N", help="Only this packet.")
@click.option(
    "--step", metavar="ANCHOR|N", help="Only the rows that a step of the story (wiretale explain FILE) rests on."
)
@click.option("--limit", type=click.IntRange(0), metavar="N", help="At most N lines from the beginning.")
@click.option("--tail", type=click.IntRange(0), metavar="N", help="At most N lines from the end.")
@click.option("--unfold", is_flag=True, help="Show the calls of each program's start, too.")
@click.option(
    "--all", "all_packets", is_flag=True, help="Also packets of other programs, and both copies of loopback's."
)
@click.option("--no-header", is_flag=True, help="Only the lines: no header, no list of what is missing.")
@click.pass_context
def command(
    context: click.Context,
    capture: Path | None,
    filter_text: str | None,
    fields: bool,
    level: str | None,
    layout: str,
    as_json: bool,
    time_mode: str,
    numbers: bool,
    labels: bool,
    strings: int,
    ids: bool,
    call_id: int | None,
    packet_number: int | None,
    step: str | None,
    limit: int | None,
    tail: int | None,
    unfold: bool,
    all_packets: bool,
    no_header: bool,
) -> int:
    output = output_of(context)
    if fields:
        return _print_fields(output)
    if capture is None:
        raise UsageFault("which capture?", "wiretale show FILE.wiretale")
    if limit is not None and tail is not None:
        raise UsageFault("--limit and --tail exclude each other", "give one of them")
    if layout == "strace":
        return _print_as_strace(capture, strings, filter_text)
    as_json = as_json or layout == "json"
    from wiretale.filter.condition import EVERYTHING
    from wiretale.show.lines import Style
    from wiretale.show.listing import Listing, print_listing
    from wiretale.show.selected import Selection
    from wiretale.show.times import TimeFormat, TimeMode
    from wiretale.store.capture import open_capture

    selection = Selection(
        filter=_compiled(filter_text) if filter_text is not None else EVERYTHING,
        calls=level != "packet",
        packets=level != "syscall",
        kernel=level == "kernel",
        all_packets=all_packets,
        unfold=unfold or as_json,
        call_id=call_id,
        packet_number=packet_number,
        limit=limit,
        tail=tail,
    )
    style = Style(TimeFormat(TimeMode(time_mode)), output.color, output.width, numbers, strings)
    with open_capture(capture) as db:
        if step is not None:
            selection = _of_step(db, step, selection, as_json=as_json)
            ids, no_header = True, True
        listing = Listing(capture, selection, style, as_json=as_json, labels=labels, ids=ids, header=not no_header)
        return print_listing(db, listing, sys.stdout, sys.stderr)


def _print_as_strace(capture: Path, strings: int, filter_text: str | None) -> int:
    if filter_text is not None:
        raise UsageFault("--format strace prints whole processes, and takes no filter", "leave out --filter")
    from wiretale.store.capture import open_capture
    from wiretale.strace.replay import print_capture

    with open_capture(capture) as db:
        print_capture(db, sys.stdout, strings=strings)
    return 0


def _of_step(db: "duckdb.DuckDBPyConnection", name: str, selection: "Selection", *, as_json: bool) -> "Selection":
    """Only the events that a step of the story rests on; what it says stands above them."""
    from wiretale.explain.opening import find_step, opened
    from wiretale.explain.tell import Options, tell
    from wiretale.explain.words import plain
    from wiretale.show.selected import Only

    step = find_step(tell(db, Options()), name)
    rows = opened(db, step.evidence)
    if not as_json:
        click.echo(f"# {step.anchor}: {plain(step.title)}")
        for ref in rows.others:
            click.echo(f"# rests on {ref.label}: wiretale sql FILE 'FROM {ref.table} WHERE {ref.table}_id = {ref.id}'")
    return replace(selection, only=Only(rows.calls, rows.packets, rows.tasks), all_packets=True)


def _compiled(text: str) -> "Filter":
    from wiretale.filter.compile import compile_filter

    return compile_filter(text)


def _print_fields(output: Output) -> int:
    from wiretale.cli.fields import print_fields
    from wiretale.filter.fields import FIELDS

    return print_fields(FIELDS, None, output)
