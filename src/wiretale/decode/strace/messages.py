"""Messages in strace's words: iovec, msghdr, mmsghdr. Control messages are in `control.py`."""

from wiretale.decode.record_types import Datum
from wiretale.decode.strace.control import control_text
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.structs import integers, struct_size
from wiretale.decode.writer import pointer_text, signed32
from wiretale.light import dataclass

_NETLINK_HEAD = 16  # sizeof(struct nlmsghdr)
_MOST = 1024  # UIO_MAXIOV of linux/uio.h


@dataclass(frozen=True, slots=True)
class Message:
    """Where the parts of one message are found: the argument, which message, before or after the call."""

    arg: int
    number: int
    at_exit: bool

    def datum(self, w: StraceWriter, role: str, element: int = 0, *, at_exit: bool | None = None) -> Datum | None:
        where = self.at_exit if at_exit is None else at_exit
        return w.readable(self.arg, role, at_exit=where, idx=self.number << 16 | element)


def _ending(w: StraceWriter, shown: list[str], wanted: int, address: int) -> str:
    """The elements of an array; where it is cut, and where the memory ends, as strace says it."""
    if w.brief and len(shown) > w.limit:
        return f"[{', '.join([*shown[: w.limit], '...'])}]"
    if len(shown) == _MOST < wanted:
        return f"[{', '.join([*shown, '...'])}]"
    return f"[{', '.join([*shown, *([f'... /* {address:#x} */'] if len(shown) < wanted else [])])}]"


def vector_text(w: StraceWriter, where: Message, address: int, count: int) -> str:
    """The buffers of an iovec with their bytes."""
    if not address:
        return "NULL"
    if not count:
        return "[]"
    vector = where.datum(w, "iovec", at_exit=False)
    step = 2 * w.word
    if vector is None or len(vector.bytes) < step:
        return pointer_text(address)
    shown = []
    for element, at in enumerate(range(0, len(vector.bytes) - step + 1, step)):
        base = int.from_bytes(vector.bytes[at : at + w.word], "little")
        length = int.from_bytes(vector.bytes[at + w.word : at + step], "little")
        shown.append(f"{{iov_base={buffer_text(w, where, element, base, length)}, iov_len={length}}}")
    return _ending(w, shown, count, address + len(shown) * step)


def buffer_text(w: StraceWriter, where: Message, element: int, base: int, length: int) -> str:
    datum = w.datum(where.arg, "payload", at_exit=where.at_exit, idx=where.number << 16 | element)
    if datum is not None:
        if w.netlink is not None:
            return payload_text(w, w.netlink, datum)
        wanted = min(w.style.strings + 1, datum.full_bytes)
        return w.data(datum.bytes, datum.full_bytes) if len(datum.bytes) >= wanted else pointer_text(base)
    if base and (length == 0 or (where.at_exit and w.succeeded)):
        return '""'  # what was received did not reach this buffer
    return pointer_text(base)


def payload_text(w: StraceWriter, protocol: int, datum: Datum) -> str:
    """What is sent to or received from a netlink socket."""
    from wiretale.decode.strace.netlink import messages as netlink_messages  # few programs speak it
    from wiretale.decode.strace.netlink_values import hexadecimal

    found = netlink_messages(w, protocol, datum.bytes, datum.full_bytes, datum.address)
    if found:
        return found
    least = _NETLINK_HEAD if datum.full_bytes >= _NETLINK_HEAD else min(w.style.strings + 1, datum.full_bytes)
    whole = len(datum.bytes) >= least
    return hexadecimal(w, datum.bytes) if whole else pointer_text(datum.address)


def vector(w: StraceWriter, index: int, count_index: int, *, out: bool) -> str:
    """The iovec argument of readv, writev and their kin."""
    count = w.unsigned(w.values[count_index])
    return vector_text(w, Message(index, 0, out), w.unsigned(w.values[index]), count)


def _name(w: StraceWriter, where: Message, address: int, before: int, after: int) -> str:
    datum = where.datum(w, "sockaddr")
    room = min(before, after)
    if datum is None or len(datum.bytes) < min(room, 128) or room < 2:
        return pointer_text(address)
    return w.sockaddr(datum.bytes[:room])


def _header(w: StraceWriter, where: Message, before: bytes, after: bytes) -> str:
    """One struct msghdr; `after` is empty unless the kernel gave it back."""
    old = integers("msghdr", w.arch, before)
    now = integers("msghdr", w.arch, after) or old
    if "msg_flags" not in now:
        return "{...}"
    given, length = signed32(old.get("msg_namelen", now["msg_namelen"])), signed32(now["msg_namelen"])
    parts = [
        f"msg_name={_name(w, where, now['msg_name'], given, length)}",
        f"msg_namelen={given} => {length}" if given != length else f"msg_namelen={length}",
        f"msg_iov={vector_text(w, where, now['msg_iov'], now['msg_iovlen'])}",
        f"msg_iovlen={now['msg_iovlen']}",
    ]
    left = now["msg_controllen"]
    if left:
        datum = where.datum(w, "control")
        text = control_text(w, datum, left) if datum is not None else ""
        parts.append(f"msg_control={text or pointer_text(now['msg_control'])}")
    parts.append(f"msg_controllen={left}")
    return "{" + ", ".join([*parts, f"msg_flags={w.flags('msg', now['msg_flags'])}"]) + "}"


def message(w: StraceWriter, index: int, *, out: bool) -> str:
    """The msghdr argument of sendmsg and recvmsg."""
    before = w.readable(index, "msghdr", at_exit=False)
    after = w.readable(index, "msghdr", at_exit=True) if out else None
    address = pointer_text(w.unsigned(w.values[index]))
    if before is None or len(before.bytes) < before.full_bytes:
        return address
    if out and after is None:  # failed or unfinished: nothing was received
        length = integers("msghdr", w.arch, before.bytes).get("msg_namelen")
        return address if length is None else f"{{msg_namelen={signed32(length)}}}"
    return _header(w, Message(index, 0, out), before.bytes, after.bytes if after else b"")


def messages(w: StraceWriter, index: int, count_index: int, *, out: bool) -> str:
    """The mmsghdr vector of sendmmsg and recvmmsg; received ones as far as the return value."""
    before = w.readable(index, "msghdr", at_exit=False)
    after = w.readable(index, "msghdr", at_exit=True)
    address = w.unsigned(w.values[index])
    if out and (not w.succeeded or after is None):
        return "[]" if w.succeeded and not w.call.retval else pointer_text(address)
    given = w.values[count_index] & 0xFFFFFFFF
    done = (w.call.retval or 0) if w.succeeded else 0
    wanted = done if out else given
    if not wanted:
        return "[]" if address else "NULL"
    size, header = struct_size("mmsghdr", w.arch), struct_size("msghdr", w.arch)
    old, new = before.bytes if before else b"", after.bytes if after else b""
    shown = []
    for n in range(min(wanted, max(len(old), len(new)) // size)):
        whole = slice(n * size, (n + 1) * size)
        text = _header(w, Message(index, n, out), old[whole], new[whole] if out else b"")
        length = new[whole][header : header + 4]
        shown.append(f"{{msg_hdr={text}" + (f", msg_len={int.from_bytes(length, 'little')}}}" if n < done else "}"))
    if not shown:
        return pointer_text(address)
    return _ending(w, shown, wanted, address + len(shown) * size)
