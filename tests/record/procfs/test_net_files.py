"""/proc/net by hand: the columns that are used, and lines that make no sense."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.record.procfs.net_files import inet_sockets, unix_sockets

TCP6 = (
    "  sl  local_address remote_address st\n"
    "   0: 00000000000000000000000001000000:0FA0 00000000000000000000000001000000:115C 01 00000006:00000009 00:00000000"
    " 00000000  1000        0 4242 1 0000000000000000 20 4 30 10 -1\n"
)
UNIX = (
    "Num       RefCount Protocol Flags    Type St Inode Path\n"
    "0000000000000000: 00000002 00000000 00010000 0001 01 77 /run/a b\n"
    "0000000000000000: 00000003 00000000 00000000 0002 03 78\n"
)


def test_a_line_of_tcp6(tmp_path: Path) -> None:
    (tmp_path / "tcp6").write_text(TCP6)
    (row,) = inet_sockets(tmp_path)
    assert (row["local_addr"], row["local_port"], row["peer_addr"], row["peer_port"]) == ("::1", 4000, "::1", 4444)
    assert (row["state"], row["send_queue"], row["recv_queue"], row["uid"], row["inode"]) == (
        "ESTABLISHED",
        6,
        9,
        1000,
        4242,
    )
    assert (row["family"], row["type"], row["cookie"], row["tcp_info"]) == ("AF_INET6", "SOCK_STREAM", None, None)


def test_lines_of_unix(tmp_path: Path) -> None:
    (tmp_path / "unix").write_text(UNIX)
    rows = [(r["inode"], r["type"], r["state"], r["local_addr"]) for r in unix_sockets(tmp_path)]
    assert rows == [(77, "SOCK_STREAM", "LISTEN", "/run/a b"), (78, "SOCK_DGRAM", "ESTABLISHED", None)]


@settings(deadline=None)
@given(st.text(max_size=120), st.binary(max_size=60))
def test_any_text_is_survived(text: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("tcp", "tcp6", "udp", "unix"):
            (folder / file).write_bytes(b"header\n" + text.encode(errors="replace") + b"\n" + data + TCP6.encode())
        assert len(list(inet_sockets(folder))) >= 1
        list(unix_sockets(folder))
