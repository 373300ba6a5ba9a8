"""-z: which ports can be reached."""

import socket
import subprocess

from tests.netcat.programs import OURS, free_port


def scan(*words: str) -> subprocess.CompletedProcess[str]:
    """The scan's outcome."""
    return subprocess.run([*OURS, *words], capture_output=True, text=True, timeout=30, check=False)


def test_open_and_closed_ports_of_a_range_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = scan("-nvz", "127.0.0.1", f"{port - 1}-{port}")
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == f"connection to 127.0.0.1 {port} port [tcp/*] succeeded!"
    assert f"connect to 127.0.0.1 {port - 1} (tcp) failed: Connection refused" in done.stderr


def test_nothing_is_sent_to_a_tcp_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert scan("-z", "127.0.0.1", str(listener.getsockname()[1])).returncode == 0
        connection, _ = listener.accept()
        assert connection.recv(1) == b""
        connection.close()


def test_a_closed_port_is_a_failure_with_its_reason() -> None:
    port = free_port()
    done = scan("-z", "127.0.0.1", str(port))
    assert (done.returncode, done.stderr) == (1, f"nc: connect to 127.0.0.1 {port} (tcp) failed: Connection refused\n")


def test_udp_ports_are_asked_with_one_byte() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        done = scan("-zu", "-w", "0.2", "127.0.0.1", str(server.getsockname()[1]))
        assert done.returncode == 0
        assert server.recv(10) == b"X"
    closed = free_port(socket.SOCK_DGRAM)
    done = scan("-zu", "127.0.0.1", str(closed))
    assert (done.returncode, done.stderr) == (
        1,
        f"nc: connect to 127.0.0.1 {closed} (udp) failed: Connection refused\n",
    )
