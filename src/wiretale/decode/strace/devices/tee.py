"""Requests to trusted execution environments (linux/tee.h): shared memory, sessions, calls and their parameters."""

from collections.abc import Callable
from uuid import UUID

from wiretale.decode.strace.devices.forms import Form, Given, Struct, braces, sequence
from wiretale.decode.strace.names import number
from wiretale.decode.structs import struct_size

LEAST: dict[str, int] = {}
_OPTEE = 1  # TEE_IMPL_ID_OPTEE
_GROUPS, _NOBODY = frozenset({2, 6}), frozenset({0, 1, 4, 5})  # TEE_IOCTL_LOGIN_*: who says a group, who says nothing
_KIND_MASK, _META = 0xFF, 0x100  # TEE_IOCTL_PARAM_ATTR_TYPE_MASK, TEE_IOCTL_PARAM_ATTR_META
_VALUES, _MEMORY = frozenset({1, 2, 3}), frozenset({5, 6, 7})  # TEE_IOCTL_PARAM_ATTR_TYPE_*


def _version(given: Given) -> str:
    s = given.last
    own = s["impl_caps"]
    shown = s.w.flags("device_tee_optee", own) if s["impl_id"] == _OPTEE else number(own)
    return braces([*s.texts("impl_id", "gen_caps"), f"impl_caps={shown}"])


def _memory(asked: tuple[str, ...], answer: tuple[str, ...]) -> Form:
    def form(given: Given) -> str:
        text = braces(given.first.texts(*asked))
        return text if given.after is None else f"{text} => {braces(given.last.texts(*answer))}"

    return form


def _parameter(s: Struct) -> str:
    kind, rest = s["attr"] & _KIND_MASK, s["attr"] & ~_KIND_MASK
    attributes = [s.w.enum("device_tee_parameter", kind)]
    attributes += [s.w.note("TEE_IOCTL_PARAM_ATTR_META", _META)] if rest & _META else []
    attributes += [hex(rest & ~_META)] if rest & ~_META else []
    shown = [f"attr={'|'.join(attributes)}"]
    if kind in _VALUES:
        shown += s.texts("a", "b", "c")
    elif kind in _MEMORY:
        shown += [f"shm_offs={number(s['a'])}", f"size={number(s['b'])}", f"shm_id={s['c']}"]
    return braces(shown)


def _client(s: Struct) -> list[str]:
    login = s["clnt_login"]
    if login in _NOBODY:
        return []
    group = int.from_bytes(s.bytes("clnt_uuid")[:4], "little")
    return [f"clnt_uuid={group}"] if login in _GROUPS else s.texts("clnt_uuid")


def _opened(s: Struct) -> list[str]:
    return [f"uuid={UUID(bytes=s.bytes('uuid'))}", *s.texts("clnt_login"), *_client(s), *s.texts("cancel_id")]


def _buffer(name: str, head: Callable[[Struct], list[str]]) -> Form:
    """A structure and the parameters behind it, if the length is that of both."""

    def form(given: Given) -> str:
        first = given.first
        fields, found = first.texts("buf_len"), given.followed(first, "buf_ptr", at_exit=False)
        size, one = struct_size(name, given.w.arch), struct_size("tee_parameter", given.w.arch)
        data = b"" if found is None or len(found.bytes) < first["buf_len"] else found.bytes
        s = Struct(given.w, name, data) if len(data) >= size else None
        if s is None or first["buf_len"] != size + s["num_params"] * one:
            return braces([*fields, *first.texts("buf_ptr")])
        parts = [Struct(given.w, "tee_parameter", data[at : at + one]) for at in range(size, first["buf_len"], one)]
        shown = [*head(s), *s.texts("num_params"), f"params={sequence(given.w, map(_parameter, parts))}"]
        return braces([*fields, f"buf_ptr={braces(shown)}"])

    return form


FORMS: dict[str, Form] = {
    "tee_version": _version,
    "tee_memory": _memory(("size", "flags"), ("size", "flags", "id")),
    "tee_given_memory": _memory(("addr", "length", "flags"), ("length", "flags", "id")),
    "tee_descriptor": _memory(("fd", "flags"), ("size", "id")),
    "tee_close": lambda given: str(given.first),
    "tee_session": _buffer("tee_open", _opened),
    "tee_invocation": _buffer("tee_invoke", lambda s: s.texts("func", "session", "cancel_id")),
    "tee_received": _buffer("tee_receive", lambda s: s.texts("func")),
    "tee_sent": _buffer("tee_send", lambda s: []),
}
