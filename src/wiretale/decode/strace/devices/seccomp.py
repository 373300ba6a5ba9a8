"""Requests to a listener of seccomp (linux/seccomp.h)."""

from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.strace.devices.forms import Form, Given, Struct, braces, decimal
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.syscalls import table

LEAST: dict[str, int] = {}


def _notice(notice: Struct) -> str:
    w = notice.w
    data = notice.part("data")
    call = table(data["arch"]).get(data["nr"])
    number = decimal(w, data["nr"], f"__NR_{call}" if call else "")
    shown = braces([f"nr={number}"], data.texts("arch", "instruction_pointer", "args"))
    return braces(notice.texts("id", "pid", "flags"), [f"data={shown}"])


def _receive(given: Given) -> str:
    """The structure should be given as zeros, and is shown only if it is not."""
    first = given.first
    after = given.address if given.after is None else _notice(given.last)
    return f"{_notice(first)} => {after}" if any(first.data) else after


def _error(w: StraceWriter, value: int) -> str:
    known = ERRORS.get(-value)
    return decimal(w, value, f"-{known[0]}" if known else "")


def _send(given: Given) -> str:
    first = given.first
    error = _error(given.w, first["error"])
    return braces(first.texts("id", "val"), [f"error={error}"], first.texts("flags"))


def _descriptor(given: Given) -> str:
    """Its flags have no access mode."""
    first = given.first
    flags = given.w.flags("open_flags", first["newfd_flags"])
    return braces(first.texts("id", "flags", "srcfd", "newfd"), [f"newfd_flags={flags}"])


FORMS: dict[str, Form] = {
    "seccomp_notice": _receive,
    "seccomp_answer": _send,
    "seccomp_descriptor": _descriptor,
}
