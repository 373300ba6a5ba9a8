"""Calls that should have prepared a socket and were refused: address in use, no permission, and the like."""

from wiretale.decode.constants import error_name, error_text
from wiretale.decode.durations import duration
from wiretale.explain.asks import address_of, port_of
from wiretale.explain.odd._rows import Group, groups, refs
from wiretale.explain.odd.out_of_descriptors import EMFILE, ENFILE
from wiretale.explain.rows import Call, calls
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import code
from wiretale.explain.world import World
from wiretale.light import replace

_CALLS = ("socket", "bind", "listen", "socketpair")
EADDRINUSE, EACCES, EADDRNOTAVAIL = 98, 13, 99
SOL_SOCKET, SO_REUSEADDR = 1, 2  # asm-generic/socket.h
LOW_PORTS = 1024  # net.ipv4.ip_unprivileged_port_start, unless it was changed
# What to look at, for the errors that people meet (bind(2), ip(7), socket(2), unix(7)).
_WHY = {
    EADDRNOTAVAIL: "The machine has no such address (in this network namespace), or not yet.",
    97: "The kernel does not offer this address family: IPv6 may be switched off.",
    1: "It takes a privilege that the process does not have (for raw sockets CAP_NET_RAW).",
    93: "The family has no such protocol.",
    22: "The socket has an address already, or the address given is none of its family.",
}
_NO_PING = (
    "Such a socket is for ping without privilege: it takes a group in net.ipv4.ping_group_range, which by default has "
    "none (icmp(7)). Programs then try a raw socket."
)
# SOCK_RAW with a protocol of ping; above the type may stand SOCK_CLOEXEC and SOCK_NONBLOCK.
_RAW = "SELECT DISTINCT pid FROM call WHERE name = 'socket' AND errno IS NULL AND a1 & 15 = 3 AND a2 IN (1, 58)"
_REMEDY = {EADDRINUSE: "ss -tanp shows who has the port", EADDRNOTAVAIL: "ip addr"}


def find(world: World) -> list[Step]:
    """One step for each process, call and error."""
    if not world.signs.failed(*_CALLS):
        return []
    condition = f"c.name IN {_CALLS} AND c.errno IS NOT NULL AND c.errno NOT IN ({EMFILE}, {ENFILE})"
    found = groups(world, condition, "c.name || ' ' || c.errno", fd="NULL::INTEGER")
    return [_step(world, group) for group in found[:8] if not _went_on(world, group)]


def find_raw_instead(world: World) -> list[Step]:
    """Sockets for ping without privilege that were refused to processes which then had a raw socket."""
    if not world.signs.failed("socket"):
        return []
    condition = f"c.name = 'socket' AND c.errno = {EACCES}"
    found = groups(world, condition, "c.name || ' ' || c.errno", fd="NULL::INTEGER")
    return [replace(_step(world, group), title="A raw socket instead") for group in found if _went_on(world, group)]


def _went_on(world: World, group: Group) -> bool:
    """Whether all of them were refused a socket for ping and made a raw one for the same."""
    first = calls(world.db, [group.refs[0].id]).get(group.refs[0].id)
    if group.key != f"socket {EACCES}" or first is None or not _is_ping(first):
        return False
    made = {pid for (pid,) in world.db.execute(_RAW).fetchall()}
    return made.issuperset(group.pids)


def _step(world: World, group: Group) -> Step:
    name, _, number = group.key.partition(" ")
    errno, error = int(number), error_name(int(number))
    told = calls(world.db, [ref.id for ref in group.refs])
    first = told.get(group.refs[0].id)
    where = f" for {code(address_of(first))}" if first is not None and first.address() else ""
    said = [
        f"{code(name + '()')} of {group.who(world)}{where} failed {group.times} with {code(error)} ({_text(errno)})."
    ]
    more: list[Ref] = []
    remedy = _REMEDY.get(errno, "")
    if name == "bind" and errno == EADDRINUSE and first is not None:
        reasons = _reasons(world, [told[ref.id] for ref in group.refs if ref.id in told])
        said += reasons[0]
        more, remedy = reasons[1:]
    elif name == "bind" and errno == EACCES and first is not None:
        why, remedy = _no_right(first)
        said.append(why)
    elif name == "socket" and errno == EACCES and first is not None and _is_ping(first):
        said.append(_NO_PING)
    elif errno in _WHY:
        said.append(_WHY[errno])
    text = first.text if first is not None else ""
    return Step("", f"{name}() is refused: {error}", tuple(said), group.first_ns, text,
                refs=(*group.refs, *more), topics=(error, name), remedy=remedy)  # fmt: skip


def _is_ping(call: Call) -> bool:
    """Whether an ICMP socket without privilege was asked for."""
    return "SOCK_DGRAM" in call.argument("type") and "ICMP" in call.argument("protocol")


