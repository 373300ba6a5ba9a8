"""What was written twice: functions of Python whose work `strace/quick` does in C as well.

When one of them is changed, so must be its counterpart, if what it prints has changed; then
`python -m tests.strace.quick.test_translated` takes note. Differences that tests/strace/quick records are found without
this; it is for those that no recording there shows.
"""

import hashlib
import inspect
import types
from collections.abc import Iterator
from pathlib import Path

from wiretale.decode import constants, escape, leftovers, readiness, signals, sockaddr, sockopt, struct_text, writer
from wiretale.decode import results as shared_results
from wiretale.decode.strace import (
    address,
    arguments,
    calls,
    messages,
    names,
    netlink,
    netlink_diag,
    netlink_values,
    results,
    rewrites,
    siginfo,
    sockopts,
    stat,
    waiting,
)
from wiretale.decode.strace import writer as strace_writer
from wiretale.strace import layout, netlink_sockets, printer, times
from wiretale.strace.quick import counterparts, netlink_tables

KEPT = Path(__file__).with_name("translated.txt")
_WHOLE_CLASSES = (
    calls.StraceDecoder, layout.Layout, netlink_sockets.NetlinkSockets, printer.StracePrinter, times.Stamps,
    strace_writer.StraceWriter, writer.Writer,
)  # fmt: skip
_HELPERS: dict[types.ModuleType, str] = {
    address: "address_text _inet6 _netlink",
    arguments: "_vector _strings_of",
    calls: "_variant _entered _at_entry",
    constants: "flag_set signal_name",
    escape: "escape_bytes",
    leftovers: "directory",
    messages: "_ending vector_text buffer_text payload_text vector _name _header message messages",
    names: "one several signal_text _order _widest",
    netlink: "messages _type _flags_table _flags _message _body structured",
    netlink_diag: "_end _identity _extensions _socket_options _shutdown",
    netlink_values: "attributes _type _rest fields_text hexadecimal text whole _of states address hardware cookie",
    readiness: "poll_result select_result _members _left sigset_argpack",
    results: "result_text _selected",
    rewrites: "_clone _parent_tid _sigreturn _followed _clone3 _clone3_asked _clone3_made",
    shared_results: "value_text _fcntl",
    siginfo: "siginfo_text _sigval _seconds sigevent",
    signals: "decode_siginfo code_name _read _child signal_set",
    sockaddr: "_inet _inet6 _unix _port",
    sockopt: "option_name option_value _integer _one_of",
    sockopts: "option _plain _error",
    stat: "stat_text device mode",
    struct_text: "mode_text octal limit_text wait_status_text field_text generic_text struct_text"
    " element_text array_text",
    times: "fixed",
    waiting: "epoll_event epoll_events poll_fds _epoll_text",
}


def translated() -> Iterator[object]:
    """The printers that have a counterpart, and what they use."""
    known = (
        counterparts.ARGUMENTS,
        counterparts.STRUCTS,
        counterparts.EXTRAS,
        counterparts.RESULTS,
        counterparts.REWRITES,
        netlink_tables._PLAIN,
    )
    for table in known:
        yield from (f for f in table if inspect.isfunction(f) and "<" not in f.__qualname__)
    yield from _WHOLE_CLASSES
    for module, helpers in _HELPERS.items():
        yield from (getattr(module, name) for name in helpers.split())


def spelled() -> list[str]:
    """Each with a hash of its text."""
    found = set()
    for thing in translated():
        text = inspect.getsource(thing)  # type: ignore[arg-type]
        name = f"{thing.__module__}.{thing.__qualname__}"  # type: ignore[attr-defined]
        found.add(f"{name} {hashlib.sha256(text.encode()).hexdigest()[:16]}")
    return sorted(found)


def test_what_was_written_twice_is_still_the_same() -> None:
    now, then = set(spelled()), set(KEPT.read_text().splitlines())
    changed = sorted({row.split()[0] for row in now ^ then})
    assert not changed, (
        f"changed since its counterpart in src/wiretale/strace/quick was written: {', '.join(changed)}. "
        "See whether C still prints the same, then: python -m tests.strace.quick.test_translated"
    )


if __name__ == "__main__":
    KEPT.write_text("\n".join(spelled()) + "\n")
