"""Keys in strace's words. Source: keyctl(2), linux/keyctl.h."""

import struct

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import Printer, address, short_string, strace
from wiretale.decode.strace.arrays import whole
from wiretale.decode.strace.style import Names
from wiretale.decode.struct_text import field_text
from wiretale.decode.structs import struct_size, unpack
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer, pointer_text, signed32

_VERIFY = 28  # KEYCTL_PKEY_VERIFY, which has a second input and no output


def _serial(w: Writer, index: int, arg: Arg) -> str:
    """A key by its number, or one of those that every process has."""
    return _signed_name(w, arg.constants, signed32(w.values[index]), "")


def _signed_name(w: Writer, constants: str, value: int, unknown: str) -> str:
    """A constant whose number is decimal and may be negative."""
    name = names.known(constants, value, w.arch) or unknown
    style = strace(w).style.names
    if style is Names.RAW or not name:
        return str(value)
    return f"{value} /* {name} */" if style is Names.VERBOSE or name == unknown else name


def _default_keyring(w: Writer, index: int, arg: Arg) -> str:
    return _signed_name(w, arg.constants, signed32(w.values[index]), "KEY_REQKEY_DEFL_???")


def _error(w: Writer, index: int, arg: Arg) -> str:
    """The error that those who ask for the key will get."""
    value = w.values[index] & 0xFFFFFFFF
    name = w.error(value).split()[0] if value else ""
    if name[:1] != "E" or strace(w).style.names is Names.RAW:
        return str(value)
    return f"{value} /* {name} */" if strace(w).style.names is Names.VERBOSE else name


def _terminated(w: Writer, index: int, arg: Arg) -> str:
    """A text with the NUL that the kernel puts behind it."""
    datum = w.readable(index, "payload", at_exit=True)
    if datum is None or not w.succeeded:
        return address(w, index)
    ends = len(datum.bytes) == datum.full_bytes <= w.limit and datum.bytes.endswith(b"\0")
    return w.data(datum.bytes[:-1], datum.full_bytes - 1) if ends else w.data(datum.bytes, datum.full_bytes)


def _capabilities(w: Writer, index: int, arg: Arg) -> str:
    datum = w.readable(index, "payload", at_exit=True)
    if datum is None or not w.succeeded:
        return address(w, index)
    texts = [w.flags(f"keyctl_caps{at}", byte) if at < 2 else names.number(byte) for at, byte in enumerate(datum.bytes)]
    return f"[{', '.join(texts)}]"


def _parameters(w: Writer, index: int, arg: Arg) -> str:
    """A structure of the public-key and Diffie-Hellman operations."""
    data = whole(w, index, at_exit=arg.name == "result")
    if data is None or len(data) < struct_size(arg.struct, w.arch):
        return address(w, index)
    shown = []
    for field, value in unpack(arg.struct, w.arch, data):
        if field.how == "=key_serial" and isinstance(value, int):
            shown.append(f"{field.name}={_signed_name(w, 'key_serial', value, '')}")
        elif field.name == "spare":
            shown += [text for text in (_spare(w, data[field.offset : field.offset + field.size]),) if text]
        else:
            name = "in2_len" if field.name == "out_len" and w.values[0] & 0xFFFFFFFF == _VERIFY else field.name
            shown.append(f"{name}={field_text(w, field, value)}")
    return "{" + ", ".join(shown) + "}"


def _spare(w: Writer, data: bytes) -> str:
    """Words that ought to be zero, where they are not."""
    values = [names.number(v) for (v,) in struct.iter_unpack("<I", data)]
    cut = strace(w).brief and len(values) > w.limit
    return f"__spare=[{', '.join([*values[: w.limit], '...'] if cut else values)}]" if any(data) else ""


def _derivation(w: Writer, index: int, arg: Arg) -> str:
    """struct keyctl_kdf_params: the name of a hash and bytes that are hashed too."""
    data = whole(w, index, at_exit=False)
    if data is None or len(data) < struct_size(arg.struct, w.arch):
        return address(w, index)
    word = w.word
    name, other, length = (
        int.from_bytes(data[at:end], "little") for at, end in ((0, word), (word, 2 * word), (2 * word, 2 * word + 4))
    )
    hashed, info = w.datum(index, "string", at_exit=False, idx=1), w.datum(index, "struct", at_exit=False, idx=1 + word)
    shown = pointer_text(name)
    if hashed is not None and len(hashed.bytes) > w.limit:
        shown = w.data(hashed.bytes, len(hashed.bytes))
    elif hashed is not None and not hashed.error:
        shown = strace(w).text(hashed.bytes)
    there = info is not None and length and len(info.bytes) >= min(length, w.limit + 1)
    other_text = w.data(info.bytes, length) if there and info is not None else pointer_text(other)
    spare = _spare(w, data[2 * word + 4 : 2 * word + 36])
    rest = f", {spare}" if spare else ""
    return f"{{hashname={shown}, otherinfo={other_text}, otherinfolen={length}{rest}}}"


def _input(w: Writer, index: int, arg: Arg) -> str:
    parameters, where = whole(w, 1, at_exit=False), w.unsigned(w.values[index])
    if parameters is None or len(parameters) < struct_size("keyctl_pkey_params", w.arch) or not where:
        return pointer_text(where)
    length = int.from_bytes(parameters[arg.count : arg.count + 4], "little")
    datum = w.readable(index, "payload", at_exit=False)
    if not length:
        return '""'
    there = datum is not None and len(datum.bytes) >= min(length, w.limit + 1)
    return w.data(datum.bytes, length) if there and datum is not None else pointer_text(where)


_KEYS = ("key", "keyring", "dest_keyring", "from", "to")
_STRINGS = ("name", "type", "description", "restriction", "info")
ARGUMENTS: dict[tuple[str, str], Printer] = {
    **{("keyctl", name): _serial for name in _KEYS},
    **{("keyctl", name): short_string for name in _STRINGS},
    ("add_key", "keyring"): _serial,
    ("request_key", "dest_keyring"): _serial,
    **{("add_key", name): short_string for name in ("type", "description")},
    **{("request_key", name): short_string for name in ("type", "description", "callout_info")},
    ("keyctl", "reqkey_defl"): _default_keyring,
    ("keyctl", "error"): _error,
    ("keyctl", "text"): _terminated,
    ("keyctl", "capabilities"): _capabilities,
    ("keyctl", "params"): _parameters,
    ("keyctl", "result"): _parameters,
    ("keyctl", "kdf_params"): _derivation,
    ("keyctl", "in"): _input,
    ("keyctl", "in2"): _input,
    ("keyctl", "out"): lambda w, i, a: address(w, i),
}
