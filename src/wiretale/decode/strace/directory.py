"""Entries of a directory as -v lists them: struct linux_dirent and linux_dirent64 (linux/dirent.h, getdents(2))."""

from wiretale.decode import leftovers
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.syscalls.spec import Arg
from wiretale.decode.writer import Writer

_TYPES = {
    0: "DT_UNKNOWN", 1: "DT_FIFO", 2: "DT_CHR", 4: "DT_DIR", 6: "DT_BLK", 8: "DT_REG", 10: "DT_LNK", 12: "DT_SOCK",
    14: "DT_WHT",
}  # fmt: skip


def _entry(w: StraceWriter, record: bytes, word: int, *, newer: bool) -> str:
    """One record; the type is behind the name in the older form."""
    head = 2 * word + 2
    kind = record[head] if newer else record[-1]
    name = record[head + newer :].split(b"\0", 1)[0]
    inode = int.from_bytes(record[:word], "little")
    offset = int.from_bytes(record[word : 2 * word], "little", signed=newer)
    type_text = f"d_type={_TYPES.get(kind) or f'{kind:#x} /* DT_??? */'}"
    name_text = f"d_name={w.text(name)}"
    both = f"{type_text}, {name_text}" if newer else f"{name_text}, {type_text}"
    return f"{{d_ino={inode}, d_off={offset}, d_reclen={len(record)}, {both}}}"


def entries(w: Writer, index: int, arg: Arg) -> str:
    """All records, or how many there are."""
    assert isinstance(w, StraceWriter)
    datum = w.readable(index, "payload", at_exit=True)
    if w.brief or w.terse or not w.succeeded or (datum is None and w.call.retval):
        return leftovers.directory(w, index, arg)
    newer = w.call.name == "getdents64"
    word = 8 if newer else w.word
    data, at, shown = datum.bytes if datum is not None else b"", 0, []
    while at + 2 * word + 3 <= len(data):
        length = int.from_bytes(data[at + 2 * word : at + 2 * word + 2], "little")
        if length < 2 * word + 3 or at + length > len(data):
            break
        shown.append(_entry(w, data[at : at + length], word, newer=newer))
        at += length
    return f"[{', '.join(shown)}]"
