"""The whole output of `wiretale show`: header, lines, and what is missing."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

import duckdb

from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.errors import Exit
from wiretale.explain.about import About, about, foreign_packets
from wiretale.light import dataclass, replace
from wiretale.show.json_lines import objects
from wiretale.show.lines import LineRenderer, Style
from wiretale.show.merged import Batch, batch_maker, lines
from wiretale.show.order import Place, origin_ns, places
from wiretale.show.second import in_turn
from wiretale.show.selected import Selection
from wiretale.show.times import TimeMode


@dataclass(frozen=True, slots=True)
class Listing:
    """What `show` was asked for."""

    path: Path
    selection: Selection
    style: Style
    as_json: bool = False
    labels: bool = False
    ids: bool = False
    header: bool = True


@dataclass(frozen=True, slots=True)
class Lines:
    """What the lines of a listing are made by."""

    listing: Listing
    style: Style

    def batches(self, db: duckdb.DuckDBPyConnection) -> Iterator[Callable[[], str]]:
        """What makes the text of each batch of lines, in order."""
        listing, renderer = self.listing, LineRenderer(self.style)
        make_batch = batch_maker(db, labels=listing.labels or listing.as_json, with_facts=listing.as_json)
        for found in places(db, listing.selection):
            yield partial(self._text, make_batch, renderer, found)

    def _text(self, make_batch: Callable[[list[Place]], Batch], renderer: LineRenderer, found: list[Place]) -> str:
        batch = make_batch(found)
        if self.listing.as_json:
            texts = [json.dumps(o, ensure_ascii=True) for o in objects(batch, renderer, self.style.times)]
        else:
            texts = [renderer.layout(line) for line in lines(batch, renderer, ids=self.listing.ids)]
        return "".join(text + "\n" for text in texts)


def print_listing(db: duckdb.DuckDBPyConnection, listing: Listing, out: TextIO, messages: TextIO) -> int:
    """Print it; the exit code is FAILED when nothing matched."""
    facts = about(db)
    origin = origin_ns(db)
    digits = max(3, len(str(facts.span_ns // 1_000_000_000)))
    times = replace(listing.style.times, origin_ns=origin, offset_ns=facts.offset_ns, seconds_digits=digits)
    style = replace(listing.style, times=times, cost_ns=facts.cost_ns, who_columns=facts.who_columns)
    with_header = listing.header and not listing.as_json
    if with_header:
        _print_header(facts, style, out)
    printed = False
    work = Lines(listing, style)
    for text in in_turn(work.batches(db), listing.path, work):
        out.write(text)
        printed = printed or text != ""
    out.flush()
    if not printed:
        _print_empty(db, listing, facts, messages)
        return Exit.FAILED
    if with_header:
        _print_gaps(db, listing, facts, out)
    return Exit.OK


def _print_header(facts: About, style: Style, out: TextIO) -> None:
    dim, reset = ("\x1b[2m", "\x1b[0m") if style.color else ("", "")
    for program in facts.programs:
        out.write(f"{dim}# {program}{reset}\n")
    first = f", first event {_start(style)}" if facts.sources else ""
    out.write(f"{dim}# {', '.join(facts.sources) or 'nothing recorded'}{first}{reset}\n")
    for cut in facts.cut:
        out.write(f"{dim}# {cut}{reset}\n")
    if facts.cost_ns:
        cost = duration(facts.cost_ns)
        out.write(f"{dim}# durations marked ~ are below what the tracer itself costs per call ({cost}){reset}\n")


def _start(style: Style) -> str:
    return replace(style.times, mode=TimeMode.REAL).text(style.times.origin_ns)


def _print_gaps(db: duckdb.DuckDBPyConnection, listing: Listing, facts: About, out: TextIO) -> None:
    """Last, because the last line is the one that is read: what this list does not contain."""
    yellow, reset = ("\x1b[33m", "\x1b[0m") if listing.style.color else ("", "")
    for gap in facts.gaps:
        # Without a remedy it is a fact to know, not a fault to act on.
        out.write(f"{yellow}! {gap.text}{reset}\n" if gap.remedy else f"# {gap.text}\n")
        if gap.remedy:
            out.write(f"{yellow}  try: {escape_text(gap.remedy)}{reset}\n")
    hidden = 0 if listing.selection.all_packets or not listing.selection.packets else foreign_packets(db)
    if hidden and not listing.selection.filter.text:
        out.write(f"# packets of other programs, not shown: {hidden}; --all shows them\n")


def _print_empty(db: duckdb.DuckDBPyConnection, listing: Listing, facts: About, messages: TextIO) -> None:
    selection = listing.selection
    if selection.only is not None:
        messages.write("no call and no packet stands behind this\n")
    elif selection.filter.text or selection.call_id is not None or selection.packet_number is not None:
        messages.write("nothing in the capture matches\n")
        hidden = 0 if selection.all_packets else foreign_packets(db)
        if hidden:
            messages.write(f"packets of other programs, not looked at: {hidden}; --all includes them\n")
    else:
        messages.write("the capture holds nothing to show\n")
    for gap in facts.gaps:
        messages.write(f"! {gap.text}\n")
        if gap.remedy:
            messages.write(f"  try: {escape_text(gap.remedy)}\n")
    if not facts.gaps and not facts.sources:
        messages.write("try: wiretale record -o FILE.wiretale -- COMMAND\n")
