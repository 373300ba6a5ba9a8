"""What one call asked for and what it got, in sentences: a table by call. True for every program, or left out."""

import struct
from collections.abc import Callable, Sequence

from wiretale.decode.constants import error_message, error_name
from wiretale.decode.durations import duration
from wiretale.decode.sockaddr import decode_sockaddr
from wiretale.explain.commands import (
    asks_for_terminal,
    blocking,
    flags_of,
    given,
    keeps_open,
    reads_flags,
    sets_blocking,
    sets_descriptor_flags,
    sets_flags,
    sets_owner,
    sets_signals,
)
from wiretale.explain.rows import Call
from wiretale.explain.story import Argument, Step
from wiretale.explain.words import code, listed, place
from wiretale.explain.world import World
from wiretale.light import replace

_RESTARTS = range(512, 530)  # include/linux/errno.h: a signal came; only tracers see these
_SOL_SOCKET, _SO_ERROR = 1, 4  # asm-generic/socket.h
_ESPIPE = 29  # asm-generic/errno-base.h


def address_of(call: Call) -> str:
    """The address in a call, as people write it; empty if none was recorded, or a unix socket has none."""
    data = call.address()
    if not data:
        return ""
    found = decode_sockaddr(data)
    if found.address is None and found.family_name == "AF_UNIX":
        return ""
    return place(found.address, found.port) if found.address is not None else found.text


def port_of(call: Call) -> int | None:
    """The port in a call's address."""
    data = call.address()
    return decode_sockaddr(data).port if data else None


def failure(call: Call) -> str:
    """`ECONNREFUSED (Connection refused)`."""
    return f"{code(error_name(call.errno))} ({error_message(call.errno)})" if call.errno is not None else ""


def _transport(call: Call) -> str:
    """What a socket call asked for, in plain words."""
    domain, kind = call.argument("domain"), call.argument("type").split("|")[0]
    family = {"AF_INET": "IPv4", "AF_INET6": "IPv6"}.get(domain)
    if family is not None:
        made = {"SOCK_STREAM": "TCP", "SOCK_DGRAM": "UDP"}.get(kind)
        protocol = call.argument("protocol")
        if made and protocol in ("0", f"IPPROTO_{made}", "IPPROTO_IP"):
            return f"a socket for {made} over {family}"
        return f"a socket of type {code(kind)}, protocol {code(protocol)}, over {family}"
    named = {
        ("AF_UNIX", "SOCK_STREAM"): "a unix stream socket, which connects programs of the same machine",
        ("AF_UNIX", "SOCK_DGRAM"): "a unix datagram socket, which connects programs of the same machine",
        (
            "AF_UNIX",
            "SOCK_SEQPACKET",
        ): "a unix seqpacket socket, which connects programs of the same machine and keeps messages apart",
        ("AF_NETLINK", "SOCK_RAW"): "a netlink socket, over which programs talk to the kernel",
        ("AF_NETLINK", "SOCK_DGRAM"): "a netlink socket, over which programs talk to the kernel",
    }.get((domain, kind))
    return named or f"a socket of family {code(domain)}, type {code(kind)}"


def _socket(world: World, call: Call) -> list[str]:
    flags = call.argument("type").split("|")[1:]
    extra = [
        {"SOCK_NONBLOCK": "its calls shall return at once instead of waiting", "SOCK_CLOEXEC": "it shall be closed if "
         "the process executes another program"}.get(flag, f"with the flag {code(flag)}")
        for flag in flags
    ]  # fmt: skip
    said = f"{world.caller(call)} asks the kernel for {_transport(call)}"
    said += f"; {', and '.join(extra)}." if extra else "."
    if call.failed:
        return [said, f"The kernel refuses: {failure(call)}."]
    return [said, f"The kernel answers with descriptor {call.retval}. So far nothing has been sent anywhere."]


