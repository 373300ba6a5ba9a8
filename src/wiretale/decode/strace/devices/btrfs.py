"""Requests to file systems of btrfs (linux/btrfs.h) that are more than one field after another."""

from wiretale.decode.strace.devices import btrfs_devices, btrfs_trees
from wiretale.decode.strace.devices.forms import Form, Given, limited
from wiretale.decode.strace.writer import StraceWriter

LEAST = {**btrfs_devices.LEAST, **btrfs_trees.LEAST}


def _descriptor(w: StraceWriter, value: int) -> str:
    return w.fd((value & 0xFFFFFFFF ^ 1 << 31) - (1 << 31))


def _volume(given: Given) -> str:
    """A descriptor and a name, which is never cut."""
    name, nul, _ = given.first.bytes("name").partition(b"\0")
    text = given.w.text(name) if nul else given.w.text(name[:-1]) + "..."
    return f"{{fd={_descriptor(given.w, given.first['fd'])}, name={text}}}"


def _defragment(given: Given) -> str:
    s = given.first
    return (
        "{"
        + ", ".join([*s.texts("start"), limited(s, "len"), *s.texts("flags", "extent_thresh", "compress_type")])
        + "}"
    )


def _features(given: Given) -> str:
    """What is wanted, and what of it is changed."""
    return f"[{given.first.part('wanted')}, {given.first.part('mask')}]"


def _clone(given: Given) -> str:
    first = given.first
    shown = [f"src_fd={_descriptor(given.w, first['src_fd'])}"]
    return "{" + ", ".join([*shown, *first.texts("src_offset", "src_length", "dest_offset")]) + "}"


FORMS: dict[str, Form] = {
    "btrfs_flags": lambda given: given.only.value("value"),
    "btrfs_clone_range": _clone,
    "btrfs_defrag_range": _defragment,
    "btrfs_volume": _volume,
    "btrfs_features_set": _features,
    **btrfs_devices.FORMS,
    **btrfs_trees.FORMS,
}