def _text(errno: int) -> str:
    return error_text(errno).removeprefix(error_name(errno)).strip(" ()")


def _no_right(call: Call) -> tuple[str, str]:
    port = port_of(call)
    if port is None:
        return "A unix path needs the right to write in its folder.", ""
    if 0 < port < LOW_PORTS:
        return (
            f"Port {port} is one of the low ones: below net.ipv4.ip_unprivileged_port_start (usually {LOW_PORTS}) it "
            "takes "
            "CAP_NET_BIND_SERVICE, which the process does not have."
        ), "setcap cap_net_bind_service=+ep PROGRAM, or sysctl net.ipv4.ip_unprivileged_port_start"
    return "A security module or a filter of the process (seccomp) may forbid it.", ""


def _reasons(world: World, refused: list[Call]) -> tuple[list[str], list[Ref], str]:
    """Why each was refused; where the reasons differ, each with its time."""
    found = [(call, *_who_has_it(world, call)) for call in refused]
    more = list(dict.fromkeys(ref for _, _, refs_, _ in found for ref in refs_))
    if len({why for _, why, _, _ in found}) == 1:
        return [found[0][1]], more, found[0][3]
    many = len({address_of(call) for call in refused}) > 1
    said = [
        f"At {world.at(call.entry_ns)}{f', for {code(address_of(call))}' if many else ''}: {why[:1].lower()}{why[1:]}"
        for call, why, _, _ in found[:3]
    ]
    return said, more, found[0][3]


def _who_has_it(world: World, call: Call) -> tuple[str, list[Ref], str]:
    """Why an address was in use, if the capture shows it: another socket that had it, or one in TIME-WAIT."""
    port = port_of(call)
    if not port:
        return "Something has that address already; a unix path stays until it is unlinked.", [], ""
    own = world.db.execute("SELECT socket_id FROM call_file WHERE call_id = ?", [call.call_id]).fetchone()
    holder = world.db.execute(
        """
        SELECT s.socket_id, d.pid, d.fd, s.listening, s.made_call_id
        FROM socket s JOIN (SELECT inode, arg_max(local_port, time_ns) AS port FROM socket_sample
            WHERE inode <> 0 AND time_ns <= $at GROUP BY inode) b USING (inode)
        JOIN descriptor d ON d.file_id = s.file_id AND d.from_ns <= $at AND (d.to_ns IS NULL OR d.to_ns > $at)
        WHERE b.port = $port AND s.socket_id IS DISTINCT FROM $own AND s.type = (
            SELECT any_value(type) FROM socket WHERE socket_id = $own)
        ORDER BY s.listening DESC, d.descriptor_id LIMIT 1""",
        {"at": call.entry_ns, "port": port, "own": own[0] if own else None},
    ).fetchone()
    if holder is not None:
        _, pid, fd, listening, made = holder
        what = "listens there" if listening else "has it"
        return (
            f"{world.who(pid)} {what} with descriptor {fd}.",
            list(refs("call", [made]) if made else ()),
            _REMEDY[EADDRINUSE],
        )
    return _time_wait(world, call, port, own[0] if own else None)


def _time_wait(world: World, call: Call, port: int, own: int | None) -> tuple[str, list[Ref], str]:
    row = world.db.execute(
        """
        SELECT t.connection_id, t.from_ns, t.socket_id
        FROM tcp_state t JOIN endpoint e USING (endpoint_id)
        WHERE t.state = 'TIME-WAIT' AND e.port = $port AND t.from_ns <= $at AND (t.to_ns IS NULL OR t.to_ns > $at)
        ORDER BY t.from_ns DESC LIMIT 1""",
        {"port": port, "at": call.entry_ns},
    ).fetchone()
    if row is None:
        return (
            (
                "Another socket has that address and port, or a connection of it is still in TIME-WAIT and one of the "
                "two "
                "sockets did not set SO_REUSEADDR. The capture does not show which."
            ),
            [],
            _REMEDY[EADDRINUSE],
        )
    connection_id, since, _ = row
    lacking = "" if _sets_reuse(world, own) else f", and this socket did not set {code('SO_REUSEADDR')}"
    return (
        f"Connection {connection_id} has been in TIME-WAIT on that port for {duration(call.entry_ns - since)}{lacking}."
    ), list(refs("connection", [connection_id])), (
        "set SO_REUSEADDR before bind(), on this socket and on the one that had the "
        "port" if lacking else _REMEDY[EADDRINUSE]
    )  # fmt: skip


def _sets_reuse(world: World, socket_id: int | None) -> bool:
    row = world.db.execute(
        "SELECT count(*) FROM call c JOIN call_file f USING (call_id) WHERE f.socket_id = ? AND c.name = 'setsockopt'"
        " AND c.a1 = ? AND c.a2 = ? AND c.errno IS NULL",
        [socket_id, SOL_SOCKET, SO_REUSEADDR],
    ).fetchone()
    return bool(row and row[0])
