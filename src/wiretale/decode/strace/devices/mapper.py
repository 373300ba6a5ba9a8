"""Requests to the device mapper (linux/dm-ioctl.h): a head, and behind it what the request takes or gives.

Which of the fields each request shows, and how what is misplaced is said, was observed with strace 6.1.
"""

from collections.abc import Callable, Iterator

from wiretale.decode.strace.devices.forms import Form, Given, Struct, string
from wiretale.decode.strace.stat import device
from wiretale.decode.structs import struct_size
from wiretale.decode.writer import pointer_text

_VERSION_BYTES = 12  # bytes of `version`; what says that it has fewer is not taken apart
_HEAD = 305  # up to `data`
LEAST = {"dm_request": _HEAD}
_MAJOR, _SUSPEND, _DATA_OUT = 4, 1 << 1, 1 << 16  # DM_VERSION_MAJOR, DM_SUSPEND_FLAG, DM_DATA_OUT_FLAG
_EVENTS_SINCE = 37  # of version 4.37 on, names are followed by the number of their last event
_ALIGN, _NAME_AT = 8, 12  # of struct dm_name_list
# the numbers of DM_*_CMD
_VERSION, _REMOVE_ALL, _LIST_DEVICES, _REMOVE, _RENAME, _SUSPENDS, _WAIT = 0, 1, 2, 4, 5, 6, 8
_LOAD, _DEPENDENCIES, _STATUS, _LIST_VERSIONS, _MESSAGE, _GEOMETRY, _ARM_POLL = 9, 11, 12, 13, 14, 15, 16
_WITHOUT_DEVICE = (_REMOVE_ALL, _LIST_DEVICES, _LIST_VERSIONS)
_WITH_DATA = (
    *(_LIST_DEVICES, _RENAME, _WAIT, _LOAD, _DEPENDENCIES, _STATUS, _LIST_VERSIONS, _MESSAGE, _GEOMETRY),
)  # fmt: skip
_WITHOUT_COUNTS = (_VERSION, *_WITHOUT_DEVICE, _REMOVE, _GEOMETRY, _ARM_POLL)
_OF_TARGETS, _OF_STRINGS = (_LOAD, _STATUS, _WAIT), (_RENAME, _GEOMETRY)
_Step = Iterator[str]


class _Data:
    """What lies behind the head, by its distance from the head's beginning."""

    def __init__(self, given: Given, head: Struct) -> None:
        self.w, self.head, self.bytes = given.w, head, head.data
        self.base = given.w.unsigned(given.w.values[given.index])
        self.start, self.end = head["data_start"], head["data_size"]

    def fits(self, at: int, size: int) -> bool:
        return at + size <= self.end

    def is_readable(self, at: int, size: int) -> bool:
        return at + size <= len(self.bytes)

    def address(self, at: int) -> str:
        return pointer_text(self.base + at)

    def part(self, struct: str, at: int) -> Struct:
        return Struct(self.w, struct, self.bytes[at : at + struct_size(struct, self.w.arch)])

    def length(self, at: int) -> int:
        """Of a string, with its NUL."""
        return len(self.bytes[at : self.end].partition(b"\0")[0]) + 1

    def text(self, at: int) -> str:
        """A string that is cut at -s and at the end of the data."""
        room = min(self.end - at, self.w.limit + 1)
        found, nul, _ = self.bytes[at : at + max(room, 0)].partition(b"\0")
        if not nul and len(found) < room:
            return self.address(at)
        whole = nul or (room == self.end - at and len(found) <= self.w.limit)
        return self.w.text(found[: self.w.limit]) + ("" if whole else "...")


def _misplaced(struct: str) -> str:
    return f"??? /* misplaced {struct} */"


def _targets(d: _Data, *, status: bool) -> _Step:
    """Each says where the next one is: seen from itself, or of the kernel's answer from the first."""
    at = d.start
    size = struct_size("dm_target_spec", d.w.arch)
    for number in range(d.head["target_count"]):
        if not d.fits(at, size):
            yield _misplaced("struct dm_target_spec")
            return
        if number >= d.w.limit:
            yield "..."
            return
        if not d.is_readable(at, size):
            yield d.address(at)
            return
        target = d.part("dm_target_spec", at)
        shown = target.texts("sector_start", "length", *(["status"] if status else []))
        yield f"{{{', '.join(shown)}, {target.string('target_type')}, string={d.text(at + size)}}}"
        following = target["next"] + (d.start if status else at)
        at = following if following > at + size else d.end  # at least a NUL is between


def _list(d: _Data, struct: str, size: int, text: Callable[[Struct, int], str]) -> _Step:
    """`size`: where the name of each begins."""
    at = d.start
    for number in range(d.end):
        if not d.fits(at, size):
            yield _misplaced(f"struct {struct}")
            return
        if number >= d.w.limit:
            yield "..."
            return
        if not d.is_readable(at, size):
            yield d.address(at)
            return
        one = d.part(struct, at)
        yield text(one, at + size)
        if not one["next"]:
            return
        at = at + one["next"] if one["next"] >= size else d.end