def _bind(world: World, call: Call) -> list[str]:
    port, where = port_of(call), address_of(call) or "an address"
    said = f"{world.caller(call)} gives the socket (descriptor {call.fd}) the local address {code(where)}."
    notes = []
    if where.startswith(("0.0.0.0:", "[::]:")):
        both = f", and those of IPv4 too unless {code('IPV6_V6ONLY')} is set" if where.startswith("[") else ""
        notes.append(f"That means every local address, of whatever interface{both}.")
    elif where.startswith(("127.", "[::1]:")):
        notes.append("That is a loopback address: only programs in the same network namespace can reach it.")
    if port == 0:
        notes.append("Port 0 asks the kernel to choose a free one.")
    if call.failed:
        notes = [f"The kernel refuses: {failure(call)}."]
    return [said, *notes]


def _listen(world: World, call: Call, *, again: bool = False) -> list[str]:
    if call.failed:
        return [f"{world.caller(call)} asks to listen on descriptor {call.fd}; the kernel refuses: {failure(call)}."]
    backlog = call.argument("backlog")
    if again:
        return [
            f"{world.caller(call)} calls listen() again on descriptor {call.fd}, which listens already: that only "
            f"sets the backlog, to {backlog}."
        ]
    return [
        f"{world.caller(call)} makes descriptor {call.fd} a listening socket: from now on the kernel answers "
        "requests to connect by itself, whether or not the program is waiting in accept().",
        f"The backlog of {backlog} limits how many finished connections may wait to be accepted.",
    ]


def _setsockopt(world: World, call: Call) -> list[str]:
    option, value = call.argument("optname"), call.argument("optval")
    said = f"{world.caller(call)} sets the option {code(option)} of descriptor {call.fd} to {code(value.strip('[]'))}."
    return [said, f"The kernel refuses: {failure(call)}."] if call.failed else [said]


def socket_error(call: Call) -> int | None:
    """The error that getsockopt(SO_ERROR) delivered; None if the call is another or failed."""
    if call.name != "getsockopt" or call.retval != 0 or call.raw.args[1:3] != (_SOL_SOCKET, _SO_ERROR):
        return None
    data = [d.bytes for d in call.raw.data if d.role == "optval" and d.at_exit and len(d.bytes) >= 4]
    return struct.unpack_from("<i", data[-1])[0] if data else None


def _getsockopt(world: World, call: Call) -> list[str]:
    option, error = call.argument("optname"), socket_error(call)
    if error is not None:
        asked = f"{world.caller(call)} asks how the work on descriptor {call.fd} ended ({code('SO_ERROR')})."
        if error == 0:
            return [asked, "The answer is 0: no error."]
        return [
            asked,
            f"The answer is error {error}, {code(error_name(error))}: {error_message(error)}. Reading clears it.",
        ]
    said = f"{world.caller(call)} asks for the option {code(option)} of descriptor {call.fd}"
    if call.failed:
        return [f"{said}; the kernel refuses: {failure(call)}."]
    return [f"{said}; the answer is {code(call.argument('optval'))}."]


def _fcntl(world: World, call: Call) -> list[str]:
    if sets_descriptor_flags(call) and not call.failed:
        closed = "shall be closed" if "FD_CLOEXEC" in call.argument("arg") else "shall stay open"
        return [
            f"{world.caller(call)} says that descriptor {call.fd} {closed} when the process executes another program."
        ]
    if sets_owner(call) and not call.failed:
        owner = code(call.argument("arg"))
        return [f"{world.caller(call)} says that signals about descriptor {call.fd} shall go to process {owner}."]
    flags = code("|".join(flags_of(call)) or "?") if reads_flags(call) or sets_flags(call) else ""
    if reads_flags(call) and not call.failed:
        return [f"{world.caller(call)} asks for the flags of descriptor {call.fd}: {flags}."]
    if sets_flags(call):
        said = f"{world.caller(call)} sets the flags of descriptor {call.fd} to {flags}"
        if call.failed:
            return [f"{said}; the kernel refuses: {failure(call)}."]
        return [f"{said}: {blocking(flags_of(call))}."]
    return _other(world, call)


