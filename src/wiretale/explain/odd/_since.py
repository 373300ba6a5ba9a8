"""Shared by the oddities: what a thread did from a moment on, told by the call in which it spent most of that time."""

from wiretale.decode.durations import duration
from wiretale.explain.conversation import RECEIVES, WAITS
from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Ref
from wiretale.explain.words import code, place
from wiretale.explain.world import World
from wiretale.light import dataclass

READS = (*RECEIVES, *WAITS)

_LONGEST = """SELECT c.call_id, c.name, least(coalesce(c.exit_ns, $until), $until) - greatest(c.start_ns, $since) AS ns,
    c.exit_ns IS NULL OR c.exit_ns > $until, coalesce(w.fd, c.fd), e.connection_id, o.addr, o.port
FROM call c LEFT JOIN wait w USING (call_id) LEFT JOIN endpoint e ON e.socket_id = w.socket_id
LEFT JOIN endpoint o ON o.connection_id = e.connection_id AND o.role <> e.role
WHERE c.task_id = $task AND coalesce(c.exit_ns, $until) > $since AND c.start_ns < $until ORDER BY 3 DESC LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Spent:
    """The call in which a thread spent most of a time: of `took_ns`, and what it is called on."""

    call_id: int
    name: str
    took_ns: int
    is_still_in: bool
    fd: int | None
    connection_id: int | None
    addr: str | None
    port: int | None

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The row."""
        return refs("call", [self.call_id])

    def reads(self, connection_id: int) -> bool:
        """Whether it waits for more of this connection."""
        return self.connection_id == connection_id and self.name in READS

    @property
    def call(self) -> str:
        """`recvfrom()` on descriptor 7 (`10.0.0.5:5432`)."""
        on = f" on descriptor {self.fd}" if self.fd is not None else ""
        return f"{code(self.name + '()')}{on}" + (f" ({code(place(self.addr, self.port))})" if self.addr else "")

    def sentence(self, who: str) -> str:
        """`it spent 4 s in futex(), and was still in it then`."""
        still = "was still in it then" if self.is_still_in else "was in no call longer until then"
        return f"{who} spent {duration(self.took_ns)} in {self.call}, and {still}."


def spent(world: World, task_id: int, since: int, until: int) -> Spent | None:
    """What a thread did for longest between two times in ns; None if it was in no call."""
    row = world.db.execute(_LONGEST, {"task": task_id, "since": since, "until": until}).fetchone()
    return Spent(*row) if row is not None else None
