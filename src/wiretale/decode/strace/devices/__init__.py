"""Arguments of requests of ioctl to devices, in strace's words: a module for each kind of device.

The name of a structure (`decode/device_fields.py`) begins with the kind. A module's FORMS has those that are more than
one field after another; LEAST those that may be read in part, and how many bytes of them make sense: their forms are
asked even if nothing was read. Facts on what is
left out, and when, were observed with strace 6.1.
"""

from wiretale.decode.strace.devices.forms import Form, Given
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.structs import struct_size
from wiretale.decode.syscalls.spec import Arg, Kind
from wiretale.light import later

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from wiretale.decode.strace import counters
    from wiretale.decode.strace.devices import (
        btrfs,
        disks,
        evdev,
        gpio,
        hdio,
        kd,
        kvm,
        mapper,
        others,
        ptp,
        scsi,
        seccomp,
        tee,
        video,
    )
else:
    evdev, gpio = later("wiretale.decode.strace.devices.evdev"), later("wiretale.decode.strace.devices.gpio")
    hdio, ptp = later("wiretale.decode.strace.devices.hdio"), later("wiretale.decode.strace.devices.ptp")
    seccomp = later("wiretale.decode.strace.devices.seccomp")
    scsi = later("wiretale.decode.strace.devices.scsi")
    disks = later("wiretale.decode.strace.devices.disks")
    btrfs, tee = later("wiretale.decode.strace.devices.btrfs"), later("wiretale.decode.strace.devices.tee")
    video = later("wiretale.decode.strace.devices.video")
    mapper = later("wiretale.decode.strace.devices.mapper")
    kvm = later("wiretale.decode.strace.devices.kvm")
    counters = later("wiretale.decode.strace.counters")
    kd, others = later("wiretale.decode.strace.devices.kd"), later("wiretale.decode.strace.devices.others")

_MODULES = {
    "evdev": evdev,
    "gpio": gpio,
    "hd": hdio,
    "kd": kd,
    "ptp": ptp,
    "seccomp": seccomp,
    "sg": scsi,
    "other": others,
    "perf": counters,
    "disk": disks,
    "kvm": kvm,
    "video": video,
    "tee": tee,
    "btrfs": btrfs,
    "dm": mapper,
}


def kind_of(struct: str) -> str:
    """The kind of device of a structure; empty if it is none."""
    kind = struct.partition("_")[0]
    return kind if kind in _MODULES else ""


def has_form(struct: str) -> bool:
    module = _MODULES.get(kind_of(struct))
    return module is not None and struct in module.FORMS


def argument(w: StraceWriter, index: int, arg: Arg) -> str | None:
    """The structure behind a pointer; None if it has no form of its own."""
    module = _MODULES.get(kind_of(arg.struct))
    form: Form | None = module.FORMS.get(arg.struct) if module is not None else None
    if module is None or form is None:
        return None
    least: int = module.LEAST.get(arg.struct, 0)
    answers = not w.refused  # what a call that failed was given is printed all the same
    w.refused = False
    before, after = (_bytes(w, index, arg.struct, least, at_exit=at_exit) for at_exit in (False, True))
    given = Given(w, index, arg.struct, before, after if answers else None, after)
    needed = given.after if arg.kind is Kind.STRUCT_OUT else given.before
    return given.address if needed is None and not least else form(given)


def _bytes(w: StraceWriter, index: int, struct: str, least: int, *, at_exit: bool) -> bytes | None:
    if least and not w.terse:
        datum = w.datum(index, "struct", at_exit=at_exit)
    else:
        datum = w.readable(index, "struct", at_exit=at_exit)
    wanted = least or struct_size(struct, w.arch)
    return datum.bytes if datum is not None and len(datum.bytes) >= wanted else None
