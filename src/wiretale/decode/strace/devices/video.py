"""Requests to cameras, tuners and other video devices (linux/videodev2.h): what is given, and what comes back.

Facts observed with strace 6.1: most of a structure is shown only once the call has succeeded.
"""

from collections.abc import Callable

from wiretale.decode.strace import names
from wiretale.decode.strace.devices.forms import Form, Given, Struct, braces, elements, sequence, styled
from wiretale.decode.strace.names import number
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.writer import pointer_text

LEAST: dict[str, int] = {}
_FORMAT_AT, _CLIPS_AT, _CLIP_BYTES, _CONTROL_BYTES = 8, 32, 24, 20
# the member of struct v4l2_format by type of buffer
_MEMBERS = {
    1: "pix", 2: "pix", 3: "win", 4: "vbi", 5: "vbi", 6: "sliced", 7: "sliced", 8: "win", 9: "pix_mp", 10: "pix_mp",
    11: "sdr", 12: "sdr", 13: "meta", 14: "meta",
}  # fmt: skip
_LINES = 24
_CAPTURE, _OUTPUT = 1, 2  # V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_BUF_TYPE_VIDEO_OUTPUT
_MMAP, _USERPTR, _DMABUF = 1, 2, 4  # V4L2_MEMORY_*
_TIME_MASK, _SOURCE_MASK = 0xE000, 0x70000  # V4L2_BUF_FLAG_TIMESTAMP_MASK, V4L2_BUF_FLAG_TSTAMP_SRC_MASK
_NEXT = {0x80000000: "V4L2_CTRL_FLAG_NEXT_CTRL", 0x40000000: "V4L2_CTRL_FLAG_NEXT_COMPOUND"}
_NUMBER_MASK = 0xFFFF  # the bits of a control that V4L2_CTRL_ID2CLASS leaves out
_DISCRETE, _STEPWISE = 1, 3  # V4L2_FRMSIZE_TYPE_*, V4L2_FRMIVAL_TYPE_*
_MOST_DIMENSIONS = 4  # V4L2_CTRL_MAX_DIMS

Texts = Callable[[Struct], list[str]]


def _fourcc(w: StraceWriter, value: int) -> str:
    """Four letters, with the name of the format behind them."""
    if w.style.names is Names.RAW:
        return number(value)
    letters = ", ".join(f"'{_letter(byte)}'" for byte in value.to_bytes(4, "little"))
    known = names.known("device_v4l2_pixels", value, w.arch)
    return f"v4l2_fourcc({letters})" + (f" /* {known} */" if known else "")


def _letter(byte: int) -> str:
    char = chr(byte)
    if char in "'\\":
        return "\\" + char
    return char if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"


def _fraction(struct: Struct, name: str) -> str:
    data = struct.bytes(name)
    return f"{int.from_bytes(data[:4], 'little')}/{int.from_bytes(data[4:8], 'little')}"


def _identity(w: StraceWriter, value: int, *, asks: bool = False) -> str:
    """A control: by name, by its class and number, or where it `asks` for one as the next after it."""
    if w.style.names is Names.RAW:
        return number(value)
    flags, rest = [label for bit, label in _NEXT.items() if value & bit], value & ~sum(_NEXT)
    if asks and flags:
        head = styled(w, value & sum(_NEXT), "|".join(flags))
        return f"{head}|{_identity(w, rest)}" if rest else head
    known = names.known("device_v4l2_id", value, w.arch) or _in_class(w, value)
    return styled(w, value, known) if known else f"{number(value)} /* V4L2_CID_??? */"


def _in_class(w: StraceWriter, value: int) -> str:
    known = names.known("device_v4l2_class", value & ~_NUMBER_MASK, w.arch)
    return f"{known}+{number(value & _NUMBER_MASK)}" if known else ""


def _asked(entry: Texts, answer: Texts) -> Form:
    """Fields that are given, then those that come back."""

    def form(given: Given) -> str:
        if given.before is None:
            return given.address
        return braces(entry(given.first), [] if given.after is None else answer(given.last))

    return form


def _both(entry: Texts, answer: Texts) -> Form:
    """All fields as given, and again as they came back."""

    def form(given: Given) -> str:
        if given.before is None:
            return given.address
        text = braces(entry(given.first))
        if given.after is None:
            return text
        after = answer(given.last)
        return f"{text} => {braces(after)}" if after else text

    return form


def _fields(*wanted: str) -> Texts:
    return lambda s: s.texts(*wanted)


# -- formats ---------------------------------------------------------------------------------------------------------


