"""Numbers to names: enumerations, ORs of flags, errors and signals.

The tables are data (`tables.py`, made by a script from the kernel's and libc's headers). A table that differs on an
architecture has a second one beside it, for example `open_flags/aarch64`. Every function answers for every value: what
has no name is a number.
"""

from functools import lru_cache

from wiretale.decode.constants.tables import ERRORS, TABLES
from wiretale.light import later
from wiretale.model.enums import Arch

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from wiretale.decode.constants import devices, ioctl, kernel, rare
else:
    rare = later("wiretale.decode.constants.rare")  # names of calls that few programs make
    ioctl = later("wiretale.decode.constants.ioctl")  # ... and of requests of ioctl
    kernel = later("wiretale.decode.constants.kernel")
    devices = later("wiretale.decode.constants.devices")  # ... and of those to devices

Numbers = tuple[tuple[str, int], ...]
Named = tuple[str, str, Numbers]  # text, text with the numbers, the numbers

_ARCH_TABLES: dict[int, str] = {Arch.AARCH64: "aarch64", Arch.ARM: "aarch64"}
# Flags stand in the order of their values, but for this one: everybody is used to SOCK_CLOEXEC|SOCK_NONBLOCK.
_SHOWN_AT = {"SOCK_CLOEXEC": 0}
_REALTIME_SIGNALS = range(32, 65)
_IOCTL = "ioctl_"  # tables of ioctl.py
_DEVICE = "device_"  # tables of devices.py
_KERNEL = "kernel_"  # tables of kernel.py


def table(name: str, arch: int = Arch.X86_64) -> dict[int, str]:
    """value -> name. KeyError if there is no such table."""
    if name.startswith(_IOCTL):
        return ioctl.TABLES[name]
    if name.startswith(_DEVICE):
        return devices.TABLES[name]
    if name.startswith(_KERNEL):
        return kernel.TABLES[name]
    suffix = _ARCH_TABLES.get(arch)
    special = TABLES.get(f"{name}/{suffix}") if suffix else None
    if special is not None:
        return special
    found = TABLES.get(name)
    return rare.TABLES[name] if found is None else found


def number_text(value: int) -> str:
    """A number that has no name: decimal while it reads well, else hexadecimal."""
    return str(value) if -10 < value < 10 else hex(value)


@lru_cache(maxsize=4096)
def enumerator(name: str, value: int, arch: int = Arch.X86_64) -> Named:
    """One constant of a table; an unknown value is its number."""
    found = table(name, arch).get(value)
    if found is None:
        text = number_text(value)
        return text, text, ()
    return found, f"{found}({value if abs(value) < 4096 else hex(value)})", ((found, value),)


@lru_cache(maxsize=16384)
def flag_set(name: str, value: int, arch: int = Arch.X86_64) -> Named:
    """An OR of constants of a table: the widest masks first taken, then listed by value; unknown bits as one number."""
    if value == 0:
        zero = table(name, arch).get(0)
        return (zero, f"{zero}(0)", ((zero, 0),)) if zero else ("0", "0", ())
    rest = value
    found: list[tuple[int, str]] = []
    for bits, label in sorted(table(name, arch).items(), key=lambda row: -row[0].bit_count()):
        if bits > 0 and bits & rest == bits:
            rest &= ~bits
            found.append((bits, label))
    found.sort(key=lambda row: _SHOWN_AT.get(row[1], row[0]))
    plain = [label for _, label in found]
    numbered = [f"{label}({hex(bits) if bits > 9 else bits})" for bits, label in found]
    if rest:
        plain.append(hex(rest))
        numbered.append(hex(rest))
    return "|".join(plain), "|".join(numbered), tuple((label, bits) for bits, label in found)


def join_named(*parts: Named) -> Named:
    """Several ORed parts as one; zero parts are left out unless all are zero."""
    kept = [p for p in parts if p[0] != "0"] or list(parts[:1])
    return "|".join(p[0] for p in kept), "|".join(p[1] for p in kept), sum((p[2] for p in kept), ())


def names(name: str, value: int, arch: int = Arch.X86_64) -> str:
    """The name of one constant, for example names("family", 2) == "AF_INET"."""
    return enumerator(name, value, arch)[0]


def flags(name: str, value: int, arch: int = Arch.X86_64) -> str:
    """An OR of constants by name, for example flags("poll", 5) == "POLLIN|POLLOUT"."""
    return flag_set(name, value, arch)[0]


def signal_name(number: int) -> str:
    """SIGINT and so on; real-time signals count from the kernel's first, SIGRTMIN = 32 (asm/signal.h)."""
    if number in _REALTIME_SIGNALS:
        if number == _REALTIME_SIGNALS.start:
            return "SIGRTMIN"
        return f"SIGRT_{number - 32}"
    return TABLES["signal"].get(number) or number_text(number)


def error_name(number: int) -> str:
    """ECONNREFUSED and so on; an unknown error is its number."""
    row = ERRORS.get(number)
    return row[0] if row else str(number)


@lru_cache(maxsize=512)
def error_text(number: int) -> str:
    """Name and message, for example "ECONNREFUSED (Connection refused)"."""
    row = ERRORS.get(number)
    return f"{row[0]} ({row[1]})" if row else f"E{number} (unknown error)"


def error_message(number: int) -> str:
    """The message alone, for example "Connection refused"."""
    row = ERRORS.get(number)
    return row[1] if row else "unknown error"


__all__ = [
    "Named",
    "Numbers",
    "enumerator",
    "error_message",
    "error_name",
    "error_text",
    "flag_set",
    "flags",
    "join_named",
    "names",
    "number_text",
    "signal_name",
    "table",
]
