"""What is odd: one small file per oddity, with its condition, its sentence, why it happens, what to do about it.

Each module has `find(world) -> list[Step]`: no more than a few steps, however often the oddity occurred. An oddity that
is harmless says so. The list below is in the order in which they are told.
"""

from collections.abc import Callable

from wiretale.explain.odd import (
    again_and_again,
    bad_descriptor,
    broken_pipe,
    connect_in_progress,
    exit_unclosed,
    failed_setup,
    half_shutdown,
    name_cache,
    not_a_socket,
    option_twice,
    resent,
    service_names,
    shared_port,
    silent_sockets,
    unread_reset,
    unused_sockets,
)
from wiretale.explain.story import Chapter, Counter, Section, Step
from wiretale.explain.world import World

Finder = Callable[[World], list[Step]]

ODDITIES: tuple[Finder, ...] = (
    failed_setup.find,
    resent.find,
    unread_reset.find,
    broken_pipe.find,
    shared_port.find,
    bad_descriptor.find,
    connect_in_progress.find,
    again_and_again.find,
    option_twice.find,
    half_shutdown.find,
    not_a_socket.find,
    unused_sockets.find,
    silent_sockets.find,
    exit_unclosed.find,
    service_names.find,
    name_cache.find,
)


def oddities(world: World) -> Chapter | None:
    """The chapter; None if nothing was odd."""
    counter = Counter("odd")
    found = [step for finder in ODDITIES for step in finder(world)]
    if not found:
        return None
    steps = tuple(counter.numbered(step) for step in found)
    return Chapter("odd", "What is odd, and whether it matters", (), (Section("", steps),))