def _pixels(s: Struct) -> list[str]:
    shown = [*s.texts("width", "height"), f"pixelformat={_fourcc(s.w, s['pixelformat'])}"]
    return [*shown, *s.texts("field", "bytesperline", "sizeimage", "colorspace")]


def _planes(s: Struct) -> list[str]:
    shown = [*s.texts("width", "height"), f"pixelformat={_fourcc(s.w, s['pixelformat'])}"]
    planes = sequence(s.w, map(str, s.parts("plane_fmt", s["num_planes"])))
    return [*shown, *s.texts("field", "colorspace"), f"plane_fmt={planes}", *s.texts("num_planes")]


def _samples(s: Struct) -> list[str]:
    shown = s.texts("sampling_rate", "offset", "samples_per_line")
    shown.append(f"sample_format={_fourcc(s.w, s['sample_format'])}")
    return [*shown, *s.texts("start", "count", "flags")]


def _sliced(s: Struct) -> list[str]:
    data = s.bytes("service_lines")
    lines = [number(int.from_bytes(data[at : at + 2], "little")) for at in range(0, len(data), 2)]
    halves = ", ".join(f"[{', '.join(half)}]" for half in (lines[:_LINES], lines[_LINES:]))
    return [*s.texts("service_set"), f"service_lines=[{halves}]", *s.texts("io_size")]


def _packed(label: str) -> Texts:
    return lambda s: [f"{label}={_fourcc(s.w, s[label])}", *s.texts("buffersize")]


_FORMATS: dict[str, Texts] = {
    "pix": _pixels, "pix_mp": _planes, "vbi": _samples, "sliced": _sliced, "sdr": _packed("pixelformat"),
    "meta": _packed("dataformat"),
}  # fmt: skip


def _format(given: Given, data: bytes, *, at_exit: bool, start: int = 0) -> list[str]:
    """The member that the type of the buffer says; `start`: where struct v4l2_format lies."""
    kind = int.from_bytes(data[start : start + 4], "little")
    member = _MEMBERS.get(kind)
    if member is None:
        return []
    struct = Struct(given.w, f"video_{member}", data[start + _FORMAT_AT :])
    if member == "win":
        place = start + _CLIPS_AT
        found = given.w.datum(given.index, "struct", at_exit=at_exit, idx=1 + place)
        clips = elements(
            given.w,
            b"" if found is None else found.bytes,
            struct["clips"],
            lambda one: braces([f"c={Struct(given.w, 'video_rect', one)}"]),
            count=struct["clipcount"],
            size=_CLIP_BYTES,
        )
        shown = [*struct.texts("w", "field", "chromakey"), f"clips={clips}"]
        texts = [*shown, *struct.texts("clipcount", "bitmap", "global_alpha")]
    else:
        texts = _FORMATS[member](struct)
    return [f"fmt.{member}={braces(texts)}"]


def _asked_format(given: Given) -> str:
    if given.before is None:
        return given.address
    answer = [] if given.after is None else _format(given, given.after, at_exit=True)
    return braces(given.first.texts("type"), answer)


def _given_format(given: Given) -> str:
    if given.before is None:
        return given.address
    text = braces(given.first.texts("type"), _format(given, given.before, at_exit=False))
    shown = given.after is not None and _MEMBERS.get(given.last["type"]) != "win"
    answer = _format(given, given.after or b"", at_exit=True) if shown else []
    return f"{text} => {braces(answer)}" if answer else text


def _create(given: Given) -> str:
    if given.before is None:
        return given.address
    start, first = 16, given.first
    kind = first.part("format").texts("type")
    shown = [
        *first.texts("count", "memory"),
        f"format={braces(kind, _format(given, given.before, at_exit=False, start=start))}",
    ]
    return braces(shown)


# -- buffers ---------------------------------------------------------------------------------------------------------


def _flags(w: StraceWriter, value: int) -> str:
    """Bits, and two numbers within them: what the time stamp is, and of which moment."""
    if w.style.names is Names.RAW:
        return number(value)
    time, source = value & _TIME_MASK, value & _SOURCE_MASK
    rest = value & ~(_TIME_MASK | _SOURCE_MASK)
    texts = [w.flags("device_v4l2_buffer", rest)] if rest else []
    return "|".join([*texts, w.enum("device_v4l2_time", time), w.enum("device_v4l2_source", source)])


def _memory(s: Struct) -> list[str]:
    kind, value = s["memory"], s["m"]
    if kind == _MMAP:
        return [f"m.offset={number(value & 0xFFFFFFFF)}"]
    if kind == _USERPTR:
        return [f"m.userptr={number(value)}"]
    return [f"m.fd={s.w.fd((value & 0xFFFFFFFF ^ 1 << 31) - (1 << 31))}"] if kind == _DMABUF else []


