"""Requests of ioctl and their arguments: those that strace decodes, and how it prints the others."""

from wiretale.decode import arguments as shared
from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address, short_string, strace
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.syscalls.spec import Arg, Kind
from wiretale.decode.writer import Writer
from wiretale.light import later

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from wiretale.decode import ioctls
    from wiretale.decode.constants import requests as known_requests
    from wiretale.decode.strace import devices, request_names, requests
    from wiretale.decode.strace.devices import evdev, hdio, kd
else:
    devices, evdev = later("wiretale.decode.strace.devices"), later("wiretale.decode.strace.devices.evdev")
    hdio, kd = later("wiretale.decode.strace.devices.hdio"), later("wiretale.decode.strace.devices.kd")
    known_requests = later("wiretale.decode.constants.requests")  # large, and rarely needed
    request_names = later("wiretale.decode.strace.request_names")
    requests, ioctls = later("wiretale.decode.strace.requests"), later("wiretale.decode.ioctls")

_REQUESTS_WITH_POINTERS = frozenset({0x89, 0x94})  # SOCK_IOC_TYPE of asm-generic/sockios.h; linux/btrfs.h
_ASKED_AND_ANSWERED = frozenset(
    {
        "fiemap", "rtc_param", "uffdio_api", "uffdio_register", "uffdio_copy", "uffdio_zeropage", "region_info_user",
        "ubi_attach_req",
    }
)  # fmt: skip


def request_name(value: int, arch: int) -> str:
    """The name of a request of ioctl, or of each that has the number; empty if nobody knows it."""
    known = names.known("ioctl", value, arch)
    if known:
        return known
    return known_requests.REQUESTS.get(value, "")


def _name(w: StraceWriter, value: int) -> str:
    """As `request_name`, with the names that strace has and without those that it lacks."""
    own = request_names.NAMES.get(value)
    known = request_name(value, w.arch) if own is None else own
    sized = evdev.request_name(w, value) or request_names.sized(value)
    return " or ".join(filter(None, (sized, known)))


def _request(w: Writer, index: int, arg: Arg) -> str:
    value = w.values[index] & 0xFFFFFFFF
    style, name = strace(w).style.names, _name(strace(w), value)
    if style is Names.RAW:
        return names.number(value)
    if name:
        return f"{value:#x} /* {name} */" if style is Names.VERBOSE else name
    direction = ("_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE")[value >> 30]
    parts = (names.number(part) for part in (value >> 8 & 0xFF, value & 0xFF, value >> 16 & 0x3FFF))
    text = f"_IOC({direction}, {', '.join(parts)})"
    return f"{names.number(value)} /* {text} */" if style is Names.VERBOSE else text


def request_reads(w: Writer) -> bool:
    """Whether the kernel fills in what the pointer of a request of ioctl points to."""
    return shared.request_reads(w) or evdev.reads(w.values[1] & 0xFFFFFFFF)


def _argument(w: Writer, index: int, arg: Arg) -> str:
    """Of a request that strace does not decode it is a number, unless it is one of sockets or btrfs."""
    request = w.values[1] & 0xFFFFFFFF
    text = devices.argument(strace(w), index, arg) if arg.struct else None
    if text is not None:
        return text
    if arg.kind is Kind.REQUEST and evdev.is_ours(request):
        return evdev.argument(strace(w), index, request)
    decoded = arg.kind is not Kind.REQUEST or ioctls.is_known(request)
    if not decoded or (arg.more and not strace(w).style.more):
        points = request >> 8 & 0xFF in _REQUESTS_WITH_POINTERS and _name(strace(w), request)
        return address(w, index) if points else names.number(w.unsigned(w.values[index]))
    if arg.kind is Kind.STRUCT_INOUT and arg.struct in _ASKED_AND_ANSWERED:
        return requests.argument(strace(w), index, arg.struct)
    if arg.more or arg.follows or arg.struct == "ifreq":
        strace(w).refused = False  # what a call that failed was given is printed all the same
    if arg.kind is Kind.STRING:
        return short_string(w, index, arg)
    return shared.SPECIAL["ioctl", "argp"](w, index, arg)


ARGUMENTS: dict[tuple[str, str], Printer] = {
    ("ioctl", "request"): _request,
    ("ioctl", "argp"): _argument,
    ("ioctl", "half"): lambda w, i, a: names.number(w.values[i] & 0xFFFFFFFF),
    **{
        ("ioctl", f"kd_{name}"): lambda w, i, a: kd.NUMBERS[a.name](strace(w), w.unsigned(w.values[i]))
        for name in ("mode", "port", "sound", "tone", "signal", "lights", "locks")
    },
    ("ioctl", "nice"): lambda w, i, a: hdio.nice(strace(w), w.unsigned(w.values[i])),
}
