"""The names of the kernel's functions, kept in the spool as /proc/kallsyms gives them; the loader takes what occurs.

Without CAP_SYSLOG, or with kernel.kptr_restrict = 2, the kernel gives every address as 0 (kernel/kallsyms.c
kallsyms_show_value): then there is no use in keeping them, and the facts say why.
"""

import re
from pathlib import Path

_KALLSYMS, _MODULES = Path("/proc/kallsyms"), Path("/proc/modules")
_RESTRICT = Path("/proc/sys/kernel/kptr_restrict")
_NOTES = Path("/sys/kernel/notes")
_BUILD_ID = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0"  # elf(5): an ELF note of 20 bytes of type NT_GNU_BUILD_ID
_BUILD_ID_BYTES = 20
_KNOWN = re.compile(rb"^(?!0+ )[0-9a-f]", re.MULTILINE)  # some symbols, those of each CPU, are truly at 0


class Symbols:
    """One snapshot, replaced if modules come while it is recorded."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._modules: frozenset[str] = frozenset()
        self._why = ""

    def take(self) -> None:
        """Copy the names; without permission, remember why there are none."""
        self._modules = _modules()
        try:
            names = _KALLSYMS.read_bytes()
        except OSError as fault:
            self._why = f"/proc/kallsyms cannot be read: {fault.strerror}"
            return
        if _KNOWN.search(names):
            self._path.write_bytes(names)
            self._why = ""
            return
        hidden = _text(_RESTRICT) == "2"
        self._why = "kernel.kptr_restrict is 2" if hidden else "that takes root or CAP_SYSLOG"

    def take_again_if_modules_came(self) -> None:
        """Their functions have names only in a new snapshot."""
        if _modules() - self._modules:
            self.take()

    def facts(self) -> dict[str, str]:
        """Which kernel the names are of; `hidden`: why there are none."""
        facts = {"version": _text(Path("/proc/version")), "build_id": _build_id()}
        return facts | ({"hidden": self._why} if self._why else {})


def _modules() -> frozenset[str]:
    return frozenset(line.partition(" ")[0] for line in _text(_MODULES).splitlines())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _build_id() -> str:
    """Of the running kernel, as its debugging symbols are filed under; empty if it tells none."""
    try:
        notes = _NOTES.read_bytes()
    except OSError:
        return ""
    _, found, after = notes.partition(_BUILD_ID)
    return after[:_BUILD_ID_BYTES].hex() if found else ""
