"""Calls about the kernel's keys. Source: keyctl(2) and the pages it names, linux/keyctl.h."""

from wiretale.decode.syscalls._args import (
    call,
    data_in,
    data_out,
    enum,
    flags,
    hexadecimal,
    integer,
    iovec_in,
    size,
    string,
    struct_in,
    struct_out,
    uid,
    ulong,
    unsigned,
)
from wiretale.decode.syscalls.spec import Arg, Call, Follow, Kind

_OPERATION = enum("operation", "keyctl")
_IN_LENGTH, _SECOND_LENGTH = 4, 8  # struct keyctl_pkey_params: in_len, out_len


def _key(name: str = "key") -> Arg:
    return enum(name, "key_serial")


_ONE_KEY = (_OPERATION, _key())
_RING = _key("keyring")
_PARAMETERS = struct_in("params", "keyctl_pkey_params")
_INFO = string("info")
_INPUT = Arg("in", Kind.MEASURED_IN, 1, count=_IN_LENGTH)
_MAKES = (_OPERATION, _PARAMETERS, _INFO, _INPUT, hexadecimal("out"))  # encrypts, decrypts or signs
_KDF = struct_in(
    "kdf_params", "keyctl_kdf_params", follows=(Follow("hashname"), Follow("otherinfo", 1, "otherinfolen"))
)
_KEYCTL: dict[int, tuple[Arg, ...]] = {
    0: (*_ONE_KEY, integer("create")),  # GET_KEYRING_ID
    1: (_OPERATION, string("name")),  # JOIN_SESSION_KEYRING
    2: (*_ONE_KEY, data_in("payload", 3), size("plen")),  # UPDATE
    3: _ONE_KEY,  # REVOKE
    4: (*_ONE_KEY, uid("uid"), uid("gid")),  # CHOWN
    5: (*_ONE_KEY, flags("perm", "key_permission")),  # SETPERM
    6: (*_ONE_KEY, data_out("text", 3), size("buflen")),  # DESCRIBE
    7: (_OPERATION, _RING),  # CLEAR
    8: (*_ONE_KEY, _RING),  # LINK
    9: (*_ONE_KEY, _RING),  # UNLINK
    10: (_OPERATION, _RING, string("type"), string("description"), _key("dest_keyring")),  # SEARCH
    11: (*_ONE_KEY, data_out("buffer", 3), size("buflen")),  # READ
    12: (*_ONE_KEY, data_in("payload", 3), size("plen"), _RING),  # INSTANTIATE
    13: (*_ONE_KEY, unsigned("timeout"), _RING),  # NEGATE
    14: (_OPERATION, enum("reqkey_defl", "key_reqkey")),  # SET_REQKEY_KEYRING
    15: (*_ONE_KEY, unsigned("timeout")),  # SET_TIMEOUT
    16: _ONE_KEY,  # ASSUME_AUTHORITY
    17: (*_ONE_KEY, data_out("text", 3), size("buflen")),  # GET_SECURITY
    18: (_OPERATION,),  # SESSION_TO_PARENT
    19: (*_ONE_KEY, unsigned("timeout"), unsigned("error"), _RING),  # REJECT
    20: (*_ONE_KEY, iovec_in("payload_iov", 3), ulong("ioc"), _RING),  # INSTANTIATE_IOV
    21: _ONE_KEY,  # INVALIDATE
    22: (_OPERATION, uid("uid"), _RING),  # GET_PERSISTENT
    23: (
        _OPERATION,
        struct_in("params", "keyctl_dh_params"),
        data_out("buffer", 3),
        size("buflen"),
        _KDF,
    ),  # DH_COMPUTE
    24: (*_ONE_KEY, hexadecimal("reserved"), _INFO, struct_out("result", "keyctl_pkey_query")),  # PKEY_QUERY
    **dict.fromkeys((25, 26, 27), _MAKES),  # PKEY_ENCRYPT, PKEY_DECRYPT, PKEY_SIGN
    28: (_OPERATION, _PARAMETERS, _INFO, _INPUT, Arg("in2", Kind.MEASURED_IN, 1, count=_SECOND_LENGTH)),  # PKEY_VERIFY
    29: (_OPERATION, _RING, string("type"), string("restriction")),  # RESTRICT_KEYRING
    30: (*_ONE_KEY, _key("from"), _key("to"), flags("flags", "keyctl_move")),  # MOVE
    31: (_OPERATION, data_out("capabilities", 2), size("buflen")),  # CAPABILITIES
}
CALLS: tuple[Call, ...] = (
    call(
        "add_key",
        string("type"),
        string("description"),
        data_in("payload", 3),
        size("plen"),
        _RING,
    ),
    call("request_key", string("type"), string("description"), string("callout_info"), _key("dest_keyring")),
    call(
        "keyctl",
        _OPERATION,
        *(hexadecimal(name) for name in ("arg2", "arg3", "arg4", "arg5")),
        variant_arg=0,
        variants=_KEYCTL,
    ),
)
