"""`wiretale fds`: open descriptors at a moment."""

from pathlib import Path

import click

from wiretale.cli.output import output_of, print_json, print_notes, print_table
from wiretale.errors import Exit
from wiretale.light import asdict

HELP = """
\b
  wiretale fds demo.wiretale --at 0.25
  wiretale fds demo.wiretale --at packet:4

Lists what lsof would have printed at a moment of the recording: every open descriptor, what it was, and the addresses
and state its socket had then.
"""


@click.command(name="fds", help=HELP)
@click.argument("capture", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--at", "moment_text", default="end", show_default=True, metavar="TIME",
    help="Seconds since the first event, start, end, call:ID (its return) or packet:N.",
)  # fmt: skip
@click.option("--pid", type=int, help="Only this process.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_context
def command(context: click.Context, capture: Path, moment_text: str, pid: int | None, as_json: bool) -> int:
    from wiretale.show.descriptors import moment, open_descriptors
    from wiretale.show.order import origin_ns
    from wiretale.store.capture import open_capture

    with open_capture(capture) as db:
        at_ns = moment(db, moment_text)
        origin = origin_ns(db)
        found = [d for d in open_descriptors(db, at_ns) if pid is None or d.pid == pid]
    if as_json:
        for one in found:
            print_json(asdict(one) | {"at_ns": at_ns})
        return Exit.OK
    if not found:
        print_notes([
            f"no descriptor is known at {(at_ns - origin) / 1e9:.6f} s",
            "try: another --at; the processes and their times are listed by wiretale ps " + str(capture),
        ])  # fmt: skip
        return Exit.FAILED
    rows = [
        (
            str(d.pid),
            d.comm,
            str(d.fd),
            d.kind,
            d.state or "",
            d.name,
            f"since {(d.since_ns - origin) / 1e9:.6f} ({d.how})",
        )
        for d in found
    ]
    print_table(("pid", "command", "fd", "kind", "state", "name", "open"), rows, output_of(context), right=(0, 2))
    print_notes([f"at {(at_ns - origin) / 1e9:.6f} s"])
    return Exit.OK