def _devices(d: _Data) -> _Step:
    def text(one: Struct, at: int) -> str:
        shown = [f"dev={device(d.w, one['dev'])}", f"name={d.text(at)}"]
        behind = -(-(at + d.length(at)) // _ALIGN) * _ALIGN
        has_event = _version(d.head)[1] >= _EVENTS_SINCE and one["next"] >= behind + 4 - (at - _NAME_AT)
        if has_event and d.length(at) <= d.w.limit + 1 and d.is_readable(behind, 4):
            shown.append(f"event_nr={int.from_bytes(d.bytes[behind : behind + 4], 'little')}")
        return f"{{{', '.join(shown)}}}"

    return _list(d, "dm_name_list", _NAME_AT, text)


def _versions(d: _Data) -> _Step:
    size = struct_size("dm_target_versions", d.w.arch)
    return _list(d, "dm_target_versions", size, lambda one, at: f"{{name={d.text(at)}, {one.texts('version')[0]}}}")


def _dependencies(d: _Data) -> _Step:
    size = struct_size("dm_target_deps", d.w.arch)
    if not d.fits(d.start, size):
        yield _misplaced("struct dm_target_deps")
        return
    if not d.is_readable(d.start, size):
        yield d.address(d.start)
        return
    count = d.part("dm_target_deps", d.start)["count"]
    if not d.fits(d.start, size + 8 * count):
        yield _misplaced("struct dm_target_deps")
        return
    places = range(d.start + size, d.start + size + 8 * count, 8)
    yield f"{{count={count}, deps=[{', '.join(device(d.w, d.part('dm_device', at)['dev']) for at in places)}]}}"


def _message(d: _Data) -> _Step:
    size = struct_size("dm_target_msg", d.w.arch)
    if not d.fits(d.start, size):
        yield _misplaced("struct dm_target_msg")
    elif not d.is_readable(d.start, size):
        yield d.address(d.start)
    else:
        sector = d.part("dm_target_msg", d.start).texts("sector")[0]
        yield f"{{{sector}, message={d.text(d.start + size)}}}"


def _string(d: _Data) -> _Step:
    yield f"{{string={d.text(d.start)}}}" if d.fits(d.start, 0) else _misplaced("string")


_GIVEN: dict[int, Callable[[_Data], _Step]] = {
    _LOAD: lambda d: _targets(d, status=False),
    _MESSAGE: _message,
    _GEOMETRY: _string,
    _RENAME: _string,
}
_ANSWERS: dict[int, Callable[[_Data], _Step]] = {
    _LIST_DEVICES: _devices,
    _LIST_VERSIONS: _versions,
    _DEPENDENCIES: _dependencies,
    _STATUS: lambda d: _targets(d, status=True),
    _WAIT: lambda d: _targets(d, status=True),
    _MESSAGE: _string,
}


def _version(head: Struct) -> list[int]:
    data = head.bytes("version")
    return [int.from_bytes(data[at : at + 4], "little") for at in (0, 4, 8)]


def _head(head: Struct, command: int, *, answer: bool) -> str:
    shown = head.texts("data_size", *(["data_start"] if command in _WITH_DATA else []))
    if command not in _WITHOUT_DEVICE:
        shown += [f"dev={device(head.w, head['dev'])}"] if head["dev"] else []
        shown += [f"{n}={string(head.w, head.bytes(n))}" for n in ("name", "uuid") if head.bytes(n)[0]]
    if answer:
        counts = ["target_count", "open_count", "event_nr"] if command not in _WITHOUT_COUNTS else []
    else:
        counts = ["target_count"] if command == _LOAD else []
        resumes = command == _SUSPENDS and not head["flags"] & _SUSPEND
        counts += ["event_nr"] if resumes or command in (_REMOVE, _RENAME, _WAIT) else []
    return ", ".join([*shown, *head.texts(*counts, "flags")] if counts else [*shown, *head.texts("flags")])


def _side(given: Given, head: Struct, command: int, *, answer: bool) -> str:
    """The head with what lies behind it, which only -v shows."""
    version = f"version=[{', '.join(map(str, _version(head)))}]"
    if _version(head)[0] != _MAJOR:
        return f"[{{{version} /* unsupported device mapper ABI version */}}]"
    if head["data_size"] < _HEAD:
        return f"[{{{version}, data_size={head['data_size']} /* data_size too small */}}]"
    parts = [f"{{{version}, {_head(head, command, answer=answer)}}}"]
    behind = (_ANSWERS if answer else _GIVEN).get(command)
    if command == _MESSAGE and answer and not head["flags"] & _DATA_OUT:
        behind = None
    is_empty = not head["target_count"] if command in _OF_TARGETS else head["data_start"] == head["data_size"]
    if behind is not None and (not is_empty or command in _OF_STRINGS):
        parts += ["..."] if given.w.brief else behind(_Data(given, head))
    return f"[{', '.join(parts)}]"


def _request(given: Given) -> str:
    if not given.w.values[2]:
        return "0"
    if given.before is None or Struct(given.w, given.name, given.before)["data_size"] < _VERSION_BYTES:
        return given.address
    command = given.w.values[1] & 0xFF
    text = _side(given, given.first, command, answer=False)
    return f"{text} => {_side(given, given.last, command, answer=True)}" if given.after is not None else text


FORMS: dict[str, Form] = {"dm_request": _request}
