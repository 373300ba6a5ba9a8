"""What the knowledge base says to a story: the meaning of arguments and constants, the background of calls and ideas,
and what an error means from the call that returned it. Each is told once, where it is first met; what a step brings of
its own comes first."""

from wiretale.explain.entry import Entry, Kind, Reader
from wiretale.explain.lookup import entry_named
from wiretale.explain.story import Argument, Chapter, Step
from wiretale.light import replace

MOST = 3  # texts a step


class Background:
    """Weaves it in, step after step, for one reader."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.told: set[str] = set()

    def chapter(self, chapter: Chapter) -> Chapter:
        """The chapter with background."""
        sections = tuple(replace(s, steps=tuple(self.step(step) for step in s.steps)) for s in chapter.sections)
        return replace(chapter, sections=sections)

    def step(self, step: Step) -> Step:
        """The step with background."""
        call = _entry(step.call.partition("(")[0], Kind.CALL) if step.call else None
        texts = self._errors(step, call)
        arguments = step.arguments
        if self.reader is Reader.BEGINNER:
            arguments = tuple(self._argument(call, argument) for argument in arguments)
            texts = [*(text for text in step.background if self._first(text)), *texts, *self._ideas(step, call)]
        return replace(step, arguments=arguments, background=tuple(texts[:MOST]))

    def _first(self, name: str) -> bool:
        """Whether this has not been told yet; from now on it has."""
        fresh = name not in self.told
        self.told.add(name)
        return fresh

    def _errors(self, step: Step, call: Entry | None) -> list[str]:
        """An error means what the call that returned it says of it."""
        texts = []
        for topic in step.topics:
            case = call.error(topic) if call is not None else None
            if call is not None and case is not None and self._first(f"{call.name} {topic}"):
                texts.append(f"{topic}: {case.why.text}" + (f" What to do: {case.remedy}" if case.remedy else ""))
                self.told.add(topic)
        return texts

    def _argument(self, call: Entry | None, argument: Argument) -> Argument:
        parts = []
        if call is not None and self._first(f"{call.name}({argument.name})"):
            parts.append(call.argument(argument.name) or "")
        for name, _ in argument.numbers:
            constant = entry_named(name)
            if constant is not None and self._first(constant.name):
                parts.append(f"{name} {constant.meaning}.")
        return replace(argument, meaning=" ".join(p for p in parts if p))

    def _ideas(self, step: Step, call: Entry | None) -> list[str]:
        """Background of the call, and the sentence on whatever else the step is about."""
        texts = []
        if call is not None and self._first(call.name):
            texts += [fact.text for fact in call.facts if fact.reader is Reader.BEGINNER]
        in_arguments = {name for argument in step.arguments for name, _ in argument.numbers}
        for topic in step.topics:
            entry = entry_named(topic) if topic not in self.told else None
            if entry is None or entry.kind is Kind.CALL:
                continue
            if self._first(entry.name) and entry.kind is not Kind.TOPIC:  # whose names are made for asking only
                texts.append(entry.sentence)
            if entry.name in in_arguments or self._first(f"{entry.name} background"):
                texts += [fact.text for fact in entry.facts if fact.reader is Reader.BEGINNER]
        return texts


def _entry(name: str, kind: Kind) -> Entry | None:
    found = entry_named(name)
    return found if found is not None and found.kind is kind else None
