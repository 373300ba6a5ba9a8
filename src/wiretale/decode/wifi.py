"""IEEE 802.11 data frames, with the headers that capture programs put before them. LLC follows, as after IEEE 802.3.

Layouts: IEEE 802.11-2016, section 9.2; https://www.radiotap.org; linux/wlan "Prism" header (its length is in it).
"""

import numpy as np

from wiretale.decode.frames import Frames, Next
from wiretale.decode.words import Ints

_DATA = 2


def radiotap(frames: Frames, rows: Ints, _: Ints) -> None:
    rows = frames.with_room(rows, 8, "radiotap header")
    at = frames.pos[rows]
    size = frames.u8(at + 2) | frames.u8(at + 3) << 8  # little-endian
    ok = frames.step(rows, np.maximum(size, 8), "radiotap header")
    frames.follow(rows[ok], Next.WIFI)


def prism(frames: Frames, rows: Ints, _: Ints) -> None:
    """In the capturing machine's byte order; the length is small, so the order shows. Or the newer AVS header."""
    rows = frames.with_room(rows, 8, "Prism header")
    at = frames.pos[rows]
    is_avs = (frames.u32(at) & 0xFFFFF000) == 0x80211000
    length = frames.u32(at + 4)
    swapped = length >> 24 | (length >> 8 & 0xFF00)
    size = np.where(is_avs | (length >> 16 == 0), length, swapped)
    ok = frames.step(rows, np.maximum(size, 8), "Prism header")
    frames.follow(rows[ok], Next.WIFI)


def wifi(frames: Frames, rows: Ints, exchanged: Ints) -> None:
    """Where `exchanged` is 1, the first two bytes stand in the other order (CAPWAP)."""
    fits = frames.has_room(rows, 24, "IEEE 802.11 header")
    rows, exchanged = rows[fits], exchanged[fits]
    at = frames.pos[rows]
    first, second = frames.u8(at + exchanged), frames.u8(at + 1 - exchanged)
    is_data = ((first >> 2 & 3) == _DATA) & (first & 0x40 == 0)
    frames.stop(rows[~is_data], "IEEE 802.11 frame without data")
    hidden = second & 0x40 != 0
    frames.stop(rows[is_data & hidden], "IEEE 802.11 frame is encrypted")
    go = is_data & ~hidden
    rows, first, second = rows[go], first[go], second[go]
    with_quality = first & 0x80 != 0
    size = 24 + 6 * (second & 3 == 3) + with_quality * (2 + 4 * (second & 0x80 != 0))
    ok = frames.step(rows, size, "IEEE 802.11 header")
    frames.follow(rows[ok], Next.LLC)
