"""What is particular to unix sockets: what their addresses are, why connecting fails, what else is handed over."""

from wiretale.decode.constants import error_name
from wiretale.explain.conversation import Conversation
from wiretale.explain.handshake import connect_of
from wiretale.explain.story import Ref, Section, Step
from wiretale.explain.words import code, count
from wiretale.explain.world import World

ENOENT, ECONNREFUSED, EACCES, EAGAIN, EPROTOTYPE = 2, 111, 13, 11, 91
_WHY = {
    ENOENT: "nothing has that path.",
    EACCES: "connecting takes the right to write to that path, and to search its folders.",
    EAGAIN: "the listener's queue is full, and the socket was not to wait.",
    EPROTOTYPE: "the socket at that path is of another type.",
}


def unix_section(world: World, talk: Conversation) -> Section | None:
    """The section; None for other sockets."""
    if not talk.protocol.startswith("unix"):
        return None
    failed = talk.outcome in ("failed", "refused", "unreachable", "timed out")
    steps = [*(_failure(world, talk) if failed else _address(world, talk)), *_descriptors(world, talk)]
    title = "Why it failed" if failed else "What is particular to unix sockets"
    return Section(title, tuple(steps)) if steps else None


def _address(world: World, talk: Conversation) -> list[Step]:
    addr = talk.server.addr or ""
    if not addr:
        if not _is_pair(world, talk):
            return []
        said = (
            "Neither end has an address: socketpair() makes two sockets that are connected from the beginning. Only "
            "who "
            "holds the descriptors, by fork() or because they were sent to it, can use them."
        )
        return [
            Step(
                "",
                "A pair without addresses",
                (said,),
                talk.from_ns,
                refs=(talk.ref,),
                key="address",
                topics=("socketpair",),
            )
        ]
    if addr.startswith("@"):
        said = (
            f"{code(addr)} is an abstract name (it begins with a zero byte, written @ here): no file. It belongs to "
            f"the "
            "network namespace, anyone in it may connect, and it vanishes with the last socket."
        )
        return [
            Step("", "An abstract name", (said,), talk.from_ns, refs=(talk.ref,), key="address", topics=("AF_UNIX",))
        ]
    said = (
        f"{code(addr)} is a file of the type socket, made by bind(): its permissions say who may connect. Bytes pass "
        f"from "
        "one socket to the other inside the kernel; no packet is made, so none can be captured."
    )
    left, refs = _left_behind(world, talk)
    return [
        Step(
            "",
            "A path as address",
            (said, *left),
            talk.from_ns,
            refs=(talk.ref, *refs),
            key="address",
            topics=("AF_UNIX",),
        )
    ]


def _is_pair(world: World, talk: Conversation) -> bool:
    row = world.db.execute("SELECT name FROM call WHERE call_id = ?", [talk.server.made_call_id]).fetchone()
    return row is not None and row[0] == "socketpair"


_UNLINKS = """
SELECT c.call_id, c.pid, c.entry_ns FROM call c JOIN call_data d ON d.call_id = c.call_id AND d.role = 'string'
WHERE c.name IN ('unlink', 'unlinkat') AND c.errno IS NULL AND d.bytes = ?::BLOB ORDER BY c.call_id"""


def _left_behind(world: World, talk: Conversation) -> tuple[list[str], list[Ref]]:
    """Whether someone removed the file after the server was closed; only said if the server is over."""
    closed = talk.server.closed_ns
    if closed is None or not world.has_calls:
        return [], []
    rows = world.db.execute(_UNLINKS, [(talk.server.addr or "").encode("utf-8", "surrogateescape")]).fetchall()
    later = [r for r in rows if r[2] >= talk.from_ns]
    if later:
        return [f"{world.who(later[0][1])} removed the file."], [Ref("call", later[0][0], f"call {later[0][0]}")]
    return [], []


_BOUND = """
SELECT c.call_id, c.pid, s.to_ns
FROM call c JOIN call_file f USING (call_id) JOIN socket s ON s.socket_id = f.socket_id
JOIN (SELECT inode, any_value(local_addr) AS addr FROM socket_sample WHERE inode <> 0 AND local_addr IS NOT NULL
    GROUP BY inode) b USING (inode)
WHERE c.name = 'bind' AND c.errno IS NULL AND b.addr = ? AND c.entry_ns < ? ORDER BY c.call_id DESC LIMIT 1"""


def _failure(world: World, talk: Conversation) -> list[Step]:
    connect = connect_of(talk, talk.client)
    if connect is None or connect.errno is None:
        return []
    addr, error = talk.server.addr or "", connect.errno
    refs = [connect.ref]
    if error == ECONNREFUSED:
        why = "the path is there, and no socket listens behind it (any more)."
        row = world.db.execute(_BOUND, [addr, talk.from_ns]).fetchone()
        if row is not None:
            call_id, pid, until = row
            refs.append(Ref("call", call_id, f"call {call_id}"))
            if until is not None and until <= talk.from_ns:
                why = (
                    f"the path is there, made by {world.who(pid)}, whose socket was closed before: the file stays "
                    f"until "
                    "someone removes it."
                )
    else:
        why = _WHY.get(error, "")
    said = f"{world.caller(connect)} cannot connect to {code(addr)} ({code(error_name(error))})"
    title = "Nobody there" if error in (ENOENT, ECONNREFUSED) else "It failed"
    return [
        Step("", title, (f"{said}: {why}" if why else f"{said}.",),
             connect.entry_ns, refs=tuple(refs), topics=(error_name(error),),
             remedy="unlink() the path before bind(), or when the server ends" if error == ECONNREFUSED else "")
    ]  # fmt: skip


_RECEIVED = """
SELECT d.pid, d.fd, f.name, d.open_call_id, d.descriptor_id, d.from_ns FROM descriptor d JOIN file f USING (file_id)
JOIN call_file x ON x.call_id = d.open_call_id
WHERE starts_with(d.how, 'received') AND x.socket_id IN (SELECT unnest(?)) ORDER BY d.descriptor_id LIMIT 20"""


def _descriptors(world: World, talk: Conversation) -> list[Step]:
    """Descriptors that came over it (SCM_RIGHTS)."""
    sockets = [end.socket_id for end in talk.ends if end.socket_id is not None]
    rows = world.db.execute(_RECEIVED, [sockets]).fetchall()
    if not rows:
        return []
    pid, fd, name, call_id, _, at = rows[0]
    said = [
        f"{count(len(rows), 'open file')} came over this socket besides bytes ({code('SCM_RIGHTS')}): {world.who(pid)} "
        f"got "
        f"{code(name or '?')} as descriptor {fd}."
    ]
    refs = [Ref("descriptor", r[4], f"descriptor {r[4]}") for r in rows[:4]]
    if call_id is not None:
        refs.append(Ref("call", call_id, f"call {call_id}"))
    return [Step("", "Descriptors are handed over", tuple(said), at, refs=tuple(refs), topics=("SCM_RIGHTS",))]
