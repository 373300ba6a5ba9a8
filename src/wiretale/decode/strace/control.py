"""Control messages in strace's words. strace 6.1 decodes those of SOL_SOCKET and SOL_IP; `--more` decodes the rest."""

import struct
from collections.abc import Callable

from wiretale.decode import msghdr as shared
from wiretale.decode.record_types import Datum
from wiretale.decode.sockopt import SOL_IP, SOL_SOCKET
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.struct_text import struct_text
from wiretale.decode.structs import struct_size
from wiretale.decode.writer import Writer

Printer = Callable[[StraceWriter, bytes], str]
_UNKNOWN = "???"  # of data too short to be what its type says
_SCM_SECURITY = 3


def _descriptors(w: StraceWriter, data: bytes) -> str:
    numbers = [v for (v,) in struct.iter_unpack("<i", data[: len(data) // 4 * 4])]
    if not numbers:
        return ""
    shown = numbers[: w.limit] if w.brief else numbers
    return f"[{', '.join([*map(w.fd, shown), *(['...'] if len(shown) < len(numbers) else [])])}]"


def _credentials(w: StraceWriter, data: bytes) -> str:
    """Nothing of what was cut."""
    return struct_text(w, "ucred", data) if len(data) >= struct_size("ucred", w.arch) else ""


def _security(w: StraceWriter, data: bytes) -> str:
    return w.data(data, len(data))


def _of_size(size: Callable[[Writer], int], text: Printer) -> Printer:
    return lambda w, data: text(w, data) if len(data) >= size(w) else _UNKNOWN


def _struct(name: str) -> Printer:
    return _of_size(lambda w: struct_size(name, w.arch), lambda w, data: struct_text(w, name, data))


def _three(name: str) -> Printer:
    def text(w: StraceWriter, data: bytes) -> str:
        size = struct_size(name, w.arch)
        return f"[{', '.join(struct_text(w, name, data[i * size : (i + 1) * size]) for i in range(3))}]"

    return _of_size(lambda w: 3 * struct_size(name, w.arch), text)


def _bytes(w: StraceWriter, data: bytes) -> str:
    shown = [hex(b) if b else "0" for b in (data[: w.limit] if w.brief else data)]
    return f"[{', '.join([*shown, *(['...'] if len(shown) < len(data) else [])])}]"


_FOUR: Callable[[Writer], int] = lambda _: 4  # noqa: E731
_number = _of_size(_FOUR, lambda w, data: f"[{int.from_bytes(data[:4], 'little', signed=True)}]")
_unsigned = _of_size(_FOUR, lambda w, data: f"[{int.from_bytes(data[:4], 'little')}]")


def _byte(w: StraceWriter, data: bytes) -> str:
    return f"[{hex(data[0]) if data[0] else '0'}]"


def _error(w: StraceWriter, data: bytes) -> str:
    """struct sock_extended_err and the address it came from (linux/errqueue.h)."""
    number, origin, kind, code, _, info, more = struct.unpack_from("<IBBBBII", data)
    return (
        f"{{ee_errno={number}, ee_origin={origin}, ee_type={kind}, ee_code={code}, ee_info={info}, ee_data={more}, "
        f"offender={w.sockaddr(data[16:])}}}"
    )


_PAYLOADS: dict[tuple[int, int], Printer] = {
    (SOL_SOCKET, 1): _descriptors,
    (SOL_SOCKET, 2): _credentials,
    (SOL_SOCKET, 3): _security,
    (SOL_SOCKET, 4): _number,
    (SOL_SOCKET, 29): _struct("timeval"),
    (SOL_SOCKET, 35): _struct("timespec"),
    (SOL_SOCKET, 37): _three("timespec"),
    (SOL_SOCKET, 63): _struct("timeval64"),
    (SOL_SOCKET, 64): _struct("timespec64"),
    (SOL_SOCKET, 65): _three("timespec64"),
    (SOL_IP, 1): _byte,
    (SOL_IP, 2): _unsigned,
    (SOL_IP, 6): _bytes,
    (SOL_IP, 7): _bytes,
    (SOL_IP, 8): _struct("in_pktinfo"),
    (SOL_IP, 11): _of_size(lambda _: 32, _error),
    (SOL_IP, 20): lambda w, data: w.sockaddr(data),
    (SOL_IP, 23): _unsigned,
    (SOL_IP, 25): _number,
    (SOL_IP, _SCM_SECURITY): _security,
}


def _type(w: StraceWriter, level: int, kind: int) -> str:
    if level == SOL_SOCKET:
        return w.enum("scm_socket", kind)
    if level == SOL_IP:
        return "SCM_SECURITY" if kind == _SCM_SECURITY else w.enum("scm_ip", kind)
    return shared.type_text(w, level, kind) if w.style.more else hex(kind & 0xFFFFFFFF) if kind else "0"


def _data(w: StraceWriter, level: int, kind: int, data: bytes) -> str:
    printer = _PAYLOADS.get((level, kind))
    if printer is not None:
        return printer(w, data)
    return shared.payload_text(w, level, kind, data) if w.style.more else ""


def control_text(w: StraceWriter, datum: Datum, full: int) -> str:
    """All control messages; empty if not even the head of the first can be read."""
    head = struct_size("cmsghdr", w.arch)
    data, found, at = datum.bytes, [], 0
    while at + head <= min(len(data), full):
        length = int.from_bytes(data[at : at + w.word], "little")
        level, kind = struct.unpack_from("<ii", data, at + w.word)
        text = f"{{cmsg_len={length}, cmsg_level={w.enum('sockopt_level', level)}, cmsg_type={_type(w, level, kind)}"
        body = data[at + head : min(at + max(length, head), full)]
        shown = _data(w, level, kind, body) if body else ""
        found.append(text + (f", cmsg_data={shown}}}" if shown else "}"))
        at += -(-max(length, head) // w.word) * w.word
        if length < head:  # the kernel ends here too (linux/socket.h: CMSG_OK)
            break
    if not found:
        return ""
    if len(data) < min(at, full) and not datum.error:
        found.append("...")
    elif at < full:
        found.append(f"... /* {datum.address + at:#x} */")
    return f"[{', '.join(found)}]"
