"""The names of the families of generic netlink, whose numbers the kernel gives out as they are registered."""

import struct
from _socket import AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, socket  # socket makes enumerations of hundreds of constants
from functools import cache

_NETLINK_GENERIC, _NLMSG_DONE, _NLMSG_ERROR, _GENL_ID_CTRL = 16, 3, 2, 16  # linux/netlink.h, linux/genetlink.h
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_CTRL_CMD_GETFAMILY, _ATTR_FAMILY_ID, _ATTR_FAMILY_NAME = 3, 1, 2
_MESSAGE = struct.Struct("=IHHII")
_GENERIC = struct.Struct("=BBH")
_ATTRIBUTE = struct.Struct("=HH")
_ANSWER_BYTES = 65536


def family_name(number: int) -> str:
    """Empty if there is no such family, or if the kernel cannot be asked."""
    return _families().get(number, "")


@cache
def _families() -> dict[int, str]:
    found: dict[int, str] = {}
    try:
        asked = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, _NETLINK_GENERIC)
    except OSError:
        return found
    try:
        head = _MESSAGE.pack(_MESSAGE.size + _GENERIC.size, _GENL_ID_CTRL, _REQUEST_DUMP, 0, 0)
        asked.send(head + _GENERIC.pack(_CTRL_CMD_GETFAMILY, 1, 0))
        while _read(asked.recv(_ANSWER_BYTES), found):
            pass
    except OSError:
        pass  # what has been told until then is true
    finally:
        asked.close()
    return found


def _read(answer: bytes, found: dict[int, str]) -> bool:
    """Take the families of some messages; whether more will come."""
    at = 0
    while at + _MESSAGE.size <= len(answer):
        size, kind, *_ = _MESSAGE.unpack_from(answer, at)
        if kind in (_NLMSG_DONE, _NLMSG_ERROR) or size < _MESSAGE.size:
            return False
        attributes = _attributes(answer[at + _MESSAGE.size + _GENERIC.size : at + size])
        number, name = attributes.get(_ATTR_FAMILY_ID, b""), attributes.get(_ATTR_FAMILY_NAME, b"")
        found[int.from_bytes(number[:2], "little")] = name.rstrip(b"\0").decode("ascii", "replace")
        at += (size + 3) // 4 * 4
    return bool(answer)


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < _ATTRIBUTE.size:
            break
        found[kind] = data[at + _ATTRIBUTE.size : at + size]
        at += (size + 3) // 4 * 4
    return found
