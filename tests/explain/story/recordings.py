"""Real recordings for the tests of the story: two netcats that talk, each pair recorded once a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from tests.e2e.services import SERVICES
from tests.e2e.session import HOST4, Session, record_alone
from tests.e2e.subjects import TCP, Subject, words
from wiretale.explain.entry import Reader
from wiretale.explain.story import Step, Story
from wiretale.explain.tell import Options, tell
from wiretale.store.capture import open_capture

TEXT = b"salam\n"
NETCATS = [subject for subject in TCP if subject.name in ("openbsd", "traditional", "ncat", "busybox", "ours")]


_FOLDERS: list[TemporaryDirectory[str]] = []  # gone when the run ends


def new_folder() -> Path:
    """A folder that lives as long as the tests run."""
    _FOLDERS.append(TemporaryDirectory(prefix="wiretale-story-"))
    return Path(_FOLDERS[-1].name)


@cache
def conversation(subject: Subject) -> Path:
    """A line from the client to the server, then the end; a server that would stay has an input that ends."""
    down = b"" if subject.both else None
    folder = new_folder()
    return Session(folder, words(subject.server, HOST4), words(subject.client, HOST4), down, TEXT).record()


@cache
def refusal(*command: str) -> Path:
    """A client that nobody serves."""
    return record_alone(list(command), new_folder())


@cache
def service(name: str) -> Path:
    """One of the services with its client."""
    return next(s for s in SERVICES if s.name == name).session(new_folder()).record()


@contextmanager
def told(capture: Path, reader: Reader = Reader.ENGINEER) -> Iterator[tuple[duckdb.DuckDBPyConnection, Story]]:
    """The open capture and its story."""
    with open_capture(capture) as db:
        yield db, tell(db, Options("capture", reader))


def ids(step: Step, table: str) -> list[int]:
    """The rows of one table that a step rests on."""
    return [ref.id for ref in step.evidence if ref.table == table]


def steps_of(story: Story, table: str, row: int) -> list[Step]:
    """The steps of connections and listeners that rest on a row."""
    chapters = [c for c in story.chapters if c.anchor[0] in "cs" and c.anchor[1:].isdecimal()]
    steps = [step for chapter in chapters for section in chapter.sections for step in section.steps]
    return [step for step in steps if row in ids(step, table)]


def text(step: Step) -> str:
    """All that a step says."""
    return " ".join([step.title, *step.sentences, step.call, *(f"{h.what} {h.note}" for h in step.hops)])
