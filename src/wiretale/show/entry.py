"""An entry of the knowledge base as text or JSON. Lays out; every sentence comes from the entry."""

import textwrap
from collections.abc import Iterator, Sequence

from wiretale.decode.constants.tables import ERRORS
from wiretale.explain.entry import Entry, ErrorCase, Fact, Kind, Reader, Source, SourceKind
from wiretale.explain.subjects import SUBJECTS, numbers
from wiretale.light import dataclass

Json = dict[str, object]
INDENT = 2
FEW = 4  # so many numbers and more say nothing to a reader of a title
NO_BREAK = "\u00a0"


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of output and what it is, which decides its colour: title, heading, name, text, dim or warning."""

    text: str
    role: str = "text"


class EntryText:
    """The lines of one entry, at one width, for one reader. `context` are the calls that return this error."""

    def __init__(self, entry: Entry, reader: Reader, width: int, context: Sequence[tuple[str, ErrorCase]] = ()) -> None:
        self.entry = entry
        self.reader = reader
        self.width = width
        self.context = context
        self.sources: list[Source] = []

    def lines(self) -> Iterator[TextLine]:
        entry = self.entry
        yield from self._wrapped(title(entry), 0, role="title")
        yield from self._wrapped(entry.sentence + self._marks(entry.sources), 0)
        if entry.value:
            yield from self._section("Value" if entry.kind is Kind.OPTION else "Use", [entry.value])
        if entry.arguments:
            yield from self._named("Arguments", [(a.name, a.text) for a in entry.arguments])
        if entry.returns:
            yield from self._section("Returns", [entry.returns])
        yield from self._section("What to know", self._texts(entry.facts_for(self.reader)))
        if entry.errors:
            yield from self._named("Errors", [(e.error, *self._case(e)) for e in entry.errors])
        if self.context:
            yield from self._named("Where it comes from", [(f"{c}()", *self._case(e)) for c, e in self.context])
        yield from self._section("Pitfalls", self._texts(entry.pitfalls), bullet="- ")
        if entry.see:
            yield from self._section("See also", [", ".join(s.replace(" ", NO_BREAK) for s in entry.see)])
        yield from self._section(
            "Sources", [f"[{i}] {_named_source(s)}" for i, s in enumerate(self.sources, 1)], dim=True
        )

    def _texts(self, facts: Sequence[Fact]) -> list[str]:
        return [f.text + self._marks(f.sources if f.sources != self.entry.sources else ()) for f in facts]

    def _case(self, case: ErrorCase) -> tuple[str, ...]:
        why = self._texts([case.why])[0]
        return (why, f"To do: {case.remedy}") if case.remedy else (why,)

    def _marks(self, sources: Sequence[Source]) -> str:
        """References such as [1][3]; a source gets its number when it is first named."""
        for source in sources:
            if source not in self.sources:
                self.sources.append(source)
        marks = "".join(f"[{self.sources.index(s) + 1}]" for s in sources)
        return f"{NO_BREAK}{marks}" if marks else ""

    def _section(
        self, heading: str, texts: Sequence[str], bullet: str = "", *, dim: bool = False
    ) -> Iterator[TextLine]:
        if not texts:
            return
        yield TextLine("")
        yield TextLine(heading, "heading")
        for i, text in enumerate(texts):
            if i and not bullet and not dim:
                yield TextLine("")
            yield from self._wrapped(text, INDENT, bullet, "dim" if dim else "text")

    def _named(self, heading: str, rows: Sequence[tuple[str, ...]]) -> Iterator[TextLine]:
        """Names, and under each its texts."""
        yield TextLine("")
        yield TextLine(heading, "heading")
        for name, *texts in rows:
            yield TextLine(" " * INDENT + name, "name")
            for text in texts:
                yield from self._wrapped(text, 2 * INDENT + 2)

    def _wrapped(self, text: str, indent: int, bullet: str = "", role: str = "text") -> Iterator[TextLine]:
        first = " " * indent + bullet
        rest = " " * (indent + (len(bullet) if bullet else 4 if role == "dim" else 0))
        wrapper = textwrap.TextWrapper(
            self.width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
        )
        for line in wrapper.wrap(text):
            yield TextLine(line.replace(NO_BREAK, " "), role)


def _named_source(source: Source) -> str:
    """A test of ours says nothing to a reader but that somebody tried it."""
    return f"measured with real sockets ({source.text})" if source.kind is SourceKind.MEASURED else source.text


def title(entry: Entry) -> str:
    """`SO_REUSEPORT - socket option, SOL_SOCKET, number 15`; several names if the entry is about all of them."""
    parts = [entry.kind.value]
    if entry.kind is Kind.OPTION:
        parts.append(SUBJECTS[entry.subject].level)
    known = numbers_of(entry)
    own = [known[entry.name]] if entry.name in known else list(dict.fromkeys(known.values()))
    if own and len(own) < FEW:
        decimal = entry.kind in (Kind.OPTION, Kind.ERROR, Kind.SIGNAL)
        parts.append("number " + " or ".join(str(n) if decimal or -10 < n < 10 else hex(n) for n in own))
    return f"{', '.join((entry.name, *entry.aliases))} - {', '.join(parts)}"


def numbers_of(entry: Entry) -> dict[str, int]:
    """The numbers by which the kernel knows the entry's names; states go by the RFC's names and have none."""
    if entry.kind is Kind.ERROR:
        return {name: number for number, (name, _) in ERRORS.items() if name == entry.name}
    if entry.kind is Kind.STATE:
        return {}
    return numbers(SUBJECTS[entry.subject], (entry.name, *entry.aliases))


def as_json(entry: Entry, reader: Reader, context: Sequence[tuple[str, ErrorCase]] = ()) -> Json:
    """The entry as one object; the keys are documented in docs/explain.md."""
    return {
        "name": entry.name,
        "subject": entry.subject,
        "kind": entry.kind.value,
        "numbers": numbers_of(entry),
        "level": SUBJECTS[entry.subject].level or None,
        "aliases": list(entry.aliases),
        "meaning": entry.meaning,
        "sentence": entry.sentence,
        "value": entry.value or None,
        "arguments": [{"name": a.name, "text": a.text} for a in entry.arguments],
        "returns": entry.returns or None,
        "facts": [_fact(f) for f in entry.facts_for(reader)],
        "errors": [_case(e) for e in entry.errors],
        "from_calls": [{"call": call} | _case(e) for call, e in context],
        "pitfalls": [_fact(f) for f in entry.pitfalls],
        "see": list(entry.see),
        "sources": [_source(s) for s in entry.sources],
    }


def _source(source: Source) -> Json:
    return {"kind": source.kind.value, "text": source.text}


def _fact(fact: Fact) -> Json:
    return {
        "text": fact.text,
        "reader": fact.reader.value if fact.reader else None,
        "sources": [_source(s) for s in fact.sources],
    }


def _case(case: ErrorCase) -> Json:
    return {"error": case.error, "why": _fact(case.why), "remedy": case.remedy or None}
