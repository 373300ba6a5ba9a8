"""What descriptors were, in words: terminals, pipes, files, sockets and their connections."""

from wiretale.decode.escape import escape_text
from wiretale.explain.words import place
from wiretale.explain.world import World
from wiretale.light import dataclass

STANDARD = {0: "standard input", 1: "standard output", 2: "standard error"}


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One descriptor of one process for one span of time."""

    descriptor_id: int
    pid: int
    fd: int
    what: str  # safe
    kind: str
    how: str
    from_ns: int
    to_ns: int | None
    end_how: str | None
    connection_id: int | None


_QUERY = """
WITH ends AS (
    SELECT e.socket_id, any_value(k.protocol) AS protocol, count(*) AS n, any_value(e.connection_id) AS connection_id,
        any_value(e.addr) AS addr, any_value(e.port) AS port,
        any_value(CASE e.role WHEN 'client' THEN k.server_addr ELSE k.client_addr END) AS peer_addr,
        any_value(CASE e.role WHEN 'client' THEN k.server_port ELSE k.client_port END) AS peer_port
    FROM endpoint e JOIN connection k USING (connection_id) WHERE e.socket_id IS NOT NULL GROUP BY e.socket_id
),
bound AS (
    SELECT inode, arg_max(local_addr, time_ns) AS addr, arg_max(local_port, time_ns) AS port FROM socket_sample
    WHERE inode <> 0 AND local_addr IS NOT NULL AND local_addr <> '' GROUP BY inode
)
SELECT d.descriptor_id, d.pid, d.fd, f.kind, f.name, d.how, d.from_ns, d.to_ns, d.end_how, s.family, s.type,
    s.listening, n.protocol, n.n, n.addr, n.port, n.peer_addr, n.peer_port, b.addr, b.port, n.connection_id
FROM descriptor d JOIN file f USING (file_id) LEFT JOIN socket s ON s.file_id = f.file_id
LEFT JOIN ends n ON n.socket_id = s.socket_id LEFT JOIN bound b ON b.inode = f.inode AND f.kind = 'socket'
WHERE d.pid IN (SELECT pid FROM task WHERE traced) AND {condition}
ORDER BY d.pid, d.from_ns, d.fd"""
_NO_FILES = """(f.kind <> 'file' OR d.fd <= 2)
QUALIFY row_number() OVER (PARTITION BY d.pid, f.kind = 'socket' ORDER BY d.descriptor_id) <= ?"""

_KINDS = {"pipe": "a pipe", "terminal": "a terminal", "event": "an event object of the kernel"}


def _what(row: tuple[object, ...]) -> str:
    kind, name, family, type_, listening, protocol, n, addr, port, peer, peer_port, own, own_port = row
    text = escape_text(str(name or ""))
    if kind != "socket":
        word = _KINDS.get(str(kind))
        return f"{word}, {text}" if word and text else word or text or "unknown"

    def at(a: object, p: object) -> str:
        return place(None if a is None else str(a), None if p is None else int(str(p)))

    stream = {"SOCK_STREAM": "TCP", "SOCK_DGRAM": "UDP"}.get(str(type_), str(type_))
    internet = family in ("AF_INET", "AF_INET6")
    word = stream if internet else f"{str(family or '?').removeprefix('AF_').lower()}"
    if listening:
        return f"a {word} socket that listens on {at(own, own_port)}"
    if protocol is not None and n == 1:
        if not peer and not internet:
            return f"a {word} socket, connected to one without a name"
        ends = f"{at(addr, port)} → {at(peer, peer_port)}" if internet else at(peer, peer_port)
        return f"a {word} socket, {ends}"
    bound = f" at {at(own, own_port)}" if own is not None and own_port not in (0, None) else ""
    return f"a {word} socket{bound}"


def descriptors(world: World, most_of_each: int = 60) -> list[Descriptor]:
    """Descriptors of traced processes: sockets, pipes, terminals, and whatever 0 to 2 are. Plain files are left out."""
    return _fetch(world, _NO_FILES, most_of_each)


def described(world: World, ids: list[int]) -> dict[int, Descriptor]:
    """Some descriptors by id, plain files among them."""
    if not ids:
        return {}
    return {d.descriptor_id: d for d in _fetch(world, "d.descriptor_id IN (SELECT unnest(?))", ids)}


def _fetch(world: World, condition: str, parameter: object) -> list[Descriptor]:
    found = []
    for row in world.db.execute(_QUERY.format(condition=condition), [parameter]).fetchall():
        id_, pid, fd, kind, name, how, begin, end, end_how, *rest = row
        what = _what((kind, name, *rest[:-1]))
        process = world.processes.get(pid)
        if process is not None and how == "fork":  # fork() gives them while it runs; the child has them from its start
            begin = max(begin, process.start_ns)
        found.append(Descriptor(id_, pid, fd, what, kind or "", how or "", begin, end, end_how, rest[-1]))
    return found


def load_file_names(world: World, call_ids: list[int]) -> None:
    """Put into the world what the descriptors of these calls were, for those that are no sockets."""
    if not call_ids:
        return
    for call_id, kind, name in world.db.execute(
        "SELECT x.call_id, f.kind, f.name FROM call_file x JOIN file f USING (file_id)"
        " WHERE x.call_id IN (SELECT unnest(?)) AND f.kind <> 'socket'",
        [call_ids],
    ).fetchall():
        word = {"pipe": "a pipe", "terminal": "a terminal"}.get(kind, "")
        text = escape_text(name or "")
        world.file_names[call_id] = word if word == "a pipe" else f"{word} {text}".strip() if word else text
