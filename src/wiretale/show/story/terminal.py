"""A story for the terminal: 80 columns and up, colour only where asked for."""

from collections.abc import Iterator

from wiretale.explain.story import Argument, Chapter, Figure, Hop, Step, Story
from wiretale.explain.words import CODE_BEGIN, CODE_END
from wiretale.light import dataclass
from wiretale.show.story.arguments import argument_rows
from wiretale.show.story.evidence import evidence_text
from wiretale.show.story.text_figures import figure_lines
from wiretale.show.story.wrap import padded, width, wrapped

WIDEST = 104  # longer lines are hard to read
_RESET = "\x1b[0m"
_STYLES = {
    "title": "\x1b[1m", "chapter": "\x1b[1;36m", "section": "\x1b[1;34m", "anchor": "\x1b[36m", "time": "\x1b[32m",
    "code": "\x1b[36m", "dim": "\x1b[2m", "call": "\x1b[33m", "guess": "\x1b[35m", "gap": "\x1b[33m",
    "client": "\x1b[34m", "server": "\x1b[35m", "wire": "\x1b[32m", "other": "\x1b[2m", "": "",
    "listening": "\x1b[36m", "idle": "\x1b[2m", "connected": "\x1b[32m", "waiting": "\x1b[33m", "opening": "\x1b[36m",
    "open": "\x1b[32m", "closing": "\x1b[33m", "over": "\x1b[2m", "pipe": "\x1b[2m", "terminal": "\x1b[2m",
    "event": "\x1b[2m", "file": "\x1b[2m", "reset": "\x1b[31m",
    "own-code": "\x1b[32m", "in-call": "\x1b[36m", "runnable": "\x1b[31m", "blocked": "\x1b[2m", "stopped": "\x1b[35m",
    "others": "\x1b[2m", **{f"lane{n}": f"\x1b[{(32, 36, 33, 35, 34, 31, 92, 96)[n]}m" for n in range(8)},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paint:
    """Puts colour around text, or not."""

    color: bool

    def __call__(self, style: str, text: str) -> str:
        begin = _STYLES[style]
        return f"{begin}{text}{_RESET}" if self.color and begin and text else text

    def marked(self, text: str, around: str = "") -> str:
        """A text with its code in colour; without colour, code stands as it is. `around` is the style of the rest."""
        if not self.color:
            return text.replace(CODE_BEGIN, "").replace(CODE_END, "")
        back = _RESET + _STYLES[around]
        return _STYLES[around] + text.replace(CODE_BEGIN, _STYLES["code"]).replace(CODE_END, back) + _RESET


class Terminal:
    """Renders one story."""

    def __init__(self, story: Story, columns: int, *, color: bool, brief: bool = False) -> None:
        """`brief`: of each step its title and first sentence, of the figures the ladders."""
        self.story = story
        self.brief = brief
        self.columns = max(min(columns, WIDEST), 40)
        self.paint = Paint(color)

    def lines(self) -> Iterator[str]:
        """All lines, without line ends."""
        story = self.story
        yield self.paint("title", f"The story of {story.name}")
        yield from self._paragraph(" ".join(story.summary), 0)
        yield ""
        yield from self._paragraph(" ".join(story.about), 0, "dim")
        for number, chapter in enumerate(story.chapters, 1):
            yield from self._chapter(number, chapter)
        if story.gaps:
            yield ""
            yield self.paint("gap", "What this story cannot tell")
            for gap in story.gaps:
                yield from self._paragraph(gap.text, 2, "", "- ")
                if gap.remedy:
                    yield from self._paragraph(f"try: {gap.remedy}", 4, "gap")

    def _chapter(self, number: int, chapter: Chapter) -> Iterator[str]:
        yield ""
        yield self.paint("chapter", f"{number}. {chapter.title}")
        yield self.paint("dim", "─" * min(width(chapter.title) + len(str(number)) + 2, self.columns))
        yield from self._paragraph(" ".join(chapter.intro), 0)
        yield from self._figures(chapter.figures)
        for section in chapter.sections:
            if section.title or self.brief:
                yield ""
            if section.title:
                yield self.paint("section", section.title)
            for step in section.steps:
                yield from self._in_short(step) if self.brief else ("", *self._step(step))
            yield from self._figures(section.figures)

    def _figures(self, figures: tuple[Figure, ...]) -> Iterator[str]:
        for figure in figures:
            if figure.arrows or not self.brief:
                yield ""
                yield from (self._drawn(line) for line in figure_lines(figure, self.story, self.columns))

    def _drawn(self, pieces: list[tuple[str, str]]) -> str:
        return "".join(self.paint(style, text) for text, style in pieces)

    def _paragraph(self, text: str, indent: int, style: str = "", first: str = "") -> Iterator[str]:
        space = " " * indent
        for i, line in enumerate(wrapped(text, self.columns - indent - len(first)) if text else ()):
            lead = first if i == 0 else " " * len(first)
            yield space + lead + self.paint.marked(line, style)

    def _time(self, time_ns: int) -> str:
        return f"{(time_ns - self.story.origin_ns) / 1e9:.6f}"

    def _title(self, step: Step) -> str:
        at = f"{self._time(step.time_ns)} s" if step.time_ns is not None else ""
        guess = self.paint("guess", "  (inferred)") if step.inferred else ""
        lead = " ".join(x for x in (self.paint("anchor", padded(step.anchor, 12)), self.paint("time", at)) if x)
        return f"{lead}  {self.paint('title', step.title)}{guess}"

    def _in_short(self, step: Step) -> Iterator[str]:
        yield self._title(step)
        yield from self._paragraph(" ".join(step.sentences[:1]), 7)

    def _step(self, step: Step) -> Iterator[str]:
        yield self._title(step)
        yield from self._paragraph(" ".join(step.sentences), 7)
        if step.call:
            yield from self._call(step.call)
            yield from self._arguments(step.arguments)
        yield from self._hops(step.hops)
        for text in step.background:
            yield from self._paragraph(text, 7, "dim", "│ ")
        if step.remedy:
            yield from self._paragraph(f"try: {step.remedy}", 7, "gap")
        if step.evidence:
            yield from self._paragraph(f"rests on {evidence_text(step.evidence)}", 7, "dim")

    def _call(self, text: str) -> Iterator[str]:
        for i, line in enumerate(wrapped(text, self.columns - 11)):
            yield " " * (9 if i == 0 else 11) + self.paint("call", line)

    def _arguments(self, arguments: tuple[Argument, ...]) -> Iterator[str]:
        rows = argument_rows(arguments, self.story.reader)
        names = max([width(name) for name, _ in rows], default=0)
        for name, text in rows:
            for i, line in enumerate(wrapped(text, self.columns - 13 - names)):
                lead = padded(name if i == 0 else "", names)
                yield " " * 11 + self.paint("dim", f"{lead}  ") + self.paint.marked(line, "dim")

    def _hops(self, hops: tuple[Hop, ...]) -> Iterator[str]:
        names = max([width(h.where) for h in hops], default=0)
        before = 9 + 10 + names + 2
        for hop in hops:
            note = f"{hop.note}{' (inferred)' if hop.inferred else ''}".strip()
            lead = f"{' ' * 9}{self.paint('time', self._time(hop.time_ns))}  "
            where = self.paint(hop.lane, padded(hop.where, names))
            lines = wrapped(hop.what, self.columns - before)
            if note and len(lines) == 1 and before + width(lines[0]) + 2 + width(note) <= self.columns:
                yield f"{lead}{where}  {lines[0]}  {self.paint.marked(note, 'dim')}"
                continue
            yield f"{lead}{where}  {lines[0] if lines else ''}"
            for line in lines[1:]:
                yield " " * before + "  " + line
            for line in wrapped(note, self.columns - before - 2) if note else ():
                yield " " * (before + 2) + self.paint.marked(line, "dim")