def _ioctl(world: World, call: Call) -> list[str]:
    if call.failed:
        return _other(world, call)
    if sets_blocking(call):
        wait = {"0": "may wait", "1": "shall not wait"}.get(given(call), "shall wait or not, by a value not recorded")
        return [f"{world.caller(call)} says that calls on descriptor {call.fd} {wait} ({code('FIONBIO')})."]
    if keeps_open(call) is not None:
        stays, name = ("stay open", "FIONCLEX") if keeps_open(call) else ("be closed", "FIOCLEX")
        what = f"shall {stays} when the process executes another program"
        return [f"{world.caller(call)} says that descriptor {call.fd} {what} ({code(name)})."]
    if sets_signals(call):
        wants = "wants a signal" if given(call) != "0" else "wants no more signals"
        return [f"{world.caller(call)} {wants} when descriptor {call.fd} becomes ready ({code('FIOASYNC')})."]
    return _other(world, call)


def look(world: World, calls: Sequence[Call]) -> Step | None:
    """Such questions in a row as one step; None if only the kind of file was asked, as the C library does by itself."""
    found = {}
    for call in calls:
        if asks_for_terminal(call):
            found[f"no terminal ({code('ENOTTY')})"] = call
        elif call.name in ("lseek", "_llseek"):
            found[f"not seekable ({code('ESPIPE')})" if call.errno == _ESPIPE else "seekable"] = call
    if not found:
        return None
    first = next(iter(found.values()))
    said = f"{world.caller(first)} looks at descriptor {first.fd}: it is {listed(found)}."
    return Step("", "What kind of thing is it?", (said,), calls[0].entry_ns, first.text,
                refs=(first.ref, *(c.ref for c in calls if c is not first)),
                topics=tuple(dict.fromkeys(topic for c in found.values() for topic in topics(c))),
                background=("Programs that treat files and sockets alike ask so before they use one.",))  # fmt: skip


def _getsockname(world: World, call: Call) -> list[str]:
    which = "local" if call.name == "getsockname" else "peer's"
    if call.failed:
        return [f"{world.caller(call)} asks for the {which} address of descriptor {call.fd}; the kernel refuses: "
                f"{failure(call)}."]  # fmt: skip
    found = code(address_of(call)) if address_of(call) else "it has none, as most unix sockets"
    if call.name == "getsockname" and port_of(call) == 0:
        found += ", which means that it has none yet"
    return [f"{world.caller(call)} asks for the {which} address of descriptor {call.fd}: {found}."]


_HOW = {
    "SHUT_RD": "It will read no more.",
    "SHUT_WR": "It will send no more; what it sent before is still delivered, and it can still read.",
    "SHUT_RDWR": "It will neither read nor send any more.",
}


def _shutdown(world: World, call: Call) -> list[str]:
    how = call.argument("how")
    said = f"{world.caller(call)} shuts down descriptor {call.fd} ({code(how)}, the number {call.raw.args[1]})."
    if call.failed:
        return [said, f"The kernel refuses: {failure(call)}."]
    return [said, _HOW.get(how, "")] if how in _HOW else [said]


def _close(world: World, call: Call) -> list[str]:
    said = f"{world.caller(call)} closes descriptor {call.fd}"
    return [f"{said}; the kernel answers {failure(call)}."] if call.failed else [f"{said}."]


def _other(world: World, call: Call) -> list[str]:
    said = f"{world.caller(call)} calls {code(call.name + '()')}" + (
        f" on descriptor {call.fd}" if call.fd is not None else ""
    )
    if call.failed:
        return [f"{said}; the kernel answers {failure(call)}."]
    return [f"{said}; it returns {code(call.words.result)}."]


def _dup(world: World, call: Call) -> list[str]:
    if call.failed:
        return _other(world, call)
    return [
        f"{world.caller(call)} makes descriptor {call.retval} another name of what descriptor {call.fd} is "
        f"({code(call.name + '()')})."
    ]


def _connect(world: World, call: Call) -> list[str]:
    where = code(address_of(call) or "an address")
    if call.failed:
        return [
            f"{world.caller(call)} asks the kernel to connect descriptor {call.fd} to {where}; the kernel answers "
            f"{failure(call)}."
        ]
    return [
        f"{world.caller(call)} asks again to connect descriptor {call.fd} to {where}: that sends nothing and "
        "tells how "
        "the attempt stands. It returns 0: the connection stands."
    ]


