"""A descriptor that is not open: closed twice, or -1 from an earlier failure."""

from wiretale.explain.odd._rows import groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

EBADF = 9


def find(world: World) -> list[Step]:
    """Calls that failed with EBADF, by what is the matter."""
    steps = []
    closed_before = "EXISTS (SELECT 1 FROM descriptor d WHERE d.pid = c.pid AND d.fd = c.fd AND d.to_ns <= c.entry_ns)"
    for group in groups(world, f"c.errno = {EBADF}", f"c.name || CASE WHEN {closed_before} THEN ' again' ELSE '' END"):
        name, _, again = group.key.partition(" ")
        who = world.who(group.pid)
        if name == "close" and group.fd is not None and group.fd < 0:
            said = [
                f"{who} calls {code(f'close({group.fd})')} {group.times}: it closes the result of a call that "
                "had failed.",
                "The kernel answers EBADF. Harmless, and a sign that the program does not check what it got.",
            ]
        elif name == "close" and again:
            said = [
                f"{who} closes descriptor {group.fd} again ({group.times}) when it is already closed; the kernel "
                "answers EBADF.",
                "In a program with one thread that is harmless. With several, the number may by then be another "
                "file's, which is then closed by mistake.",
            ]
        else:
            said = [
                f"{who} calls {code(name + '()')} on descriptor {group.fd} {group.times}, which is not open: EBADF."
            ]
        title = "A descriptor is closed twice" if name == "close" and again else "A descriptor that is not open"
        steps.append(Step("", title, tuple(said), group.first_ns, refs=group.refs, topics=("EBADF",)))
    return steps
