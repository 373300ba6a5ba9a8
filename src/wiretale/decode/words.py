"""Reading integers at any position of a byte array, for many positions at once."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Words:
    """`u16(positions)` and so on gather integers as int64. Every position must lie inside, with room for the integer.

    `order` is ">" for network order, "<" for little-endian. Alignment does not matter.
    """

    def __init__(self, buffer: NDArray[np.uint8], order: str) -> None:
        data = np.ascontiguousarray(buffer)
        size = len(data)
        # One overlapping view per width: element i is the integer that begins at byte i.
        self._u8 = data
        self._u16 = np.ndarray((max(size - 1, 0),), f"{order}u2", data, strides=(1,))
        self._u32 = np.ndarray((max(size - 3, 0),), f"{order}u4", data, strides=(1,))
        self._u64 = np.ndarray((max(size - 7, 0),), f"{order}u8", data, strides=(1,))

    def u8(self, at: Ints) -> Ints:
        return self._u8[at].astype(np.int64)

    def u16(self, at: Ints) -> Ints:
        return self._u16[at].astype(np.int64)

    def u32(self, at: Ints) -> Ints:
        return self._u32[at].astype(np.int64)

    def u64(self, at: Ints) -> NDArray[np.uint64]:
        return self._u64[at].astype(np.uint64)
