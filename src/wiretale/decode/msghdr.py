"""Messages: iovec, msghdr, mmsghdr and control messages. Sources: linux/socket.h, linux/uio.h, cmsg(3), unix(7)."""

import struct
from collections.abc import Callable

from wiretale.decode.record_types import Datum
from wiretale.decode.sockopt import SOL_IP, SOL_IPV6, SOL_PACKET, SOL_SOCKET, SOL_TCP, SOL_TLS, SOL_UDP, option_name
from wiretale.decode.struct_text import struct_text
from wiretale.decode.structs import integers, struct_size
from wiretale.decode.writer import Writer, pointer_text, signed32
from wiretale.light import dataclass

_MAX_MESSAGES = 1024  # UIO_MAXIOV: sendmmsg takes no more


def _ints(w: Writer, data: bytes) -> str:
    return "[" + ", ".join(w.fd(v) for (v,) in struct.iter_unpack("<i", data[: len(data) // 4 * 4])) + "]"


def _one_int(w: Writer, data: bytes) -> str:
    if len(data) == 1:
        return f"[{data[0]}]"
    return f"[{int.from_bytes(data[:4], 'little', signed=True)}]" if len(data) >= 4 else w.data(data, len(data))


def _short(w: Writer, data: bytes) -> str:
    return f"[{int.from_bytes(data[:2], 'little')}]" if len(data) >= 2 else w.data(data, len(data))


def _credentials(w: Writer, data: bytes) -> str:
    return struct_text(w, "ucred", data)


def _struct(name: str) -> Callable[[Writer, bytes], str]:
    return lambda w, data: struct_text(w, name, data)


def _times(name: str) -> Callable[[Writer, bytes], str]:
    """scm_timestamping: three times, of which software, deprecated and hardware clock each fill one."""

    def text(w: Writer, data: bytes) -> str:
        size = struct_size(name, w.arch)
        return (
            "["
            + ", ".join(struct_text(w, name, data[i : i + size]) for i in range(0, len(data) - size + 1, size))
            + "]"
        )

    return text


def _extended_error(w: Writer, data: bytes) -> str:
    """struct sock_extended_err and the offender's address (linux/errqueue.h)."""
    if len(data) < 16:
        return w.data(data, len(data))
    number, origin, kind, code, _, info, more = struct.unpack_from("<IBBBBII", data)
    shown = [
        f"ee_errno={w.error(number) if number else 0}",
        f"ee_origin={w.enum('ee_origin', origin)}",
        f"ee_type={kind}",
        f"ee_code={code}",
        f"ee_info={info}",
        f"ee_data={more}",
    ]
    if len(data) > 18 and any(data[16:18]):
        shown.append(f"offender={w.sockaddr(data[16:])}")
    return "{" + ", ".join(shown) + "}"


def _record_type(w: Writer, data: bytes) -> str:
    return f"[{w.enum('tls_record', data[0])}]" if data else "[]"


_CMSG_TYPES: dict[tuple[int, int], str] = {(SOL_SOCKET, 1): "scm", (SOL_SOCKET, 2): "scm", (SOL_SOCKET, 3): "scm"}
_PAYLOADS: dict[tuple[int, int], Callable[[Writer, bytes], str]] = {
    (SOL_SOCKET, 1): _ints,
    (SOL_SOCKET, 2): _credentials,
    (SOL_SOCKET, 4): _ints,  # SCM_PIDFD
    (SOL_SOCKET, 29): _struct("timeval"),
    (SOL_SOCKET, 35): _struct("timespec"),
    (SOL_SOCKET, 37): _times("timespec"),
    (SOL_SOCKET, 63): _struct("timeval64"),
    (SOL_SOCKET, 64): _struct("timespec64"),
    (SOL_SOCKET, 65): _times("timespec64"),
    (SOL_SOCKET, 40): _one_int,
    (SOL_SOCKET, 36): _one_int,
    (SOL_IP, 1): _one_int,
    (SOL_IP, 2): _one_int,
    (SOL_IP, 8): _struct("in_pktinfo"),
    (SOL_IP, 11): _extended_error,
    (SOL_IP, 20): lambda w, data: w.sockaddr(data),
    (SOL_IP, 23): _one_int,
    (SOL_IP, 25): _one_int,
    (SOL_IP, 52): _one_int,
    (SOL_IPV6, 11): _one_int,
    (SOL_IPV6, 25): _extended_error,
    (SOL_IPV6, 50): _struct("in6_pktinfo"),
    (SOL_IPV6, 2): _struct("in6_pktinfo"),
    (SOL_IPV6, 8): _one_int,
    (SOL_IPV6, 52): _one_int,
    (SOL_IPV6, 62): _one_int,
    (SOL_IPV6, 67): _one_int,
    (SOL_IPV6, 74): lambda w, data: w.sockaddr(data),
    (SOL_IPV6, 77): _one_int,
    (SOL_UDP, 103): _short,
    (SOL_UDP, 104): _one_int,
    (SOL_TCP, 36): _one_int,
    (SOL_TLS, 1): _record_type,
    (SOL_TLS, 2): _record_type,
    (SOL_PACKET, 8): lambda w, data: struct_text(w, "tpacket_auxdata", data),
}


def type_text(w: Writer, level: int, kind: int) -> str:
    """The name of a control message."""
    if level == SOL_SOCKET and kind <= 4:
        return w.enum("scm", kind)
    if level == SOL_TCP and kind == 36:
        return w.enum("scm_tcp", kind)
    if level == SOL_TLS:
        return w.enum("tls_cmsg", kind)
    return option_name(w, level, kind)


def control_text(w: Writer, data: bytes, full: int) -> str:
    """Ancillary data: [{cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[5]}]."""
    header = struct_size("cmsghdr", w.arch)
    found = []
    at = 0
    while at + header <= len(data):
        length = int.from_bytes(data[at : at + w.word], "little")
        level, kind = struct.unpack_from("<ii", data, at + w.word)
        text = (
            f"{{cmsg_len={length}, cmsg_level={w.enum('sockopt_level', level)}, cmsg_type={type_text(w, level, kind)}"
        )
        if length < header:  # the kernel ends here too (linux/socket.h: CMSG_OK)
            found.append(text + "}")
            break
        body = data[at + header : at + length]
        found.append(f"{text}, cmsg_data={payload_text(w, level, kind, body)}}}" if body else text + "}")
        at += -(-length // w.word) * w.word
    if len(data) < full:
        found.append("...")
    return f"[{', '.join(found)}]"


def payload_text(w: Writer, level: int, kind: int, data: bytes) -> str:
    """What a control message holds; as bytes if its type is not known."""
    printer = _PAYLOADS.get((level, kind))
    return printer(w, data) if printer is not None else w.data(data, len(data))


@dataclass(frozen=True, slots=True)
class _Payload:
    """Where the buffers of one message are found: the argument, which message, before or after the call."""

    arg: int
    message: int
    at_exit: bool

    def datum(self, w: Writer, element: int) -> Datum | None:
        return w.datum(self.arg, "payload", at_exit=self.at_exit, idx=self.message << 16 | element)


def iovec_text(w: Writer, payload: _Payload, address: int, count: int) -> str:
    """The buffers of an iovec with their bytes: [{iov_base="ab", iov_len=2}]."""
    vector = w.readable(payload.arg, "iovec", at_exit=False, idx=payload.message << 16)
    if vector is None:
        return "[]" if count == 0 else pointer_text(address)
    step = 2 * w.word
    shown = []
    for element, at in enumerate(range(0, len(vector.bytes) - step + 1, step)):
        base = int.from_bytes(vector.bytes[at : at + w.word], "little")
        length = int.from_bytes(vector.bytes[at + w.word : at + step], "little")
        shown.append(f"{{iov_base={_base(w, payload, element, base, length)}, iov_len={length}}}")
    if len(vector.bytes) < vector.full_bytes or len(shown) < min(count, _MAX_MESSAGES):
        shown.append("...")
    return f"[{', '.join(shown)}]"


def _base(w: Writer, payload: _Payload, element: int, base: int, length: int) -> str:
    datum = payload.datum(w, element)
    if datum is not None and (datum.bytes or not datum.error):
        return w.data(datum.bytes, datum.full_bytes)
    if datum is None and base and (length == 0 or (payload.at_exit and w.succeeded)):
        return '""'  # what was received did not reach this buffer
    return pointer_text(base)


def iovec(w: Writer, index: int, count_index: int, *, out: bool) -> str:
    """The iovec argument of readv, writev and their kin."""
    return iovec_text(w, _Payload(index, 0, out), w.values[index], signed32(w.values[count_index]))


def _name_text(w: Writer, index: int, message: int, after: dict[str, int], *, out: bool) -> str:
    datum = w.readable(index, "sockaddr", at_exit=out, idx=message << 16)
    address = after.get("msg_name", 0)
    if datum is not None and datum.bytes:
        return w.sockaddr(datum.bytes)
    return pointer_text(address)


def _header_text(w: Writer, index: int, message: int, before: bytes, after: bytes, *, out: bool) -> str:
    """One struct msghdr; `after` is empty unless the kernel gave it back."""
    old = integers("msghdr", w.arch, before)
    now = integers("msghdr", w.arch, after) or old
    if "msg_flags" not in now:
        return "{...}"
    length = now["msg_namelen"]
    lengths = f"{old['msg_namelen']} => {length}" if old.get("msg_namelen", length) != length else str(length)
    parts = [f"msg_name={_name_text(w, index, message, now, out=out)}", f"msg_namelen={lengths}"]
    vector = iovec_text(w, _Payload(index, message, out), now["msg_iov"], now["msg_iovlen"])
    parts += [f"msg_iov={vector}", f"msg_iovlen={now['msg_iovlen']}"]
    control = w.readable(index, "control", at_exit=out, idx=message << 16)
    if control is not None and control.bytes:
        parts.append(f"msg_control={control_text(w, control.bytes, control.full_bytes)}")
    elif now["msg_controllen"]:
        parts.append(f"msg_control={pointer_text(now['msg_control'])}")
    parts += [f"msg_controllen={now['msg_controllen']}", f"msg_flags={w.flags('msg', now['msg_flags'])}"]
    return "{" + ", ".join(parts) + "}"


def message(w: Writer, index: int, *, out: bool) -> str:
    """The msghdr argument of sendmsg and recvmsg."""
    before = w.readable(index, "msghdr", at_exit=False)
    after = w.readable(index, "msghdr", at_exit=True) if out else None
    if before is None and after is None:
        return pointer_text(w.values[index])
    if out and after is None and before is not None:  # failed or unfinished: nothing was received
        return f"{{msg_namelen={integers('msghdr', w.arch, before.bytes).get('msg_namelen', '...')}}}"
    return _header_text(w, index, 0, before.bytes if before else b"", after.bytes if after else b"", out=out)


def messages(w: Writer, index: int, count_index: int, *, out: bool) -> str:
    """The mmsghdr vector of sendmmsg and recvmmsg; received ones as far as the return value."""
    before = w.readable(index, "msghdr", at_exit=False)
    after = w.readable(index, "msghdr", at_exit=True)
    given = before or after
    if given is None or (out and after is None):
        return pointer_text(w.values[index])
    size = struct_size("mmsghdr", w.arch)
    header = struct_size("msghdr", w.arch)
    count = min(w.call.retval or 0, _MAX_MESSAGES) if out else len(given.bytes) // size
    old, new = before.bytes if before else b"", after.bytes if after else b""
    shown = []
    for n in range(min(count, max(len(old), len(new)) // size)):
        whole = slice(n * size, (n + 1) * size)
        text = _header_text(w, index, n, old[whole], new[whole] if out else b"", out=out)
        length = new[whole][header : header + 4]
        shown.append(f"{{msg_hdr={text}" + (f", msg_len={int.from_bytes(length, 'little')}}}" if length else "}"))
    if not out and len(shown) < min(signed32(w.values[count_index]), _MAX_MESSAGES):
        shown.append("...")
    return f"[{', '.join(shown)}]"