def _socketpair(world: World, call: Call) -> list[str]:
    if call.failed:
        return [f"{world.caller(call)} asks for a pair of connected sockets; the kernel refuses: {failure(call)}."]
    pair = call.argument("sv").strip("[]").replace(", ", " and ")
    return [f"{world.caller(call)} makes two sockets that are connected with each other, descriptors {pair}."]


_SENTENCES: dict[str, Callable[[World, Call], list[str]]] = {
    "socket": _socket,
    "socketpair": _socketpair,
    "connect": _connect,
    "bind": _bind,
    "listen": _listen,
    "setsockopt": _setsockopt,
    "getsockopt": _getsockopt,
    "fcntl": _fcntl,
    "fcntl64": _fcntl,
    "ioctl": _ioctl,
    "getsockname": _getsockname,
    "getpeername": _getsockname,
    "shutdown": _shutdown,
    "close": _close,
    "dup": _dup,
    "dup2": _dup,
    "dup3": _dup,
}

_TITLES = {
    "socket": "A socket",
    "socketpair": "A pair of sockets",
    "connect": "Another connect()",
    "bind": "A local address",
    "listen": "Ready for connections",
    "setsockopt": "An option",
    "getsockopt": "A question",
    "fcntl": "The descriptor's flags",
    "getsockname": "Which address is mine?",
    "getpeername": "Who is at the other end?",
    "close": "A descriptor is closed",
    "dup": "Another descriptor for it",
    "dup2": "Another descriptor for it",
    "dup3": "Another descriptor for it",
}


_GIVES_UP = {"SHUT_RD": "No more reading", "SHUT_WR": "No more sending", "SHUT_RDWR": "No more reading or sending"}


def sentences(world: World, call: Call) -> tuple[str, ...]:
    """What the call asked for and what it got."""
    return tuple(s for s in _SENTENCES.get(call.name, _other)(world, call) if s)


def _title(call: Call) -> str:
    if call.name in ("setsockopt", "getsockopt"):
        option = call.argument("optname")
        return f"The option {option}" if call.name == "setsockopt" else f"Asking for {option}"
    if sets_descriptor_flags(call) or keeps_open(call) is not None:
        return "When another program is executed"
    if sets_owner(call):
        return "Who gets its signals"
    if sets_signals(call):
        return "Signals when it is ready"
    if sets_blocking(call):
        return "The descriptor shall not wait" if given(call) == "1" else "The descriptor may wait"
    if call.name == "shutdown":
        return _GIVES_UP.get(call.argument("how"), "shutdown()")
    return _TITLES.get(call.name, f"{call.name}()")


def arguments(call: Call) -> tuple[Argument, ...]:
    """The arguments with the numbers behind their names."""
    return tuple(Argument(a.name, a.text, tuple(dict.fromkeys(a.numbers))) for a in call.words.args)


def topics(call: Call) -> tuple[str, ...]:
    """What the knowledge base may say something about: the call, its constants, its error."""
    found = [call.name]
    found += [name for a in call.words.args for name, _ in a.numbers]
    if call.errno is not None and call.errno not in _RESTARTS:
        found.append(error_name(call.errno))
    return tuple(dict.fromkeys(found))


def step(world: World, call: Call, anchor: str) -> Step:
    """The step that tells one call."""
    return Step(
        anchor,
        _title(call),
        sentences(world, call),
        call.entry_ns,
        call.text,
        arguments(call),
        refs=(call.ref,),
        topics=topics(call),
    )


def listens_again(world: World, call: Call) -> Step:
    """The step of a listen() on a socket that listens already."""
    return replace(step(world, call, ""), title="The backlog again", sentences=tuple(_listen(world, call, again=True)))


def timeout_words(call: Call) -> str:
    """How long a waiting call was ready to wait; empty where it is not known."""
    text = call.argument("timeout")
    if call.name in ("poll", "epoll_wait", "epoll_pwait"):
        if text == "-1":
            return "with no limit of time"
        return f"with a limit of {duration(int(text) * 1_000_000)}" if text.isdigit() and text != "0" else ""
    return "with no limit of time" if text == "NULL" else ""
