"""struct perf_event_attr in strace's words, and the requests of ioctl to counters of performance (linux/perf_event.h).

Facts observed with strace 6.1: which fields are shown depends on the kind of event and on what is sampled; without -v
they end with the bits, of which only those that are set are shown.
"""

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address, strace
from wiretale.decode.strace.devices.forms import Form, Given, Struct, braces, elements
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.structs import layout
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_TOO_BIG = 7  # E2BIG
_LEAST, _KNOWN = 64, 128  # PERF_ATTR_SIZE_VER0, PERF_ATTR_SIZE_VER7
_SIZE_ENDS, _BITS_END = 8, 48  # where these fields end
_HARDWARE, _SOFTWARE, _TRACEPOINT, _CACHE, _BREAKPOINT = 0, 1, 2, 3, 5  # PERF_TYPE_*
_BRANCHES, _STACK = 1 << 11, 1 << 13  # PERF_SAMPLE_BRANCH_STACK, PERF_SAMPLE_STACK_USER
_INVALID = 7  # HW_BREAKPOINT_INVALID
_BITS = (
    "disabled", "inherit", "pinned", "exclusive", "exclude_user", "exclude_kernel", "exclude_hv", "exclude_idle",
    "mmap", "comm", "freq", "inherit_stat", "enable_on_exec", "task", "watermark", "precise_ip", "", "mmap_data",
    "sample_id_all", "exclude_host", "exclude_guest", "exclude_callchain_kernel", "exclude_callchain_user", "mmap2",
    "comm_exec", "use_clockid", "context_switch", "write_backward", "namespaces", "ksymbol", "bpf_event",
    "aux_output", "cgroup", "text_poke", "build_id", "inherit_thread", "remove_on_exec", "sigtrap",
)  # fmt: skip
_SKIDS = ("arbitrary skid", "constant skid", "requested to have 0 skid", "must have 0 skid")
_PRECISE, _FREQUENCY, _WATERMARK, _CLOCK = (_BITS.index(n) for n in ("precise_ip", "freq", "watermark", "use_clockid"))


def _config(w: StraceWriter, kind: int, value: int) -> str:
    if kind == _HARDWARE:
        return _shifted(w, value, ("perf_hardware", 0, 32)) if value >> 32 else w.enum("perf_hardware", value)
    if kind == _SOFTWARE:
        return w.enum("perf_software", value)
    if kind == _TRACEPOINT:
        return str(value)
    if kind == _CACHE:
        parts = (("perf_cache_result", 16, 24), ("perf_cache_op", 8, 16), ("perf_cache", 0, 8))
        return _shifted(w, value, ("", 24, 32), *parts)
    return names.number(value)


def _shifted(w: StraceWriter, value: int, *parts: tuple[str, int, int]) -> str:
    """A number made of constants: the table of each, its bits from and to; a part without table is shown if not 0."""
    texts = []
    for table, start, end in (("", 32, 64), *parts):
        part = value >> start & (1 << end - start) - 1
        if table or part:
            text = w.enum(table, part) if table else hex(part)
            texts.append(f"{text}<<{start}" if start else text)
    return "|".join(texts)


def _bits(w: StraceWriter, bits: int) -> list[str]:
    shown = []
    for place, label in enumerate(_BITS):
        if label == "precise_ip":
            value = bits >> place & 3
            shown.append(f"{label}={value} /* {_SKIDS[value]} */")
        elif label and (bits >> place & 1 or not w.brief):
            shown.append(f"{label}={bits >> place & 1}")
    rest = bits >> len(_BITS)
    return [*shown, *([f"__reserved_1={rest:#x} /* Bits 63..{len(_BITS)} */"] if rest else [])]


def _breakpoint(w: StraceWriter, value: int) -> str:
    """Numbers below the last name, which stands for what is none, are called by it."""
    if value > _INVALID or names.known("perf_breakpoint", value, w.arch) or w.style.names is Names.RAW:
        return w.enum("perf_breakpoint", value)
    return f"{value:#x} /* HW_BREAKPOINT_INVALID */"


