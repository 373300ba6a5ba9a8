"""Structures of requests to devices in the words of `wiretale show`, whatever their bytes are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.decode.device_fields import FIELDS
from wiretale.decode.record_types import RawCall
from wiretale.decode.struct_text import struct_text
from wiretale.decode.structs import struct_size
from wiretale.decode.writer import Writer
from wiretale.model.enums import Arch


def text(name: str, data: bytes) -> str:
    call = RawCall("ioctl", Arch.X86_64, (3, 0, 0, 0, 0, 0), 0, None)
    return struct_text(Writer(call, label=None, limit=32, numbered=False), name, data)


@pytest.mark.parametrize("name", FIELDS)
@given(byte=st.integers(0, 255), missing=st.integers(0, 8))
def test_every_structure_has_words(name: str, byte: int, missing: int) -> None:
    data = bytes([byte]) * max(struct_size(name, Arch.X86_64) - missing, 0)
    assert text(name, data).isprintable()


def test_an_array_of_structures_is_not_said_to_be_empty() -> None:
    assert ", ts=[...]" in text("ptp_samples", bytes(struct_size("ptp_samples", Arch.X86_64)))
