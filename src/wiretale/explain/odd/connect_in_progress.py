"""connect() on a socket that does not wait: EINPROGRESS is the normal answer."""

from wiretale.explain.odd._rows import all_refs, each, groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

EINPROGRESS = 115


def find(world: World) -> list[Step]:
    """One step for all who met it."""
    if not world.signs.met(EINPROGRESS):
        return []
    found = groups(world, f"c.name = 'connect' AND c.errno = {EINPROGRESS}", fd="NULL::INTEGER")
    if not found:
        return []
    said = (
        f"{code('connect()')} answered {code('EINPROGRESS')} to {each(world, found)}. On a socket that does not wait "
        "this is "
        "the normal answer: the attempt goes on in the kernel.",
    )
    background = (
        "The program learns how it ended when the socket becomes writable, from getsockopt(SO_ERROR) or from a second "
        "connect().",
    )
    return [
        Step("", "EINPROGRESS is no error", said, found[0].first_ns, refs=all_refs(found), topics=("EINPROGRESS",),
             background=background)
    ]  # fmt: skip