def _buffer(s: Struct) -> list[str]:
    return [*s.texts("memory"), *_memory(s), *s.texts("length", "bytesused"), f"flags={_flags(s.w, s['flags'])}"]


def _timestamp(s: Struct) -> str:
    data, half = s.bytes("timestamp"), len(s.bytes("timestamp")) // 2
    seconds, rest = int.from_bytes(data[:half], "little", signed=True), int.from_bytes(data[half:], "little")
    return f"timestamp={{tv_sec={seconds}, tv_usec={rest}}}"


def _requested(given: Given) -> str:
    first = given.first
    answer = "" if given.after is None else f" => {given.last['count']}"
    return braces(first.texts("type", "memory"), [f"count={first['count']}{answer}"])


# -- parameters, controls, tuners ------------------------------------------------------------------------------------


def _parameters(s: Struct) -> list[str]:
    kind = {_CAPTURE: "capture", _OUTPUT: "output"}.get(s["type"])
    if kind is None:
        return []
    inner = Struct(s.w, f"video_{kind}parm", s.data[4:])
    first, mode, last = ("capability", f"{kind}mode", "readbuffers" if kind == "capture" else "writebuffers")
    shown = [*inner.texts(first, mode), f"timeperframe={_fraction(inner, 'timeperframe')}"]
    shown += [f"extendedmode={number(inner['extendedmode'])}", *inner.texts(last)]
    return [f"parm.{kind}={braces(shown)}"]


def _control(s: Struct) -> list[str]:
    return [f"id={_identity(s.w, s['id'])}"]


def _queried(s: Struct) -> list[str]:
    return [f"id={_identity(s.w, s['id'], asks=True)}"]


def _given_control(given: Given) -> str:
    first = given.first
    answer = "" if given.after is None else f" => {given.last['value']}"
    return braces(_control(first), [f"value={first['value']}{answer}"])


def _described(s: Struct, *last: str) -> list[str]:
    shown = [*s.texts("type"), s.string("name")]
    if s.w.brief:
        return [*shown, "..."]
    shown += s.texts("minimum", "maximum", "step", "default_value", "flags", *last)
    if "nr_of_dims" in last:
        count = min(s["nr_of_dims"], _MOST_DIMENSIONS)
        shown.append(f"dims={s.numbers('dims', count)}")
    return [*shown, *s.used("reserved")]


def _tuner(s: Struct) -> list[str]:
    kinds = ("type", "capability", "rangelow", "rangehigh", "rxsubchans", "audmode", "signal", "afc")
    return [s.string("name"), *s.texts(*kinds)]


def _frame_size(s: Struct) -> list[str]:
    data = s.bytes("size")
    values = [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]
    if s["type"] == _DISCRETE:
        return [*s.texts("type"), f"discrete={{width={values[0]}, height={values[1]}}}"]
    labels = ("min_width", "max_width", "step_width", "min_height", "max_height", "step_height")
    inner = braces(f"{label}={value}" for label, value in zip(labels, values, strict=True))
    return [*s.texts("type"), *([f"stepwise={inner}"] if s["type"] == _STEPWISE else [])]


def _frame_interval(s: Struct) -> list[str]:
    data = s.bytes("interval")
    values = [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]
    parts = [f"{a}/{b}" for a, b in zip(values[::2], values[1::2], strict=True)]
    if s["type"] == _DISCRETE:
        return [*s.texts("type"), f"discrete={parts[0]}"]
    inner = braces(f"{label}={part}" for label, part in zip(("min", "max", "step"), parts, strict=True))
    return [*s.texts("type"), *([f"stepwise={inner}"] if s["type"] in (2, _STEPWISE) else [])]


