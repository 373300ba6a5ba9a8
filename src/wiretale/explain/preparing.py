"""The calls that prepare a socket, as steps: reading the flags and setting them is one, a question repeated is one,
whatever only looks at the descriptor is one."""

from collections.abc import Sequence

from wiretale.explain import asks, commands
from wiretale.explain.rows import Call
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World
from wiretale.light import replace

_QUESTIONS = ("getsockname", "getpeername", "getsockopt", "fcntl", "fcntl64")


def prepared(world: World, calls: Sequence[Call]) -> list[Step]:
    """One step for each thing that was done or asked, in order."""
    steps: list[Step] = []
    places: dict[tuple[int, str], int] = {}  # a question and its answer, or what was set -> its step
    settings: dict[tuple[int, str], str] = {}  # what can be set -> what was done to it last
    repeats: dict[int, list[Call]] = {}
    previous: Call | None = None
    looked: list[Call] = []
    for i, call in enumerate(calls):
        if commands.looks(call):
            if looked and (looked[-1].task_id, looked[-1].fd) != (call.task_id, call.fd):
                _add_look(world, steps, looked)
                looked, previous = [], None
            looked.append(call)
            continue
        if looked and _add_look(world, steps, looked):
            previous = None
        looked = []
        if previous is not None and _sets_what_was_read(previous, call):
            steps[-1] = _flags(world, previous, call)
            previous = call
            continue
        if previous is not None and _sets_descriptor_flags(previous, call):
            steps.pop()
            places.pop((previous.pid, _matter(previous)), None)
            key = (call.pid, _matter(call))
            if settings.get((call.pid, _setting(call))) == key[1]:  # it was that already: told where it was set
                repeats.setdefault(places[key], []).append(call)
            else:
                settings[call.pid, _setting(call)] = key[1]
                places[key] = len(steps)
                steps.append(replace(asks.step(world, call, ""), refs=(previous.ref, call.ref)))
            previous = call
            continue
        key = (call.pid, _matter(call))
        if key in places and (_asks(call) or (_setting(call) and settings.get((call.pid, _setting(call))) == key[1])):
            repeats.setdefault(places[key], []).append(call)
            continue
        settings[call.pid, _setting(call)] = key[1]
        places[key] = len(steps)
        again = call.name == "listen" and any(c.name == "listen" and not c.failed for c in calls[:i])
        steps.append(asks.listens_again(world, call) if again else asks.step(world, call, ""))
        previous = call
    if looked:
        _add_look(world, steps, looked)
    for i, same in repeats.items():
        said = f"It does so {'once more' if len(same) == 1 else f'{len(same)} more times'}."
        steps[i] = replace(
            steps[i], sentences=(*steps[i].sentences, said), refs=(*steps[i].refs, *(c.ref for c in same))
        )
    return steps


def _matter(call: Call) -> str:
    """What a call asked and was answered, or what it set; how much room it offered for an address does not matter."""
    if call.name in ("getsockname", "getpeername") and not call.failed:
        return f"{call.name} {call.fd} {asks.address_of(call)}"
    return call.text


def _asks(call: Call) -> bool:
    """Whether it only asks."""
    return call.name in _QUESTIONS and not (commands.sets_flags(call) or commands.sets_descriptor_flags(call))


def _setting(call: Call) -> str:
    """What it sets: an option, the flags, the waiting of a descriptor; empty for other calls."""
    if call.name == "setsockopt":
        return f"{call.fd} {call.argument('level')} {call.argument('optname')}"
    if commands.sets_blocking(call) or commands.sets_flags(call):
        return f"{call.fd} waiting"
    return f"{call.fd} exec" if commands.sets_descriptor_flags(call) else ""


def _add_look(world: World, steps: list[Step], calls: Sequence[Call]) -> bool:
    """Tell what only looked at a descriptor, if it is worth it; who looks again is not told again."""
    step = asks.look(world, calls)
    if step is None:
        return False
    for i, earlier in enumerate(steps):
        if (earlier.title, earlier.sentences[0]) == (step.title, step.sentences[0]):
            steps[i] = replace(
                earlier, sentences=(earlier.sentences[0], "It looks again later."), refs=(*earlier.refs, *step.refs)
            )
            return True
    steps.append(step)
    return True


def _sets_what_was_read(read: Call, call: Call) -> bool:
    """The idiom of fcntl(2): F_GETFL, then F_SETFL on the same descriptor."""
    same = read.task_id == call.task_id and read.fd == call.fd
    return same and commands.reads_flags(read) and commands.sets_flags(call) and not (read.failed or call.failed)


def _sets_descriptor_flags(read: Call, call: Call) -> bool:
    """F_GETFD, then F_SETFD."""
    same = read.task_id == call.task_id and read.fd == call.fd
    return same and commands.reads_descriptor_flags(read) and commands.sets_descriptor_flags(call) and not call.failed


def _flags(world: World, read: Call, call: Call) -> Step:
    """Both calls as one."""
    before, after = commands.flags_of(read), commands.flags_of(call)
    added, removed = [f for f in after if f not in before], [f for f in before if f not in after]
    who = f"{world.caller(call)} reads the flags of descriptor {call.fd} ({code('|'.join(before))})"
    if added or removed:
        changes = [f"with {code(f)}" for f in added] + [f"without {code(f)}" for f in removed]
        said = [f"{who} and sets them {' and '.join(changes)}: {commands.blocking(after)}."]
    else:
        said = [f"{who} and sets them to the same: {commands.blocking(after)}, as before."]
    title = "The descriptor shall not wait" if "O_NONBLOCK" in added else "The descriptor shall wait"
    return Step(
        "", title if added or removed else "The descriptor's flags", tuple(said), read.entry_ns, call.text,
        asks.arguments(call), refs=(read.ref, call.ref), topics=asks.topics(call),
    )  # fmt: skip