def _attributes(w: StraceWriter, data: bytes, answered: bytes) -> str:
    """The fields as far as the size says; `answered`: what the kernel wrote back."""
    size = int.from_bytes(data[4:8], "little")
    size = min(size or _LEAST, len(data))
    given = Struct(w, "perf_attr", data[: min(size, _KNOWN)].ljust(_KNOWN, b"\0"))
    bits, kind, sampled = given["bits"], given["type"], given["sample_type"]
    has = {place: bits >> place & 1 for place in (_FREQUENCY, _WATERMARK, _CLOCK)}
    shown = given.texts("type", "size")
    if answered and answered[4:8] != data[4:8]:
        shown[-1] += f" => {Struct(w, 'perf_attr', answered[:_KNOWN]).value('size')}"
    shown.append(f"config={_config(w, kind, given['config'])}")
    shown.append(f"{'sample_freq' if has[_FREQUENCY] else 'sample_period'}={given['sample_period']}")
    shown += [*given.texts("sample_type", "read_format"), *_bits(w, bits)]
    if w.brief:
        return braces([*shown, "..."])
    is_breakpoint = kind == _BREAKPOINT
    hidden = {
        "branch_sample_type": not sampled & _BRANCHES,
        "sample_stack_user": not sampled & _STACK,
        "clockid": not has[_CLOCK],
        "bp_type": True,
        "unused_2": True,
        "unused_3": True,
    }
    later = False
    for field in layout("perf_attr", w.arch).fields:
        later = later or field.name == "wakeup_events"
        if not later or field.offset >= size:
            continue
        if field.name == "wakeup_events":
            shown.append(f"wakeup_{'watermark' if has[_WATERMARK] else 'events'}={given['wakeup_events']}")
        elif field.name == "bp_type" and is_breakpoint:
            shown.append(f"bp_type={_breakpoint(w, given['bp_type'])}")
        elif field.name == "config1" and is_breakpoint:
            shown.append(f"bp_addr={names.number(given['config1'])}")
        elif field.name == "config2" and is_breakpoint:
            shown.append(f"bp_len={given['config2']}")
        elif field.name.startswith("unused") and given[field.name]:
            end = field.offset + field.size - 1
            shown[-1] += f" /* bytes {field.offset}..{end}: {given[field.name]:#x} */"
        elif not hidden.get(field.name):
            shown += given.texts(field.name)
    return braces([*shown, *(["..."] if int.from_bytes(data[4:8], "little") > _KNOWN else [])])


def _is_whole(w: StraceWriter, data: bytes) -> bool:
    """Whether there is as much as is shown, and the size says so."""
    wanted = int.from_bytes(data[4:_SIZE_ENDS], "little") or _LEAST
    return wanted >= _LEAST and len(data) >= min(wanted, _BITS_END if w.brief else _KNOWN)


def _opened(w: Writer, index: int, arg: Arg) -> str:
    writer = strace(w)
    pieces = [None if writer.terse else w.datum(index, "struct", at_exit=at_exit) for at_exit in (False, True)]
    data, answered = (b"" if piece is None else piece.bytes for piece in pieces)
    if not _is_whole(writer, data):
        return address(w, index)
    return _attributes(writer, data, answered if w.call.errno == _TOO_BIG else b"")


def _modified(given: Given) -> str:
    data = given.before or b""
    return _attributes(given.w, data, b"") if _is_whole(given.w, data) else given.address


def _programs(given: Given) -> str:
    """The programs of an event: the kernel says how many there are, and names as many as there is room for."""
    if given.before is None:
        return given.address
    asked = given.first.texts("ids_len")
    if given.after is None or len(given.after) < _SIZE_ENDS:
        return braces([*asked, "..."])
    found = given.w.datum(given.index, "struct", at_exit=True, idx=1 + len(given.after[:8]))
    count = min(given.last["prog_cnt"], given.first["ids_len"])
    start = given.w.unsigned(given.w.values[given.index]) + 8
    ids = elements(
        given.w,
        b"" if found is None else found.bytes,
        start,
        lambda b: str(int.from_bytes(b, "little")),
        count=count,
        size=4,
    )
    return braces([*asked, *given.last.texts("prog_cnt"), f"ids={ids}"])


LEAST = {"perf_event_attr": _LEAST, "perf_query_bpf": 4}
FORMS: dict[str, Form] = {"perf_event_attr": _modified, "perf_query_bpf": _programs}
ARGUMENTS: dict[tuple[str, str], Printer] = {("perf_event_open", "attr"): _opened}
