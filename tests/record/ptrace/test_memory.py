"""What the tracer reads of a program's memory: payload, strings, structures, and no more of it than asked for."""

import errno
import sys
from pathlib import Path

import pytest

from tests.record.ptrace.tracing import script, trace

pytestmark = pytest.mark.e2e


def test_memory_of_calls_is_what_the_program_wrote(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import os, socket
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        a.send(b"x" * 300)
        b.recv(1000)
        a.sendmsg([b"head", b"-", b"tail" * 100])
        b.recvmsg(1000)
        os.writev(a.fileno(), [b"one", b"two"])
        os.readv(b.fileno(), [bytearray(2), bytearray(10)])
        """,
    )
    traced = trace(tmp_path / "spool", *program)
    sent = traced.rows(
        """SELECT c.name, d.idx, d."offset", d.full_bytes, d.bytes FROM call_data d JOIN call c USING (call_id)
           WHERE d.role = 'payload' AND c.name IN ('sendto', 'recvfrom', 'sendmsg', 'recvmsg', 'writev', 'readv')
           ORDER BY call_id, d.idx"""
    )
    assert sent == [
        ("sendto", 0, 0, 300, b"x" * 256),
        ("recvfrom", 0, 0, 300, b"x" * 256),
        ("sendmsg", 0, 0, 4, b"head"),
        ("sendmsg", 1, 4, 1, b"-"),
        ("sendmsg", 2, 5, 400, (b"tail" * 100)[: 256 - 5]),
        ("recvmsg", 0, 0, 405, (b"head-" + b"tail" * 100)[:256]),
        ("writev", 0, 0, 3, b"one"),
        ("writev", 1, 3, 3, b"two"),
        ("readv", 0, 0, 2, b"on"),
        ("readv", 1, 2, 4, b"etwo"),
    ]


@pytest.mark.parametrize("snaplen", [0, 5, None])
def test_snaplen_cuts_payload_and_keeps_its_length(tmp_path: Path, snaplen: int | None) -> None:
    program = script(tmp_path, "import os; r, w = os.pipe(); os.write(w, bytes(range(200)) * 100)")
    traced = trace(tmp_path / "spool", *program, options={"snaplen": snaplen})
    full, kept = traced.rows(
        """SELECT d.full_bytes, d.bytes FROM call_data d JOIN call c USING (call_id)
           WHERE c.name = 'write' AND d.role = 'payload' AND d.full_bytes = 20000"""
    )[0]
    assert full == 20000
    assert kept == (bytes(range(200)) * 100)[:snaplen]


def test_a_string_at_the_end_of_a_mapping_is_read(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import ctypes, mmap
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
        libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        at = libc.mmap(None, 8192, 3, 0x22, -1, 0)
        libc.munmap(at + 4096, 4096)
        ctypes.memmove(at + 4096 - 9, b"/nowhere", 9)
        libc.access(ctypes.c_void_p(at + 4096 - 9), 0)
        libc.access(ctypes.c_void_p(at + 4096), 0)
        """,
    )
    traced = trace(tmp_path / "spool", *program)
    assert traced.rows(
        """SELECT d.bytes, d.error FROM call_data d JOIN call c USING (call_id)
           WHERE c.name = 'access' AND (d.bytes = '/nowhere'::BLOB OR d.error <> 0) ORDER BY call_id"""
    ) == [(b"/nowhere", 0), (b"", errno.EFAULT)]


SCATTERED = r"""
import ctypes, mmap, os, select
libc = ctypes.CDLL(None, use_errno=True)
page = mmap.PAGESIZE
libc.mmap.restype = ctypes.c_void_p
base = libc.mmap(None, 3 * page, 3, 0x22, -1, 0)
libc.munmap(ctypes.c_void_p(base + page), page)
# argv: strings at the end of a mapping, at its start, and across nothing; a pointer into the hole
words = [(base + page - 4, b"end"), (base + 2 * page, b"start"), (base + 8, b"x" * 300)]
for address, text in words:
    ctypes.memmove(address, text + b"\0", len(text) + 1)
vector = (ctypes.c_void_p * 5)(words[0][0], words[1][0], words[2][0], base + page, None)
libc.execve(b"/nonexistent", vector, None)
# the same place between two calls is read anew
for text in (b"first", b"second"):
    ctypes.memmove(base + 8, text + b"\0", len(text) + 1)
    vector = (ctypes.c_void_p * 3)(words[2][0], words[1][0], None)
    libc.execve(b"/nonexistent", vector, None)
"""


def test_scattered_strings_are_read_whole_and_never_from_an_earlier_stop(tmp_path: Path) -> None:
    traced = trace(tmp_path / "spool", sys.executable, "-c", SCATTERED)
    found = traced.rows(
        "SELECT bytes FROM call_data JOIN call USING (call_id) WHERE call.name = 'execve' AND call_id IN "
        "(SELECT call_id FROM call_data WHERE bytes = '/nonexistent'::BLOB) "
        "AND role = 'argv' ORDER BY call.entry_ns, idx"
    )
    expected = [b"end", b"start", b"x" * 300, b"", b"first", b"start", b"second", b"start"]
    assert [bytes(data or b"") for (data,) in found] == expected


def test_a_wild_length_does_not_fill_the_disk(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import ctypes, os
        r, w = os.pipe()
        libc = ctypes.CDLL(None)
        text = ctypes.create_string_buffer(b"y" * 100000)
        libc.write(w, text, ctypes.c_size_t(1 << 46))
        """,
    )
    traced = trace(tmp_path / "spool", *program, options={"snaplen": None})
    full, error, kept = traced.rows(
        "SELECT full_bytes, error, octet_length(bytes) FROM call_data WHERE role = 'payload' ORDER BY full_bytes DESC"
    )[0]
    assert full == 1 << 46 and error == errno.EFAULT and kept >= 100000
    assert traced.report.lost == 0
