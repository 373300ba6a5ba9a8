"""`wiretale stats`: calls, traffic and waits in numbers."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretale.cli.output import Output, output_of, print_json, print_notes, print_table
from wiretale.errors import Exit
from wiretale.light import asdict

if TYPE_CHECKING:
    from wiretale.show.stats import CallStats, TrafficStats, WaitStats

HELP = """
\b
  wiretale stats web.wiretale
  wiretale stats web.wiretale --filter 'tcp.port == 8000' --top 5

Counts and times the calls of a capture, by name and by descriptor; draws the bytes of each connection over time; lists
who waited for what, how long, and what ended the waits.
"""
_BLOCKS = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_PLAIN_BLOCKS = " .:-=+*#@"
_BUCKETS = 60
_CALL_HEADERS = ("count", "errors", "bytes", "total", "p50", "p99", "max")
_UNITS = ("", "k", "M", "G", "T")


@click.command(name="stats", help=HELP)
@click.argument("capture", metavar="FILE", type=click.Path(path_type=Path))
@click.option("-f", "--filter", "filter_text", metavar="FILTER", help="Only calls and packets that match.")
@click.option("--top", type=click.IntRange(1), default=15, show_default=True, help="Rows of each table.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line (keys: docs/stats.md); all rows.")
@click.pass_context
def command(context: click.Context, capture: Path, filter_text: str | None, top: int, as_json: bool) -> int:
    from wiretale.cli.progress import steps
    from wiretale.explain.about import about
    from wiretale.filter.condition import EVERYTHING
    from wiretale.show import stats
    from wiretale.show.order import origin_ns
    from wiretale.store.capture import open_capture

    output = output_of(context)
    with open_capture(capture) as db, steps() as progress:
        wanted = EVERYTHING
        if filter_text is not None:
            from wiretale.filter.compile import compile_filter

            wanted = compile_filter(filter_text)
        progress("counting calls")
        by_name = stats.calls_by_name(db, wanted)
        by_descriptor = stats.calls_by_descriptor(db, wanted)
        buckets = _BUCKETS if output.width is None else max(10, min(_BUCKETS, output.width - 40))
        progress("counting bytes")
        connections, begin, width = stats.traffic(db, wanted, buckets, sys.maxsize if as_json else top)
        progress("counting waits")
        waits = stats.waits(db, wanted)
        cost_ns, origin = about(db).cost_ns, origin_ns(db)
    if as_json:
        _print_json(by_name, by_descriptor, waits)
        for connection in connections:
            print_json(_traffic_json(connection, begin, width))
    else:
        _print_calls("by name", by_name, top, output)
        _print_calls("by descriptor", by_descriptor, top, output)
        _print_traffic(connections, begin - origin, width, output)
        _print_waits(waits, top, output)
        if cost_ns and by_name:
            from wiretale.decode.durations import duration

            print_notes([f"each call's time includes what the tracer costs, at least {duration(cost_ns)}"])
        if not by_name and not connections:
            print_notes([_nothing(filter_text)])
    return Exit.OK if by_name or connections else Exit.FAILED


def _nothing(filter_text: str | None) -> str:
    if filter_text is None:
        return "the capture holds no calls and no packets of a connection; wiretale show shows what it holds"
    return "the filter selects no call and no packet of a connection"


def _title(text: str, output: Output) -> None:
    bold, reset = ("\x1b[1m", "\x1b[0m") if output.color else ("", "")
    sys.stdout.write(f"{bold}{text}{reset}\n")


def _left(shown: int, count: int) -> None:
    if count > shown:
        sys.stdout.write(f"({count - shown} more; --top {count} shows them)\n")
    sys.stdout.write("\n")


def _time(nanoseconds: int | None) -> str:
    from wiretale.decode.durations import duration

    return "-" if nanoseconds is None else duration(nanoseconds)


def _print_calls(how: str, found: "Sequence[CallStats]", top: int, output: Output) -> None:
    if not found:
        return
    _title(f"Calls {how}", output)
    rows = [
        (
            str(s.count), str(s.errors) if s.errors else "-", str(s.bytes) if s.bytes else "-", _time(s.total_ns),
            _time(s.p50_ns), _time(s.p99_ns), _time(s.max_ns), s.what,
        )
        for s in found[:top]
    ]  # fmt: skip
    print_table((*_CALL_HEADERS, how.removeprefix("by ")), rows, output, right=range(7))
    _left(top, len(found))


def _print_traffic(found: "Sequence[TrafficStats]", begin_ns: int, width_ns: int, output: Output) -> None:
    if not found:
        return
    most = max(max(s.bytes_over_time) for s in found)
    scale = f"each column {_time(width_ns)}, from {begin_ns / 1e9:.6f} s; highest {_amount(most)}"
    _title(f"Payload bytes over time ({scale})", output)
    rows = [
        (
            str(s.connection_id), s.protocol, _amount(s.c2s_bytes), _amount(s.s2c_bytes), str(s.packets),
            sparkline(s.bytes_over_time, most), _ends(s),
        )
        for s in found
    ]  # fmt: skip
    print_table(("id", "proto", "c2s", "s2c", "packets", "bytes", "connection"), rows, output, right=(0, 2, 3, 4))
    sys.stdout.write("\n")


def _ends(s: "TrafficStats") -> str:
    from wiretale.show.labels import address

    client, server = (address(*end) if end[0] else "(unnamed)" for end in (s.client, s.server))
    return f"{client} > {server}"


def sparkline(values: Sequence[int], most: int) -> str:
    """One character per value; what is not zero is visible."""
    encoding = (sys.stdout.encoding or "ascii").lower()
    blocks = _BLOCKS if encoding.startswith("utf") else _PLAIN_BLOCKS
    steps = len(blocks) - 1
    return "".join(blocks[-(-v * steps // most)] if most else blocks[0] for v in values)


def _amount(count: int) -> str:
    """`812`, `12.3k`, `4.0M`."""
    value = float(count)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            return f"{value:.1f}{unit}" if unit else str(count)
        value /= 1000
    raise AssertionError


def _print_waits(found: "Sequence[WaitStats]", top: int, output: Output) -> None:
    if not found:
        return
    _title("Waits", output)
    rows = [
        (
            str(s.count), *(_at_least(s, t) for t in (s.total_ns, s.p50_ns, s.max_ns)),
            f"{s.comm}({s.pid})", s.call, s.on,
            s.ended_by + (f" ({s.unended} not ended)" if s.unended and s.ended_by != "not ended" else ""),
        )
        for s in found[:top]
    ]  # fmt: skip
    headers = ("count", "total", "p50", "max", "who", "call", "on", "ended by")
    print_table(headers, rows, output, right=(0, 1, 2, 3))
    _left(top, len(found))


def _at_least(wait: "WaitStats", time_ns: int | None) -> str:
    """A time; of waits that had not ended it is the least."""
    return (">" if wait.ended_by == "not ended" else "") + _time(time_ns)


def _print_json(
    by_name: "Sequence[CallStats]", by_descriptor: "Sequence[CallStats]", waits: "Sequence[WaitStats]"
) -> None:
    for kind, found in (("calls by name", by_name), ("calls by descriptor", by_descriptor), ("wait", waits)):
        for row in found:
            print_json({"kind": kind} | asdict(row))


def _traffic_json(s: "TrafficStats", begin_ns: int, width_ns: int) -> dict[str, object]:
    ends = {name: {"addr": end[0], "port": end[1]} for name, end in (("client", s.client), ("server", s.server))}
    facts = {k: v for k, v in asdict(s).items() if k not in ends}
    return {"kind": "connection", "begin_ns": begin_ns, "bucket_ns": width_ns} | facts | ends
