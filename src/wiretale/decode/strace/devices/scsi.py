"""Commands to SCSI devices (SG_IO): what is sent, and what came back. Sources: scsi/sg.h, linux/bsg.h.

The first member says which of two structures it is. The second half of a line is printed of a call that failed, too.
"""

from collections.abc import Iterator

from wiretale.decode.constants import table
from wiretale.decode.strace.devices.forms import Form, Given, Struct, bits
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.structs import struct_size
from wiretale.decode.writer import pointer_text

LEAST = {"sg_io": 4}
_SG, _BSG = ord("S"), ord("Q")
_TO_DEVICE, _FROM_DEVICE, _BOTH_WAYS = 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFC  # SG_DXFER_*
_RESPONSE_AT, _DOUT_AT, _DIN_AT, _REQUEST_AT = 48, 72, 80, 16  # in struct sg_io_v4


class _Transfer:
    """A pointer at offset `at`, and how many bytes, or elements of a vector of buffers, it leads to."""

    def __init__(self, given: Given, address: int, at: int, *, at_exit: bool) -> None:
        self.given, self.w, self.address, self.at, self.at_exit = given, given.w, address, at, at_exit

    def data(self, count: int) -> str:
        """Always in hexadecimal, as far as -s says."""
        datum = self.w.datum(self.given.index, "struct", at_exit=self.at_exit, idx=1 + self.at)
        data = b"" if datum is None else datum.bytes
        if not self.address or len(data) < min(count, self.w.limit + 1):
            return pointer_text(self.address)
        return hex_literal(data[: min(count, self.w.limit)]) + ("..." if self.w.limit < count else "")

    def vector(self, elements: int, count: int) -> str:
        """`count` bytes in buffers."""
        number, step = 1 + self.at, 2 * self.w.word
        found = self.w.datum(self.given.index, "iovec", at_exit=False, idx=number << 16)
        data = b"" if found is None else found.bytes
        if not self.address or len(data) < step:
            return pointer_text(self.address)
        shown: list[str] = []
        for element in range(min(elements, len(data) // step)):
            one = data[element * step : (element + 1) * step]
            base, length = (int.from_bytes(one[at : at + self.w.word], "little") for at in (0, self.w.word))
            payload = self.w.datum(self.given.index, "payload", at_exit=self.at_exit, idx=number << 16 | element)
            text = self._buffer(b"" if payload is None else payload.bytes, base, min(length, count))
            shown.append(f"{{iov_base={text}, iov_len={length}}}")
            count -= min(length, count)
        if self.w.brief and len(shown) > self.w.limit:
            shown = [*shown[: self.w.limit], "..."]
        elif len(shown) < elements:
            shown.append(f"... /* {self.address + len(shown) * step:#x} */")
        return f"[{', '.join(shown)}]"

    def _buffer(self, data: bytes, base: int, count: int) -> str:
        if not base or len(data) < min(count, self.w.limit + 1):
            return pointer_text(base)
        return self.w.data(data[:count], count)


def _data(given: Given, struct: str, *, at_exit: bool) -> bytes:
    """The structure, with what only the longer one has."""
    data = given.kept if at_exit else given.before
    rest = given.w.datum(given.index, "struct", at_exit=at_exit, idx=1 + struct_size("sg_io", given.w.arch))
    whole = (data or b"") + (b"" if rest is None or struct == "sg_io" else rest.bytes)
    return whole[: struct_size(struct, given.w.arch)]


def _command(given: Given) -> str:
    if given.before is None:
        return given.address
    version = int.from_bytes(given.before[:4], "little")
    if version not in _FORMS:
        return f"[{version}]"
    name, struct, sent, received = _FORMS[version]
    head, (before, after) = f"{name}='{chr(version)}'", (_data(given, struct, at_exit=side) for side in (False, True))
    size = struct_size(struct, given.w.arch)
    if len(before) < size:
        return f"{{{head}, {pointer_text(given.w.unsigned(given.w.values[given.index]) + 4)}}}"
    first = Struct(given.w, struct, before)
    shown = ", ".join([head, *sent(given, first)])
    if len(after) < size:
        return f"{{{shown}, ???}}"
    return f"{{{shown}{received(given, first, Struct(given.w, struct, after))}}}"


def _sg_data(given: Given, s: Struct, count: int, *, at_exit: bool) -> str:
    transfer = _Transfer(given, s["dxferp"], s.field("dxferp").offset, at_exit=at_exit)
    vectors = s["iovec_count"]
    return f"dxferp={transfer.vector(vectors, count) if vectors else transfer.data(count)}"


def _sg_sent(given: Given, s: Struct) -> Iterator[str]:
    yield from s.texts("dxfer_direction", "cmd_len")
    yield f"cmdp={_Transfer(given, s['cmdp'], s.field('cmdp').offset, at_exit=False).data(s['cmd_len'])}"
    yield from s.texts("mx_sb_len", "iovec_count", "dxfer_len", "timeout")
    yield f"flags={bits(given.w, s['flags'], table('device_sg_flags'), 'SG_FLAG_???')}"
    if s["dxfer_direction"] in (_TO_DEVICE, _BOTH_WAYS):
        yield _sg_data(given, s, s["dxfer_len"], at_exit=False)


def _sg_received(given: Given, first: Struct, s: Struct) -> str:
    direction, length, left = s["dxfer_direction"], s["dxfer_len"], s["resid"]
    done = length - left if 0 < left <= length else length
    text = ""
    if direction == _FROM_DEVICE or (direction == _BOTH_WAYS and done):
        text = (" => " if direction == _BOTH_WAYS else ", ") + _sg_data(given, s, done, at_exit=True)
    written = _Transfer(given, s["sbp"], s.field("sbp").offset, at_exit=True).data(s["sb_len_wr"])
    shown = [*s.texts("status", "masked_status", "msg_status", "sb_len_wr"), f"sbp={written}"]
    shown += s.texts("host_status", "driver_status", "resid", "duration", "info")
    return ", ".join([text, *shown])


def _bsg_data(given: Given, s: Struct, way: str, at: int, count: int) -> str:
    transfer = _Transfer(given, s[f"{way}_xferp"], at, at_exit=way == "din")
    vectors = s[f"{way}_iovec_count"]
    return f"{way}_xferp={transfer.vector(vectors, count) if vectors else transfer.data(count)}"


def _bsg_sent(given: Given, s: Struct) -> Iterator[str]:
    yield from s.texts("protocol", "subprotocol", "request_len")
    yield f"request={_Transfer(given, s['request'], _REQUEST_AT, at_exit=False).data(s['request_len'])}"
    yield from s.texts("request_tag", "request_attr", "request_priority", "request_extra", "max_response_len")
    yield from s.texts("dout_iovec_count", "dout_xfer_len", "din_iovec_count", "din_xfer_len")
    yield _bsg_data(given, s, "dout", _DOUT_AT, s["dout_xfer_len"])
    yield from s.texts("timeout", "flags", "usr_ptr")


def _bsg_received(given: Given, first: Struct, s: Struct) -> str:
    response = _Transfer(given, s["response"], _RESPONSE_AT, at_exit=True).data(s["response_len"])
    length, left = s["din_xfer_len"], s["din_resid"]
    shown = [*s.texts("response_len"), f"response={response}"]
    shown.append(_bsg_data(given, s, "din", _DIN_AT, length - left if 0 < left <= length else length))
    shown += s.texts("driver_status", "transport_status", "device_status", "retry_delay", "info", "duration")
    shown += s.texts("response_len", "din_resid", "dout_resid", "generated_tag")
    return ", " + ", ".join(shown)


_FORMS = {
    _SG: ("interface_id", "sg_io", _sg_sent, _sg_received),
    _BSG: ("guard", "sg_io_v4", _bsg_sent, _bsg_received),
}
FORMS: dict[str, Form] = {"sg_io": _command}
