"""What signals carry, and how a timer or queue tells of itself, in strace's words. Source: asm-generic/siginfo.h."""

from wiretale.decode.constants.tables import ERRORS
from wiretale.decode.record_types import FdLabel
from wiretale.decode.signals import decode_siginfo
from wiretale.decode.strace.arguments import address, strace
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text

_CLOCK_TICKS = 100  # USER_HZ of linux/param.h
_NO_UID = "4294967295"


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


def siginfo_text(data: bytes, arch: int, pid_label: FdLabel | None = None) -> str:
    """As `decode/signals.py`, with times that are not zero in seconds as well, and values both ways."""
    shown = []
    for name, text in decode_siginfo(data, arch).fields:
        if name == "si_value":
            number, pointer = _sigval(int(text, 16) if text != "NULL" else 0)
            shown += [f"si_int={number}, si_ptr={pointer}"] if text != "NULL" else []
            continue
        if name == "si_pid" and pid_label is not None and int(text) > 0:
            shown.append(f"{name}={pid_label(int(text))}")
            continue
        if name == "si_errno":
            known = ERRORS.get(int(text))
            shown.append(f"si_errno={known[0] if known else int(text) & 0xFFFFFFFF}")
            continue
        if name == "si_uid":
            shown.append(f"si_uid={-1 if text == _NO_UID else text}")
            continue
        is_time = name in ("si_utime", "si_stime") and text != "0"
        shown.append(f"{name}={text}" + (f" /* {int(text) / _CLOCK_TICKS:g} s */" if is_time else ""))
    return "{" + ", ".join(shown) + "}"
