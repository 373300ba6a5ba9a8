"""A word as people write it -> the entries it can mean.

The index is read from the raw data files, without parsing them: an entry's header and its aliases each stand on a line
of their own. So a question costs the parsing of one entry, not of all.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from wiretale.decode.constants.tables import ERRORS, TABLES
from wiretale.explain.entry import Entry, Kind
from wiretale.explain.load import entries, one_entry, raw_text
from wiretale.explain.subjects import SUBJECTS
from wiretale.light import dataclass

_HEADER_OR_ALIASES = re.compile(r"^(?:\[([\w-]+)\]|aliases = \[(.*)\])$", re.MULTILINE)
_QUOTED = re.compile(r'"([^"]*)"')
_NUMBERED = re.compile(r"(?:(ERRNO|SIGNAL|SIG)_?)?(\d{1,4})")
_ENTRY_OF_CALL = re.compile(r"__(?:x64|arm64|ia32|se)_(?:compat_)?sys_(\w+)")  # linux/syscalls.h
_LAYERS = re.compile(r"_{2,4}(sys_(?:send|recv)msg)")  # net/socket.c: three functions around each other, one entry
_SEPARATORS = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an entry stands."""

    subject: str
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """Normalised spelling -> entries, from the most to the least literal way of naming one."""

    names: dict[str, list[Reference]]
    aliases: dict[str, list[Reference]]
    short: dict[str, list[Reference]]


def normal(word: str) -> str:
    """One spelling for all the ways a word is written: Close-Wait, close wait and CLOSE_WAIT; connect() and connect."""
    return _SEPARATORS.sub("_", word.strip().removesuffix("()").strip()).upper()


def references(subject: str) -> list[tuple[Reference, tuple[str, ...]]]:
    """Every entry of a subject with its aliases, without parsing the file."""
    found: list[tuple[Reference, tuple[str, ...]]] = []
    for match in _HEADER_OR_ALIASES.finditer(raw_text(subject)):
        if match[1]:
            found.append((Reference(subject, match[1]), ()))
        else:
            found[-1] = (found[-1][0], tuple(_QUOTED.findall(match[2])))
    return found


@lru_cache(maxsize=1)
def index() -> Index:
    """The index of all subjects."""
    made = Index(defaultdict(list), defaultdict(list), defaultdict(list))
    for subject in SUBJECTS.values():
        for reference, aliases in references(subject.name):
            made.names[normal(reference.name)].append(reference)
            for alias in aliases:
                made.aliases[normal(alias)].append(reference)
            for spelling in (reference.name, *aliases):
                for prefix in subject.prefixes:
                    if spelling.startswith(prefix) and reference not in made.short[normal(spelling[len(prefix) :])]:
                        made.short[normal(spelling[len(prefix) :])].append(reference)
    return made


def find(word: str) -> tuple[Reference, ...]:
    """The entries that a word names: none, one, or several if it is ambiguous.

    Case decides where nothing else does: listen is the call, LISTEN the state, Listen either.
    """
    wanted = normal(word)
    numbered = _NUMBERED.fullmatch(wanted.removeprefix("_"))  # -111, as a failed call returns it
    if numbered:
        name = _name_of_number(numbered[1] or "ERRNO", int(numbered[2]))
        wanted = normal(name) if name else wanted
    made = index()
    for level in (made.names, made.aliases, made.short):
        if wanted in level:
            exact = tuple(reference for reference in level[wanted] if reference.name == word.strip())
            return exact or tuple(level[wanted])
    # by the kernel's custom NAME takes a lock or checks its arguments, and __NAME does the work
    return _of_tracepoint(wanted) or tuple(made.names.get(f"_{wanted}", ()))


def _of_tracepoint(wanted: str) -> tuple[Reference, ...]:
    """The function in which a tracepoint of this name is: what a capture calls an event of the kernel."""
    from wiretale.model.kernel_ring import KINDS  # noqa: PLC0415 (only such a question needs it)

    for kind in KINDS:
        if wanted in (normal(kind.name), normal(kind.name.partition(":")[2])):
            return tuple(index().names.get(normal(kind.where.partition(",")[0]), ()))
    return ()


def _name_of_number(what: str, number: int) -> str | None:
    if what == "ERRNO":
        return ERRORS[number][0] if number in ERRORS else None
    return TABLES["signal"].get(number)


def entry(reference: Reference) -> Entry:
    """The entry itself."""
    return one_entry(reference.subject, reference.name)


def entry_named(word: str) -> Entry | None:
    """The one entry that a word names; None if there is none or more than one."""
    found = find(word)
    return entry(found[0]) if len(found) == 1 else None


def near(word: str, count: int = 4) -> tuple[str, ...]:
    """Names of entries that look like `word` or contain it, the most likely first."""
    import difflib  # noqa: PLC0415 (only a misspelt word needs it, and a story has none)

    made = index()
    wanted = normal(word)
    spellings = {**made.short, **made.aliases, **made.names}
    close = difflib.get_close_matches(wanted, list(spellings), n=count, cutoff=0.7)
    inside = sorted((s for s in spellings if len(wanted) >= 3 and wanted in s), key=len)
    names: list[str] = []
    for spelling in (*close, *inside):
        for reference in spellings[spelling]:
            if reference.name not in names:
                names.append(reference.name)
    return tuple(names[:count])


def function_sentences() -> dict[str, str]:
    """What each kernel function does, in words that go on from its name."""
    subjects = [s.name for s in SUBJECTS.values() if s.kind is Kind.FUNCTION]
    return {name: entry.meaning for subject in subjects for name, entry in entries(subject).items()}


def sentence_of(function: str, known: Mapping[str, str]) -> str | None:
    """What a kernel function does: `known` is function_sentences(), beside it there are rules for names of a kind."""
    if call := _ENTRY_OF_CALL.fullmatch(function):
        return f"takes the arguments of {call[1]}() from the program's registers"
    layer = _LAYERS.fullmatch(function)
    # by the kernel's custom NAME takes a lock or checks its arguments, and __NAME does the work
    return known.get(f"___{layer[1]}" if layer else function) or known.get(f"__{function}")
