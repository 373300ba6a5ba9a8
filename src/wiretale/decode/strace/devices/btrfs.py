"""Requests to file systems of btrfs (linux/btrfs.h) that are more than one field after another."""

from wiretale.decode.strace.devices.forms import Form, Given

LEAST: dict[str, int] = {}


def _features(given: Given) -> str:
    """What is wanted, and what of it is changed."""
    return f"[{given.first.part('wanted')}, {given.first.part('mask')}]"


def _clone(given: Given) -> str:
    first = given.first
    shown = [f"src_fd={given.w.fd((first['src_fd'] & 0xFFFFFFFF ^ 1 << 31) - (1 << 31))}"]
    return "{" + ", ".join([*shown, *first.texts("src_offset", "src_length", "dest_offset")]) + "}"


FORMS: dict[str, Form] = {
    "btrfs_flags": lambda given: given.only.value("value"),
    "btrfs_clone_range": _clone,
    "btrfs_features_set": _features,
}
