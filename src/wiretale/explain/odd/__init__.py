"""What is odd: one small file per oddity, with its condition, its sentence, why it happens, what to do about it.

Each module has `find(world) -> list[Step]`: no more than a few steps, however often the oddity occurred, and none that
rows do not prove. The two lists below are in the order in which they are told.
"""

from collections.abc import Callable

from wiretale.explain.odd import (
    again_and_again,
    asked_before,
    awaited,
    bad_descriptor,
    black_hole,
    both_families,
    broken_pipe,
    connect_in_progress,
    cut_datagram,
    exit_unclosed,
    failed_setup,
    full_receiver,
    half_shutdown,
    handed_on,
    held_back,
    held_lock,
    late_reader,
    leaked_socket,
    left_open,
    name_cache,
    no_answer,
    no_port,
    no_reply,
    no_room,
    no_route,
    not_a_socket,
    not_accepted,
    option_twice,
    out_of_descriptors,
    queue_full,
    resent,
    reuse_too_late,
    service_names,
    shared_port,
    silent_sockets,
    slow_answer,
    slow_names,
    stopped,
    stuck_before,
    tiny_transfers,
    unanswered,
    unread_reset,
    unsent_datagram,
    unused_sockets,
)
from wiretale.explain.story import Anchors, Chapter, Section, Step
from wiretale.explain.world import World
from wiretale.light import replace

Finder = Callable[[World], list[Step]]

# Something was lost, refused or slow, or can be: worth a look.
TROUBLE: tuple[Finder, ...] = (
    failed_setup.find,
    out_of_descriptors.find,
    stopped.find,
    held_lock.find,
    no_room.find,
    no_answer.find,
    asked_before.find,
    asked_before.find_for_others,
    stuck_before.find,
    no_port.find,
    slow_names.find,
    no_reply.find,
    not_accepted.find,
    unanswered.find,
    handed_on.find,
    no_route.find,
    queue_full.find,
    broken_pipe.find,
    unread_reset.find,
    unsent_datagram.find,
    cut_datagram.find,
    black_hole.find,
    resent.find,
    held_back.find,
    slow_answer.find,
    awaited.find,
    late_reader.find,
    full_receiver.find,
    again_and_again.find,
    tiny_transfers.find,
    bad_descriptor.find_risky,
    leaked_socket.find,
    left_open.find,
    reuse_too_late.find,
    shared_port.find,
)

# Looks odd in a trace and is no fault.
HARMLESS: tuple[Finder, ...] = (
    connect_in_progress.find,
    failed_setup.find_raw_instead,
    both_families.find,
    half_shutdown.find,
    option_twice.find,
    bad_descriptor.find,
    not_a_socket.find,
    unused_sockets.find,
    silent_sockets.find,
    no_route.find_sorted,
    exit_unclosed.find,
    service_names.find,
    name_cache.find,
)


_TROUBLE_TITLE = "Worth a look"
_ODD = Chapter("odd", "What is odd, and whether it matters", (), ())
NOTHING_ODD = replace(_ODD, intro=("Nothing odd was found.",))


def _anchors(finder: Finder) -> Anchors:
    """Anchors name the oddity: odd.shared-port.call65."""
    name = finder.__module__.rpartition(".")[2].replace("_", "-")
    return Anchors(
        f"odd.{name}{'' if finder.__name__ == 'find' else finder.__name__.removeprefix('find').replace('_', '-')}"
    )


def worth_a_look(chapter: Chapter | None) -> tuple[str, ...]:
    """One sentence for the summary that names the troubles; none where there are none."""
    steps = [step for s in chapter.sections if s.title == _TROUBLE_TITLE for step in s.steps] if chapter else []
    titles = list(dict.fromkeys(step.title.rstrip("?") for step in steps))
    return (f"Worth a look: {'; '.join(titles[:4])}{' and more' if len(titles) > 4 else ''}.",) if titles else ()


def oddities(world: World) -> Chapter | None:
    """The chapter; None if nothing was odd."""
    sections = []
    for title, finders in ((_TROUBLE_TITLE, TROUBLE), ("Looks odd, and is harmless", HARMLESS)):
        steps = tuple(step for finder in finders for step in _anchors(finder).all_named(finder(world)))
        if steps:
            sections.append(Section(title, steps))
    return replace(_ODD, sections=tuple(sections)) if sections else None
