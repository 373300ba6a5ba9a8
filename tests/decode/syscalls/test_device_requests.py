"""The sizes in the numbers of requests are those of the structures that are declared for them."""

import pytest

from wiretale.decode.structs import struct_size
from wiretale.decode.syscalls.device_requests import ROWS
from wiretale.model.enums import Arch

# linux/random.h and dm-ioctl.h have the size of the head only; EVIOCGNAME(0) and its like have none.
_OPEN_ENDED = {"other_random", "evdev_any", "dm_request"}
_SIZED = {
    request: row.split()[1]
    for request, row in ROWS.items()
    if row.split()[0] in ("in", "out", "inout", "inout!") and request >> 30 and row.split()[1] not in _OPEN_ENDED
}


@pytest.mark.parametrize("request_number", _SIZED, ids=hex)
def test_the_structure_is_as_large_as_its_number_says(request_number: int) -> None:
    assert struct_size(_SIZED[request_number], Arch.X86_64) == request_number >> 16 & 0x3FFF
