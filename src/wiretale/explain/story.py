"""What a story is: chapters of steps, each with its sentences, its evidence and what the knowledge base says to it.

All texts are safe: what came from a capture was escaped before it got in. Inside a text, code is marked with the two
private characters of `words.code`, which escaping cannot let through, so no captured byte can start or end a mark.
"""

from collections.abc import Iterable

from wiretale.explain.entry import Reader
from wiretale.light import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Ref:
    """A row that a statement rests on. `label` is how people name it: call 12, packet 4."""

    table: str
    id: int
    label: str


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call: its name in the manual, its text, the numbers behind its constants, what it means."""

    name: str
    text: str
    numbers: tuple[tuple[str, int], ...] = ()
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Hop:
    """One event inside a step: when, where (a process, or the wire), what happened, and what to note about it."""

    time_ns: int
    where: str
    what: str
    note: str = ""
    refs: tuple[Ref, ...] = ()
    inferred: bool = False
    lane: str = ""  # client, server or wire: its place in figures


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. `anchor` is stable: it does not depend on what else is told (see Anchors)."""

    anchor: str
    title: str
    sentences: tuple[str, ...]
    time_ns: int | None = None
    call: str = ""
    arguments: tuple[Argument, ...] = ()
    hops: tuple[Hop, ...] = ()
    excerpt: str = ""  # captured bytes, escaped
    refs: tuple[Ref, ...] = ()
    inferred: bool = False
    topics: tuple[str, ...] = ()  # words the knowledge base explains
    background: tuple[str, ...] = ()
    remedy: str = ""  # a command or a change that would help
    key: str = ""  # its name within the chapter, where the first row it rests on is not its own

    @property
    def evidence(self) -> tuple[Ref, ...]:
        """All rows it rests on, each once."""
        return tuple(dict.fromkeys([*self.refs, *(ref for hop in self.hops for ref in hop.refs)]))


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a chapter."""

    title: str
    steps: tuple[Step, ...]
    figures: tuple["Figure", ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the story. `anchor` begins the anchors of its steps."""

    anchor: str
    title: str
    intro: tuple[str, ...]
    sections: tuple[Section, ...]
    figures: tuple["Figure", ...] = ()
    connection_id: int | None = None

    @property
    def all_figures(self) -> list["Figure"]:
        """Its own and those of its sections."""
        return [*self.figures, *(figure for section in self.sections for figure in section.figures)]


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of a track: a state, an open descriptor, a wait. `to_ns` None: to the end of the picture."""

    label: str
    from_ns: int
    to_ns: int | None
    kind: str  # a class for its colour
    ref: Ref | None = None
    detail: str = ""  # what follows the label where there is room
    inferred: bool = False

    @property
    def text(self) -> str:
        """All that is said of it."""
        return f"{self.label}{'?' if self.inferred else ''} {self.detail}".strip()


@dataclass(frozen=True, slots=True)
class Track:
    """One line of a timeline: spans in order, none over another. Tracks of one group follow each other."""

    label: str
    spans: tuple[Span, ...]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One packet of a ladder: from one end to the other."""

    time_ns: int
    to_right: bool
    label: str
    ref: Ref
    kind: str = "control"  # a class for its colour; "bytes": a proven link where no packet was captured


@dataclass(frozen=True, slots=True)
class Mark:
    """One call of a ladder, beside its end's line: `write(3)` and its result. `to_ns` None: it did not return."""

    from_ns: int
    to_ns: int | None
    on_left: bool
    label: str
    result: str
    ref: Ref


@dataclass(frozen=True, slots=True)
class Omission:
    """A stretch of a ladder of which nothing that began in it is drawn."""

    from_ns: int
    to_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture of data. A timeline has tracks; a ladder has arrows and marks between two ends.

    `even`: an axis of even time from the one to the other, over which bars tell by their colours; `key` says what each
    kind of bar means.
    """

    anchor: str
    title: str
    caption: str
    tracks: tuple[Track, ...] = ()
    left: str = ""
    right: str = ""
    arrows: tuple[Arrow, ...] = ()
    marks: tuple[Mark, ...] = ()
    omitted: Omission | None = None
    even: tuple[int, int] | None = None
    key: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """Something the capture does not hold, and the command that would record it."""

    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """The explanation of one capture."""

    name: str
    origin_ns: int
    clock_error_ns: int
    summary: tuple[str, ...]
    about: tuple[str, ...]
    chapters: tuple[Chapter, ...]
    gaps: tuple[Gap, ...] = ()
    reader: Reader = Reader.BEGINNER

    def figures(self) -> list[Figure]:
        """All figures in order."""
        return [figure for chapter in self.chapters for figure in chapter.all_figures]

    def steps(self) -> list[Step]:
        """All steps in order."""
        return [step for chapter in self.chapters for section in chapter.sections for step in section.steps]


@dataclass(slots=True)
class Anchors:
    """Gives the steps of one chapter their anchors: `c3.call247`, `c3.write1`, `c3.time-wait`.

    An anchor says what its step tells: the step's key, or else the first row it rests on. So it stays what it is when a
    later version tells more, or in another order.
    """

    prefix: str
    used: dict[str, int] = field(default_factory=dict)

    def named(self, step: Step) -> Step:
        """The step with its anchor."""
        row = next((ref.label.replace(" ", "") for ref in step.evidence), "step")
        anchor = f"{self.prefix}.{step.key or row}"
        self.used[anchor] = self.used.get(anchor, 0) + 1
        return replace(step, anchor=anchor if self.used[anchor] == 1 else f"{anchor}-{self.used[anchor]}")

    def all_named(self, steps: Iterable[Step]) -> tuple[Step, ...]:
        """Steps in the order given."""
        return tuple(self.named(step) for step in steps)

    def in_order(self, steps: Iterable[Step]) -> tuple[Step, ...]:
        """Steps in the order of their times."""
        return self.all_named(sorted(steps, key=lambda s: s.time_ns if s.time_ns is not None else 0))
