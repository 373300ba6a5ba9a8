"""Which two rows are one loopback packet: the copy that leaves and the copy that arrives."""

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.words import Ints
from wiretale.store.load.packet_blocks import BlockFile, PacketArrays

_ABSENT = -1
# As much of a frame as is compared. The recorder keeps at least this much of the copy that leaves.
COMPARED_BYTES = 96
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, bits well spread (2^64 / golden ratio)


def pair_twins(
    file: BlockFile, packets: PacketArrays, order: Ints, leaving: NDArray[np.bool_], arriving: NDArray[np.bool_]
) -> Ints:
    """For each row of `order` the packet_id (place in `order` plus 1) of its twin, or -1.

    The twin of the k-th packet that leaves with certain first bytes and a certain length is the k-th that arrives with
    the same. `leaving` and `arriving` mark the rows of loopback.
    """
    twin = np.full(len(order), _ABSENT, np.int64)
    out, into = np.flatnonzero(leaving), np.flatnonzero(arriving)
    if not len(out) or not len(into):
        return twin
    digest = _digests(file, packets, order[np.concatenate([out, into])])
    _, group = np.unique(digest, return_inverse=True)
    out_key = _occurrence_keys(group[: len(out)], len(order))
    into_key = _occurrence_keys(group[len(out) :], len(order))
    _, a, b = np.intersect1d(out_key, into_key, assume_unique=True, return_indices=True)
    twin[out[a]] = into[b] + 1
    twin[into[b]] = out[a] + 1
    return twin


def _occurrence_keys(group: Ints, most: int) -> Ints:
    """A number for (group, how many of that group came before)."""
    by_group = np.argsort(group, kind="stable")
    ordered = group[by_group]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    sizes = np.diff(np.concatenate([begins, [len(ordered)]]))
    keys = np.empty(len(group), np.int64)
    keys[by_group] = ordered * (most + 1) + np.arange(len(ordered)) - np.repeat(begins, sizes)
    return keys


def _digests(file: BlockFile, packets: PacketArrays, which: Ints) -> NDArray[np.uint64]:
    """A 64-bit digest of length and first bytes of each packet."""
    at = packets.at[which]
    size = np.minimum(packets.captured[which], COMPARED_BYTES)
    words = file.words()
    digest = packets.length[which].astype(np.uint64)
    for offset in range(0, COMPARED_BYTES, 8):
        whole = np.flatnonzero(size >= offset + 8)
        digest[whole] = _mixed(digest[whole], words.u64(at[whole] + offset))
    # The last word overlaps the one before it where the size is no multiple of 8.
    some = np.flatnonzero(size >= 8)
    digest[some] = _mixed(digest[some], words.u64(at[some] + size[some] - 8))
    return digest


def _mixed(digest: NDArray[np.uint64], word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = (digest ^ word) * _MIX
    return mixed ^ (mixed >> np.uint64(32))
