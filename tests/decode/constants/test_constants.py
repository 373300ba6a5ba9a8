"""Names of numbers agree with the running system's, and every number has an answer."""

import errno
import os
import signal
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.decode import bpf_fields, constants, device_fields, network_request_fields, request_fields
from wiretale.decode.constants import devices, ioctl, kernel, rare
from wiretale.decode.constants.tables import TABLES
from wiretale.decode.struct_fields import FIELDS
from wiretale.decode.syscalls import CALLS
from wiretale.model.enums import Arch

# tables that a decoder makes of several others, or that depend on another argument
COMPOSED = {"protocol", "socket_type", "sockopt", "futex"}


def test_every_table_that_a_call_or_structure_names_exists() -> None:
    named = {a.constants for c in CALLS.values() for v in (c.args, *c.variants.values()) for a in v if a.constants}
    for row in (
        *FIELDS.values(),
        *request_fields.FIELDS.values(),
        *device_fields.FIELDS.values(),
        *network_request_fields.FIELDS.values(),
        *bpf_fields.FIELDS.values(),
    ):
        named |= {how[1:] for text in row.split(";") for how in [text.partition("~")[2]] if how[:1] in ("|", "=")}
    assert named - COMPOSED <= {*TABLES, *rare.TABLES, *ioctl.TABLES, *devices.TABLES, *kernel.TABLES}


@pytest.mark.parametrize(
    ("table", "prefix"),
    [
        ("family", "AF_"),
        ("so", "SO_"),
        ("tcp", "TCP_"),
        ("ip_protocol", "IPPROTO_"),
        ("msg", "MSG_"),
        ("shutdown", "SHUT_"),
    ],
)
def test_names_agree_with_the_socket_module(table: str, prefix: str) -> None:
    ours = {name: value for value, name in TABLES[table].items()}
    shared = {name for name in dir(socket) if name.startswith(prefix)} & set(ours)
    assert len(shared) >= 3
    assert {name: ours[name] for name in shared} == {name: int(getattr(socket, name)) for name in shared}


def test_errors_agree_with_libc() -> None:
    for number, name in errno.errorcode.items():
        if number < 512 and name not in ("EWOULDBLOCK", "EDEADLOCK", "ENOTSUP"):
            assert constants.error_text(number) == f"{constants.error_name(number)} ({os.strerror(number)})"
            assert constants.error_name(number) in (name, "EAGAIN", "EDEADLK", "EOPNOTSUPP")


def test_restart_codes_are_named() -> None:
    assert constants.error_name(512) == "ERESTARTSYS"
    assert constants.error_name(516) == "ERESTART_RESTARTBLOCK"


def test_signals_agree_with_the_signal_module() -> None:
    for number in signal.valid_signals():
        if number < 32:
            assert constants.signal_name(number) in (signal.Signals(number).name, "SIGIO", "SIGSTKFLT")
    assert constants.signal_name(33) == "SIGRT_1"


def test_open_flags_differ_on_arm64() -> None:
    assert constants.flags("open_flags", os.O_DIRECTORY | os.O_CLOEXEC) == "O_DIRECTORY|O_CLOEXEC"
    assert constants.flags("open_flags", 0o40000 | 0o2000000, Arch.AARCH64) == "O_DIRECTORY|O_CLOEXEC"
    assert constants.flags("open_flags", 0o40000) == "O_DIRECT"
    assert constants.flags("open_flags", os.O_TMPFILE) == "O_TMPFILE"


def test_a_wide_mask_wins_over_its_parts() -> None:
    assert constants.flags("open_flags", os.O_SYNC) == "O_SYNC"
    assert constants.flags("open_flags", os.O_DSYNC) == "O_DSYNC"


def test_unknown_bits_and_values_are_numbers() -> None:
    assert constants.flags("poll", 0x8001) == "POLLIN|0x8000"
    assert constants.names("family", 200) == "0xc8"
    assert constants.flags("poll", 0) == "0"


def test_numbers_stand_beside_names_on_request() -> None:
    assert constants.enumerator("family", 2)[1:] == ("AF_INET(2)", (("AF_INET", 2),))
    assert constants.flag_set("socket_flags", 0x800)[1:] == ("SOCK_NONBLOCK(0x800)", (("SOCK_NONBLOCK", 0x800),))


@settings(deadline=None)  # other tests share the CPUs
@given(st.sampled_from(sorted(TABLES)), st.integers(-(2**63), 2**64))
def test_every_number_has_a_text(table: str, value: int) -> None:
    assert constants.names(table, value)
    text, _, numbers = constants.flag_set(table, value)
    assert text
    assert all(bits & value == bits for _, bits in numbers)
