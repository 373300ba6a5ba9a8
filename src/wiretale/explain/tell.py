"""The visible list of chapters: from an open capture to its story."""

import duckdb

from wiretale.decode.escape import escape_text
from wiretale.errors import UsageFault
from wiretale.explain.background import Background
from wiretale.explain.cast import cast
from wiretale.explain.choose import Chosen, choose
from wiretale.explain.connection import connection_chapter, failure_chapter
from wiretale.explain.conversation import Conversation, conversations
from wiretale.explain.entry import Reader
from wiretale.explain.files import descriptors, load_file_names
from wiretale.explain.groups import groups
from wiretale.explain.listening import listening
from wiretale.explain.messages import Traffic, traffic
from wiretale.explain.netlink import netlink
from wiretale.explain.odd import NOTHING_ODD, oddities, worth_a_look
from wiretale.explain.rows import keep_few
from wiretale.explain.story import Chapter, Story
from wiretale.explain.summary import about, gaps, opening, summary_chapter
from wiretale.explain.whole.chapter import whole_packets
from wiretale.explain.words import in_sentences
from wiretale.explain.world import World, load_world
from wiretale.filter.tables import with_all_tables
from wiretale.light import dataclass, replace


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a story."""

    name: str = "capture"
    reader: Reader = Reader.BEGINNER
    connection_id: int | None = None
    only_odd: bool = False  # nothing but what is odd, and why connections failed


def tell(db: duckdb.DuckDBPyConnection, options: Options) -> Story:
    """The story of a capture. Raises UsageFault if it has no such connection."""
    world = load_world(with_all_tables(db))
    keep_few(db)
    if options.connection_id is not None:
        _check(world, options.connection_id)
    chosen = choose(world, options.connection_id)
    talks = conversations(db, chosen.told)
    odd = oddities(world) if options.connection_id is None else None
    if options.only_odd:
        failures = (failure_chapter(world, talk) for talk in talks.values())
        chapters = [chapter for chapter in (*failures, odd) if chapter is not None] or [NOTHING_ODD]
    else:
        chapters = _before_oddities(world, options, chosen, talks)
        chapters += [last for last in (odd, summary_chapter(world, talks, options.connection_id)) if last is not None]
    raw, raw_in_short = whole_packets(world) if options.connection_id is None else (None, ())
    if raw is not None and not options.only_odd:
        places = (n for n, chapter in enumerate(chapters) if chapter.anchor in ("groups", "kernel", "odd", "sum"))
        at = next(places, len(chapters))
        chapters.insert(at, raw)
    background = Background(options.reader)
    woven = tuple(_with_capitals(background.chapter(chapter)) for chapter in chapters)
    return Story(
        escape_text(options.name), world.origin_ns, world.error_ns,
        tuple(in_sentences(said) for said in (*opening(world, chosen, talks), *raw_in_short, *worth_a_look(odd))),
        about(world), woven,
        gaps(world), options.reader,
    )  # fmt: skip


def _before_oddities(world: World, options: Options, chosen: Chosen, talks: dict[int, Conversation]) -> list[Chapter]:
    """Who took part, and what happened."""
    moved = traffic(world.db, talks)
    load_file_names(world, _neighbour_calls(moved))
    told_cast = cast(world, descriptors(world))
    chapters = [told_cast] if told_cast is not None else []
    chapters += listening(world)
    for connection_id, talk in talks.items():
        chapters.append(connection_chapter(world, talk, moved[connection_id], chosen.alike.get(connection_id, [])))
    asked = netlink(world) if options.connection_id is None else None
    wanted = groups(world) if options.connection_id is None else None
    return [*chapters, *(chapter for chapter in (wanted, asked) if chapter is not None)]


def _with_capitals(chapter: Chapter) -> Chapter:
    """The chapter, with a capital letter where a sentence or a title begins: makers put names in front."""
    sections = tuple(
        replace(
            section,
            steps=tuple(
                replace(step, title=in_sentences(step.title), sentences=tuple(in_sentences(s) for s in step.sentences))
                for step in section.steps
            ),
        )
        for section in chapter.sections
    )
    return replace(chapter, intro=tuple(in_sentences(said) for said in chapter.intro), sections=sections)


def _check(world: World, connection_id: int) -> None:
    row = world.db.execute("SELECT 1 FROM connection WHERE connection_id = ?", [connection_id]).fetchone()
    if row is None:
        raise UsageFault(f"the capture has no connection {connection_id}", "wiretale connections lists them")


def _neighbour_calls(moved: dict[int, Traffic]) -> list[int]:
    found = []
    for told in moved.values():
        for message in told.told:
            found += [c.call_id for c in (message.before, message.after) if c is not None]
    return found
