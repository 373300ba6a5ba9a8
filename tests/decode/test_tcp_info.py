"""struct tcp_info is read at every length, and as the kernel means it."""

import re
import shutil
import socket
import subprocess
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import require
from wiretale.decode.tcp_info import decode_tcp_info


def test_a_real_connection_reads_as_its_own_counters() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        peer, _ = server.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        client.sendall(b"x" * 777)
        assert peer.recv(777, socket.MSG_WAITALL)
        info = decode_tcp_info(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 300))
        received = decode_tcp_info(peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 300))
        peer.close()
    assert info["tcpi_state"] == 1
    assert info["tcpi_data_segs_out"] == 1
    assert info["tcpi_bytes_sent"] == 777
    assert received["tcpi_bytes_received"] == 777
    assert info["tcpi_snd_wscale"] == received["tcpi_rcv_wscale"]
    assert info["tcpi_snd_cwnd"] > 0


def test_the_first_version_of_the_structure_is_104_bytes() -> None:
    whole = list(decode_tcp_info(bytes(104)))
    assert whole[-1] == "tcpi_total_retrans"
    assert list(decode_tcp_info(bytes(103)))[-1] == "tcpi_rcv_space"


def test_fields_lie_where_the_compiler_puts_them(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    require(compiler and Path("/usr/include/linux/tcp.h").exists(), "a C compiler and linux/tcp.h")
    pattern = bytes(n * 37 % 251 for n in range(300))
    names = re.findall(r"\b(tcpi_\w+);", Path("/usr/include/linux/tcp.h").read_text())
    rows = "".join(f'printf("{n} %zu %zu\\n", offsetof(struct tcp_info, {n}), sizeof(info.{n}));' for n in names)
    includes = "".join(f"#include <{h}>\n" for h in ("stdio.h", "stddef.h", "linux/tcp.h"))
    source = f"{includes}int main(void) {{ struct tcp_info info; {rows} }}"
    (tmp_path / "offsets.c").write_text(source)
    subprocess.run([compiler or "", "-w", "-o", tmp_path / "offsets", tmp_path / "offsets.c"], check=True)
    told = subprocess.run([tmp_path / "offsets"], check=True, capture_output=True, text=True).stdout
    ours = decode_tcp_info(pattern)
    lines = [line.split() for line in told.splitlines()]
    assert len(lines) > 50
    for name, offset, size in lines:
        assert ours[name] == int.from_bytes(pattern[int(offset) : int(offset) + int(size)], "little"), name


@settings(deadline=None)  # other tests share the CPUs
@given(st.binary(max_size=400))
def test_longer_data_only_adds_fields(data: bytes) -> None:
    half = decode_tcp_info(data[: len(data) // 2])
    assert list(decode_tcp_info(data).items())[: len(half)] == list(half.items())
