"""What signals carry, and how a timer or queue tells of itself, in strace's words. Source: asm-generic/siginfo.h."""

import struct

from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.record_types import FdLabel
from wiretale.decode.signals import decode_siginfo
from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import address, strace
from wiretale.decode.strace.style import Names
from wiretale.decode.syscalls import table
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text

_CLOCK_TICKS = 100  # USER_HZ of linux/param.h
_NO_UID = "4294967295"
_HEAD_BYTES = 12  # si_signo, si_errno, si_code


def _sigval(pointer: int) -> tuple[int, str]:
    """union sigval: its integer and its pointer."""
    low = pointer & 0xFFFFFFFF
    return low - (low >> 31 << 32), hex(pointer) if pointer else "NULL"


_SIGEV_SIGNAL, _SIGEV_THREAD, _SIGEV_THREAD_ID = 0, 2, 4


def sigevent(w: Writer, index: int, arg: Arg) -> str:
    """As much of the structure as the way of telling uses: the rest need not be there."""
    datum = None if strace(w).terse else w.datum(index, "struct", at_exit=False)
    data = datum.bytes if datum is not None else b""
    at, word = w.word + 8, w.word
    if len(data) < at + 2 * word:
        return address(w, index)
    value, signo, notify = (
        int.from_bytes(data[i:j], "little") for i, j in ((0, word), (word, word + 4), (word + 4, at))
    )
    shown = []
    if value:
        number, pointer = _sigval(value)
        shown.append(f"sigev_value={{sival_int={number}, sival_ptr={pointer}}}")
    signals = notify in (_SIGEV_SIGNAL, _SIGEV_THREAD, _SIGEV_THREAD_ID)
    shown.append(f"sigev_signo={w.signal(signo) if signals and signo else signo}")
    shown.append(f"sigev_notify={w.enum('sigev_notify', notify)}")
    if notify == _SIGEV_THREAD_ID:
        shown.append(
            f"sigev_notify_thread_id={strace(w).pid(int.from_bytes(data[at : at + 4], 'little', signed=True))}"
        )
    if notify == _SIGEV_THREAD:
        function, attributes = (int.from_bytes(data[i : i + word], "little") for i in (at, at + word))
        shown.append(f"sigev_notify_function={pointer_text(function)}")
        shown.append(f"sigev_notify_attributes={pointer_text(attributes)}")
    return "{" + ", ".join(shown) + "}"


def _seconds(ticks: int) -> str:
    """Exact, whatever the number: a float is not."""
    whole, part = divmod(abs(ticks), _CLOCK_TICKS)
    return f"{'-' if ticks < 0 else ''}{whole}.{part:02d}"


def _constant(value: int, name: str, style: Names, *, as_hex: bool = False) -> str:
    """A constant of a signal by its name, its number or both; one without a name is a number."""
    number = names.number(value & 0xFFFFFFFF) if as_hex else str(value)
    if style is Names.RAW or not name:
        return number
    return f"{number} /* {name} */" if style is Names.VERBOSE else name


def siginfo_text(
    data: bytes,
    arch: int,
    pid_label: FdLabel | None = None,
    *,
    style: Names = Names.ABBREV,
    fd_label: FdLabel | None = None,
) -> str:
    """As `decode/signals.py`, with times that are not zero in seconds as well, and values both ways."""
    shown: list[str] = []
    numbers = struct.unpack_from("<iii", data) if len(data) >= _HEAD_BYTES else (0, 0, 0)
    if len(data) >= _HEAD_BYTES and not numbers[0]:
        return "{}"
    fields = decode_siginfo(data, arch).fields
    caller = next((int(text, 16) for name, text in fields if name == "si_arch" and text != "NULL"), 0)
    for name, text in fields:
        if name == "si_timerid":
            shown.append(f"si_timerid={names.number(int(text) & 0xFFFFFFFF)}")
            continue
        if name == "si_syscall":
            call = table(caller).get(int(text))
            shown.append(f"si_syscall={_constant(int(text) & 0xFFFFFFFF, f'__NR_{call}' if call else '', style)}")
            continue
        if name == "si_arch":
            shown.append(f"si_arch={names.one('audit_arch', caller, arch, style)}")
            continue
        if name == "si_value":
            number, pointer = _sigval(int(text, 16) if text != "NULL" else 0)
            if text != "NULL" or fields[2][0] == "si_timerid":
                shown.append(f"si_int={number}, si_ptr={pointer}")
            continue
        if name == "si_pid" and pid_label is not None and int(text) > 0:
            shown.append(f"{name}={pid_label(int(text))}")
            continue
        if name == "si_errno":
            known = ERRORS.get(int(text))
            shown.append(f"si_errno={_constant(int(text) & 0xFFFFFFFF, known[0] if known else '', style)}")
            continue
        if name == "si_signo":
            shown.append(f"si_signo={_constant(numbers[0], text if text.startswith('SIG') else '', style)}")
            continue
        if name == "si_code":
            known_code = text if text[:1].isalpha() else ""
            shown.append(f"si_code={_constant(numbers[2], known_code, style, as_hex=True)}")
            continue
        if name == "si_fd" and fd_label is not None:
            shown.append(f"si_fd={fd_label(int(text))}")
            continue
        if name == "si_status" and text.startswith("SIG"):
            shown.append(f"si_status={_constant(names.signal_number(text[3:]), text, style)}")
            continue
        if name == "si_uid":
            shown.append(f"si_uid={-1 if text == _NO_UID else text}")
            continue
        is_time = name in ("si_utime", "si_stime") and text != "0" and style is not Names.RAW
        shown.append(f"{name}={text}" + (f" /* {_seconds(int(text))} s */" if is_time else ""))
    return "{" + ", ".join(shown) + "}"
