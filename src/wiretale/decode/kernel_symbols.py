"""Addresses of kernel code to the functions they lie in, from the text of /proc/kallsyms (proc(5)).

The table has no sizes: a function is taken to end where the next symbol of code begins. Left out are data and the
padding in front of functions (`__pfx_`), and no address behind the kernel's code (`_etext`) gets the name of the last
function in it.
"""

import numpy as np
from numpy.typing import NDArray

from wiretale.light import dataclass

_CODE = frozenset(b"tTwW")
_PADDING = b"__pfx_"
_END_OF_CODE = b"_etext"
_NAME_AT = 19  # "ffffffff81000000 T _text[\\t[module]]"
_ADDRESS_BYTES = 16


@dataclass(frozen=True, slots=True)
class Function:
    """A function and the place in it; `module` is empty for the kernel itself."""

    name: str
    module: str
    offset: int


class Symbols:
    """The functions of one kernel at one time. Lines that are no symbols are left out."""

    def __init__(self, kallsyms: bytes) -> None:
        found: dict[int, bytes] = {}
        end = 0
        for line in kallsyms.split(b"\n"):
            name = line[_NAME_AT:]
            if len(line) <= _NAME_AT or line[17] not in _CODE or name.startswith(_PADDING):
                continue
            try:
                address = int(line[:_ADDRESS_BYTES], 16)
            except ValueError:
                continue
            if name == _END_OF_CODE:
                end = address
            if address and (line[17] in b"TW" or address not in found):  # of two names the one others may use
                found[address] = name
        self._starts = np.array(sorted(found), np.uint64)
        self._names = [found[int(address)] for address in self._starts]
        self._end = end

    def __len__(self) -> int:
        return len(self._names)

    def functions(self, addresses: NDArray[np.uint64]) -> list[Function | None]:
        """Of return addresses: the call before one decides, so that of a function that never returns is right too."""
        before = addresses - np.uint64(1)
        at = np.searchsorted(self._starts, before, side="right") - 1
        return [self._function(int(index), int(address)) for index, address in zip(at, addresses, strict=True)]

    def _function(self, index: int, address: int) -> Function | None:
        if index < 0 or address == 0:
            return None
        name, _, module = self._names[index].decode(errors="replace").partition("\t")
        if not module and self._end and address > self._end:
            return None
        return Function(name, module.strip("[]"), address - int(self._starts[index]))
