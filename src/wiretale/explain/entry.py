"""One entry of the knowledge base, as a value: what a word means, what is to be known about it, and who says so.

Made for two uses. `wiretale explain WORD` prints an entry whole. A story takes pieces: `Entry.sentence` for the word it
comes across, the argument of a call, the reason of an error in the call that returned it.
"""

from enum import StrEnum

from wiretale.light import dataclass


class Reader(StrEnum):
    """For whom a text is written; values of --for."""

    BEGINNER = "beginner"  # knows what a program is, not how TCP works
    ENGINEER = "engineer"  # knows both, wants the exact rule


class Kind(StrEnum):
    """What an entry is about; decides where it can occur in a capture (`occurrences.py`)."""

    CALL = "call"
    OPTION = "socket option"
    CONSTANT = "constant"
    MESSAGE_FLAG = "message flag"
    EVENT = "event"
    ERROR = "error"
    SIGNAL = "signal"
    STATE = "TCP state"
    FLAG = "TCP flag"
    HEADER_OPTION = "TCP header option"
    ANALYSIS = "TCP analysis"
    FUNCTION = "kernel function"
    TOPIC = "topic"


class SourceKind(StrEnum):
    """Where a fact can be looked up."""

    MANUAL = "manual"  # tcp(7) TCP_NODELAY
    RFC = "rfc"  # RFC 9293 3.10.7
    KERNEL = "kernel"  # net/ipv4/tcp.c tcp_close: a file of the Linux source tree, and a name in it
    STANDARD = "standard"  # POSIX.1-2017 close
    WIRESHARK = "wireshark"  # Wireshark packet-tcp.c
    MEASURED = "measured"  # the name of a test in tests/explain that does it with real sockets


@dataclass(frozen=True, slots=True)
class Source:
    """One place that a fact is from, in words that find it."""

    kind: SourceKind
    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement, with its sources. `reader` is None if it is for all readers."""

    text: str
    sources: tuple[Source, ...]
    reader: Reader | None = None

    def is_for(self, reader: Reader) -> bool:
        """Whether this reader gets it."""
        return self.reader is None or self.reader is reader


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call, under the name it has in `decode/syscalls`."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ErrorCase:
    """An error as one call returns it: why, and what to do about it. The same error means other things elsewhere."""

    error: str
    why: Fact
    remedy: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Everything known about one word.

    `meaning` continues a sentence that begins with the name, without a full stop: "bind" "gives a socket its address".
    `sources` stand for the meaning, the value, the arguments, the result, and every fact without sources of its own.
    """

    name: str
    subject: str
    kind: Kind
    meaning: str
    sources: tuple[Source, ...]
    aliases: tuple[str, ...] = ()
    value: str = ""  # options and constants: type and range of the value; "" for other kinds
    arguments: tuple[Argument, ...] = ()  # calls only
    returns: str = ""  # calls only
    facts: tuple[Fact, ...] = ()
    errors: tuple[ErrorCase, ...] = ()  # calls only
    pitfalls: tuple[Fact, ...] = ()
    see: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The meaning as a whole sentence."""
        return f"{self.name} {self.meaning}."

    def facts_for(self, reader: Reader) -> tuple[Fact, ...]:
        """The facts this reader gets, in order."""
        return tuple(f for f in self.facts if f.is_for(reader))

    def argument(self, name: str) -> str | None:
        """What one argument is for; None if the entry has no such argument."""
        return next((a.text for a in self.arguments if a.name == name), None)

    def error(self, name: str) -> ErrorCase | None:
        """What this error means when this call returns it; None where there is nothing particular to say."""
        return next((e for e in self.errors if e.error == name), None)