def _controls(given: Given, struct: Struct, *, at_exit: bool) -> tuple[str, bool]:
    """Controls with their values, and whether all could be read."""
    w, place = given.w, struct.field("controls").offset
    found = w.datum(given.index, "struct", at_exit=at_exit, idx=1 + place)
    data, where = b"" if found is None else found.bytes, struct["controls"]
    shown = []
    for at in range(0, min(len(data) // _CONTROL_BYTES, struct["count"]) * _CONTROL_BYTES, _CONTROL_BYTES):
        one = data[at : at + _CONTROL_BYTES]
        identity, size = (int.from_bytes(one[k : k + 4], "little") for k in (0, 4))
        value = int.from_bytes(one[12:], "little", signed=True)
        text = [f"id={_identity(w, identity)}", f"size={size}"]
        if size:
            index = 1 + place | (at // _CONTROL_BYTES + 1) << 16
            told = w.datum(given.index, "string", at_exit=at_exit, idx=index)
            whole = told is not None and len(told.bytes) >= size
            address = pointer_text(value & 0xFFFFFFFFFFFFFFFF)
            text.append(f"string={w.data(told.bytes[:size], size) if told is not None and whole else address}")
        else:
            low = (value & 0xFFFFFFFF ^ 1 << 31) - (1 << 31)
            text += [f"value={low}", f"value64={value}"]
        shown.append(braces(text))
    complete = len(shown) == struct["count"]
    if w.brief and len(shown) > w.limit:
        return f"[{', '.join([*shown[: w.limit], '...'])}]", complete
    if not complete:
        if not shown:
            return pointer_text(where), False
        shown.append(f"... /* {where + len(shown) * _CONTROL_BYTES:#x} */")
    return f"[{', '.join(shown)}]", complete


def _set_controls(given: Given) -> str:
    first = given.first
    head = first.texts("ctrl_class", "count")
    if not first["count"]:
        return braces(head)
    text, whole = _controls(given, first, at_exit=False)
    asked = braces([*head, f"controls={text}"])
    if not whole or given.kept is None:
        return asked
    last = Struct(given.w, given.name, given.kept)
    return f"{asked} => {braces([f'controls={_controls(given, last, at_exit=True)[0]}', *last.texts('error_idx')])}"


def _asked_controls(given: Given) -> str:
    first = given.first
    head = first.texts("ctrl_class", "count")
    if not first["count"]:
        return braces(head)
    last = first if given.kept is None else Struct(given.w, given.name, given.kept)
    text, whole = _controls(given, last, at_exit=True)
    failed = last.texts("error_idx") if whole or given.after is None else []
    return braces([*head, f"controls={text}", *failed])


def _capability(given: Given) -> str:
    s = given.last
    version = s["version"]
    text = f"KERNEL_VERSION({version >> 16}, {version >> 8 & 0xFF}, {version & 0xFF})"
    shown = [s.string(label) for label in ("driver", "card", "bus_info")]
    return braces([*shown, f"version={styled(s.w, version, text)}", *s.texts("capabilities"), *s.used("device_caps")])


def _standard(s: Struct) -> list[str]:
    return [s.string("name"), f"frameperiod={_fraction(s, 'frameperiod')}", *s.texts("framelines")]


FORMS: dict[str, Form] = {
    "video_capability": _capability,
    "video_fmtdesc": _asked(
        _fields("index", "type"),
        lambda s: [*s.texts("flags"), s.string("description"), f"pixelformat={_fourcc(s.w, s['pixelformat'])}"],
    ),
    "video_format": _given_format,
    "video_asked_format": _asked_format,
    "video_create_buffers": _create,
    "video_requestbuffers": _requested,
    "video_buffer": _asked(_fields("type", "index"), lambda s: [*_buffer(s), "..."]),
    "video_done_buffer": _asked(_fields("type"), lambda s: [*s.texts("index"), *_buffer(s), _timestamp(s), "..."]),
    "video_parm": _both(lambda s: [*s.texts("type"), *_parameters(s)], _parameters),
    "video_asked_parm": _asked(_fields("type"), _parameters),
    "video_standard": _asked(_fields("index"), _standard),
    "video_input": _asked(_fields("index"), lambda s: [s.string("name"), *s.texts("type")]),
    "video_control": _given_control,
    "video_asked_control": _asked(_control, _fields("value")),
    "video_tuner": _both(lambda s: [*s.texts("index"), *_tuner(s)], _tuner),
    "video_asked_tuner": _asked(_fields("index"), _tuner),
    "video_queryctrl": _asked(_queried, _described),
    "video_query_ext_ctrl": _asked(_queried, lambda s: _described(s, "elem_size", "elems", "nr_of_dims")),
    "video_asked_crop": _asked(_fields("type"), _fields("c")),
    "video_cropcap": _asked(
        _fields("type"), lambda s: [*s.texts("bounds", "defrect"), f"pixelaspect={_fraction(s, 'pixelaspect')}"]
    ),
    "video_index": lambda given: f"[{given.first['value']}]",
    "video_frmsizeenum": _asked(
        lambda s: [*s.texts("index"), f"pixel_format={_fourcc(s.w, s['pixel_format'])}"], _frame_size
    ),
    "video_frmivalenum": _asked(
        lambda s: [*s.texts("index"), f"pixel_format={_fourcc(s.w, s['pixel_format'])}", *s.texts("width", "height")],
        _frame_interval,
    ),
    "video_controls": _set_controls,
    "video_asked_controls": _asked_controls,
}
