"""Data files -> entries, strictly: a key nobody reads, a text without a source or a wrong type is an error.

Texts may run over lines; white space is one space. A text may end with its sources in brackets, separated by
semicolons: "... [tcp(7) TCP_NODELAY; RFC 9293 3.7.4]". A file is read when something of its subject is asked for.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from wiretale.explain.entry import Argument, Entry, ErrorCase, Fact, Reader, Source, SourceKind
from wiretale.explain.subjects import CALL_SUBJECTS, SUBJECTS, Subject

_HEADER = re.compile(r"^\[[\w-]+\]$", re.MULTILINE)  # of an entry; those of its inner tables have a dot
_TEXT_AND_SOURCES = re.compile(r"(.*?)(?: \[([^\[\]]+)\])?", re.DOTALL)
_SOURCE_FORMS: tuple[tuple[SourceKind, re.Pattern[str]], ...] = (
    (SourceKind.MANUAL, re.compile(r"[a-z_]\w*(\.\w+)?\([1-8]\)( \S.*)?")),
    (SourceKind.RFC, re.compile(r"RFC \d{3,5} ([A-Z]|\d+)(\.\d+)*")),
    (SourceKind.KERNEL, re.compile(r"(net|include|fs|kernel|drivers|arch|Documentation)/[\w./-]+\.(c|h|S|rst)( \w+)*")),
    (SourceKind.STANDARD, re.compile(r"POSIX\.1-2017 \w+")),
    (SourceKind.WIRESHARK, re.compile(r"Wireshark [\w.-]+( \w+)?")),
    (SourceKind.MEASURED, re.compile(r"test_\w+")),
)


class KnowledgeError(ValueError):
    """A data file of the knowledge base is wrong: a mistake in wiretale, never the user's."""


@cache
def raw_text(subject: str) -> str:
    """The data file of one subject."""
    return (files("wiretale.explain") / "knowledge" / f"{subject}.toml").read_text(encoding="utf-8")


@cache
def entries(subject: str) -> Mapping[str, Entry]:
    """All entries of one subject by name, in the order of the file."""
    return parse(SUBJECTS[subject], raw_text(subject))


@cache
def one_entry(subject: str, name: str) -> Entry:
    """One entry of a subject, for which its part of the file alone is parsed: a story asks for a few of hundreds."""
    text = raw_text(subject)
    begin = text.index(f"[{name}]\n")
    after = _HEADER.search(text, begin + 1)
    (table,) = _tables(text[begin : after.start() if after else len(text)])
    return _Table(f"{subject}.{name}", table[1]).entry(SUBJECTS[subject], name)


@cache
def error_cases(error: str) -> tuple[tuple[str, ErrorCase], ...]:
    """(call, case) for every call that has something to say about this error."""
    found = []
    for subject in CALL_SUBJECTS:
        for entry in entries(subject.name).values():
            case = entry.error(error)
            if case is not None:
                found.append((entry.name, case))
    return tuple(found)


def parse(subject: Subject, text: str) -> dict[str, Entry]:
    """The entries of one data file."""
    return {name: _Table(f"{subject.name}.{name}", table).entry(subject, name) for name, table in _tables(text)}


def _tables(text: str) -> list[tuple[str, dict[str, object]]]:
    found = []
    for name, table in tomllib.loads(text).items():
        if not isinstance(table, dict):
            raise KnowledgeError(f"{name} is no table")
        found.append((name, table))
    return found


def source(text: str) -> Source:
    """One source, recognised by its form."""
    for kind, form in _SOURCE_FORMS:
        if form.fullmatch(text):
            return Source(kind, text)
    raise KnowledgeError(f"{text!r} has not the form of a source")


class _Table:
    """One table of a data file; `path` is for messages. Every key must be taken."""

    def __init__(self, path: str, table: object) -> None:
        if not isinstance(table, dict):
            raise KnowledgeError(f"{path} is no table")
        self.path = path
        self.rest: dict[str, object] = dict(table)

    def entry(self, subject: Subject, name: str) -> Entry:
        own = tuple(source(s) for s in self.strings("sources"))
        if not own:
            raise KnowledgeError(f"{self.path} names no source")
        facts = (
            *self.facts("beginner", own, Reader.BEGINNER),
            *self.facts("facts", own),
            *self.facts("engineer", own, Reader.ENGINEER),
        )
        made = Entry(
            name=name,
            subject=subject.name,
            kind=subject.kind,
            meaning=self.string("meaning"),
            sources=own,
            aliases=self.strings("aliases"),
            value=self.string("value", ""),
            arguments=tuple(Argument(k, _one_line(v)) for k, v in self.table("args").strings_by_key()),
            returns=self.string("returns", ""),
            facts=facts,
            errors=tuple(self._cases(own)),
            pitfalls=tuple(self.facts("pitfalls", own)),
            see=self.strings("see"),
        )
        self.end()
        return made

    def _cases(self, own: tuple[Source, ...]) -> list[ErrorCase]:
        cases = []
        inner = self.table("errors")
        for error in list(inner.rest):
            case = inner.table(error)
            why = _fact(case.string("why"), own, None, case.path)
            cases.append(ErrorCase(error, why, case.string("do", "")))
            case.end()
        return cases

    def string(self, key: str, default: str | None = None) -> str:
        value = self.rest.pop(key, default)
        if not isinstance(value, str):
            raise KnowledgeError(f"{self.path}.{key} is no text")
        return _one_line(value)

    def strings(self, key: str) -> tuple[str, ...]:
        value = self.rest.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise KnowledgeError(f"{self.path}.{key} is no list of texts")
        return tuple(_one_line(v) for v in value)

    def strings_by_key(self) -> list[tuple[str, str]]:
        keys = list(self.rest)
        return [(key, self.string(key)) for key in keys]

    def facts(self, key: str, own: tuple[Source, ...], reader: Reader | None = None) -> list[Fact]:
        return [_fact(text, own, reader, f"{self.path}.{key}") for text in self.strings(key)]

    def table(self, key: str) -> "_Table":
        return _Table(f"{self.path}.{key}", self.rest.pop(key, {}))

    def end(self) -> None:
        if self.rest:
            raise KnowledgeError(f"{self.path} has unknown keys: {', '.join(self.rest)}")


def _fact(text: str, own: tuple[Source, ...], reader: Reader | None, path: str) -> Fact:
    match = _TEXT_AND_SOURCES.fullmatch(text)
    if match is None or not match[1]:
        raise KnowledgeError(f"{path} is empty")
    named = tuple(source(part.strip()) for part in match[2].split(";")) if match[2] else own
    return Fact(match[1], named, reader)


def _one_line(text: str) -> str:
    return " ".join(text.split())
