"""Where an entry of the knowledge base occurs in a capture: a count, and the first rows as `show` prints them."""

import shlex
import textwrap
from collections.abc import Iterator

import duckdb

from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.explain.about import Gap, about
from wiretale.explain.occurrences import Occurrence, Row, RowKind, StateSpan, state_spans
from wiretale.light import dataclass, replace
from wiretale.show.entry import Json, TextLine
from wiretale.show.json_lines import objects
from wiretale.show.labels import address
from wiretale.show.lines import LineRenderer, Style
from wiretale.show.merged import batch_maker, lines
from wiretale.show.order import LineKind, Place, origin_ns
from wiretale.show.times import TimeFormat

_LINES = {
    RowKind.CALL: LineKind.CALL, RowKind.PACKET: LineKind.PACKET, RowKind.SIGNAL: LineKind.SIGNAL,
    RowKind.KERNEL: LineKind.KERNEL,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints rows of one capture in one style."""

    db: duckdb.DuckDBPyConnection
    renderer: LineRenderer
    times: TimeFormat
    gaps: tuple[Gap, ...]

    @classmethod
    def of(cls, db: duckdb.DuckDBPyConnection, style: Style) -> "Printer":
        facts = about(db)
        digits = max(3, len(str(facts.span_ns // 1_000_000_000)))
        times = replace(style.times, origin_ns=origin_ns(db), offset_ns=facts.offset_ns, seconds_digits=digits)
        style = replace(style, times=times, cost_ns=facts.cost_ns, who_columns=facts.who_columns)
        return cls(db, LineRenderer(style), times, facts.gaps)

    def lines(self, found: tuple[Occurrence, ...], capture: str) -> Iterator[TextLine]:
        """All occurrences; `capture` is the file's name as it was typed."""
        yield TextLine("")
        yield TextLine(f"In {escape_text(capture)}", "heading")
        if not found:
            yield TextLine("  Nothing in a capture is marked with this word; ask for those under See also.")
            return
        there = [one for one in found if one.total]
        for one in there:
            yield from self._one(one, capture)
        if not there:
            yield TextLine(f"  It does not occur. Looked for: {', '.join(one.what for one in found)}.")
            if any(one.kind is RowKind.KERNEL for one in found) and not self._has_kernel():
                yield TextLine("  ! the kernel level was not recorded", "warning")
                yield TextLine("    try: wiretale record --kernel -o FILE.wiretale -- COMMAND", "warning")
            for gap in self.gaps:
                yield TextLine(f"  ! {gap.text}", "warning")
                if gap.remedy:
                    yield TextLine(f"    try: {escape_text(gap.remedy)}", "warning")

    def _has_kernel(self) -> bool:
        return bool(self.db.execute("SELECT EXISTS (FROM kernel_event)").fetchall()[0][0])

    def _one(self, one: Occurrence, capture: str) -> Iterator[TextLine]:
        more = f", the first {len(one.first)}:" if one.total > len(one.first) > 0 else ""
        yield TextLine(f"  {one.what}: {one.total}{more}", "name")
        for text in self._rows(one):
            yield TextLine(text, "row")
        if one.total > len(one.first) and one.filter:
            yield TextLine(f"  all of them: wiretale show {_quoted(capture)} --filter {_quoted(one.filter)}", "dim")

    def _rows(self, one: Occurrence) -> Iterator[str]:
        if one.kind is RowKind.STATE:
            for span in state_spans(self.db, one.first):
                head, width = self.times.text(span.from_ns) + " ", self.renderer.style.width
                text = head + _span_text(span)
                if width is not None:
                    indent = " " * (len(head) + 2)
                    text = textwrap.fill(text, width, subsequent_indent=indent, break_on_hyphens=False)
                yield text
        elif one.first:
            rows = batch_maker(self.db, labels=True)(_places(one.kind, one.first))
            for line in lines(rows, self.renderer, ids=True):
                yield self.renderer.layout(line)

    def objects(self, one: Occurrence) -> Json:
        """One occurrence as JSON; rows as `show --json` gives them, states with their causes."""
        if one.kind is RowKind.STATE:
            rows: list[Json] = [self._span_object(s) for s in state_spans(self.db, one.first)]
        else:
            found = batch_maker(self.db, labels=True, with_facts=True)(_places(one.kind, one.first))
            rows = list(objects(found, self.renderer, self.times))
        return {
            "what": one.what,
            "table": one.kind.value,
            "total": one.total,
            "filter": one.filter or None,
            "rows": rows,
        }

    def _span_object(self, span: StateSpan) -> Json:
        return {
            "kind": "tcp_state", "state": span.state, "time_ns": span.from_ns, "to_ns": span.to_ns,
            "time": (span.from_ns - self.times.origin_ns) / 1e9, "role": span.role, "addr": span.addr,
            "port": span.port, "pid": span.pid, "comm": span.comm, "fd": span.fd, "connection_id": span.connection_id,
            "packet_number": span.packet_number, "call_id": span.call_id, "inferred": span.inferred,
        }  # fmt: skip


def _quoted(word: str) -> str:
    """As a shell takes it, and harmless on a terminal."""
    return escape_text(shlex.quote(word))


def _places(kind: RowKind, rows: tuple[Row, ...]) -> list[Place]:
    return [Place(row.time_ns, _LINES[kind], row.id) for row in rows]


def _span_text(span: StateSpan) -> str:
    """Who was in the state, for how long, since what."""
    who = f"{escape_text(span.comm or '?')}({span.pid})" if span.pid is not None else "a process that was not traced"
    fd = f" fd {span.fd}" if span.fd is not None else ""
    place = f" {address(span.addr, span.port)}" if span.addr else ""
    end = f" (the {span.role} of connection {span.connection_id})" if span.connection_id is not None else ""
    lasted = duration(span.to_ns - span.from_ns) if span.to_ns is not None else "to the end of the recording"
    cause = ""
    if span.packet_number is not None:
        cause = f", since packet {span.packet_number}"
    elif span.call_id is not None:
        cause = f", since call {span.call_id}"
    return f"{span.state} {who}{fd}{place}{end}, {lasted}{cause}" + (" (inferred)" if span.inferred else "")
