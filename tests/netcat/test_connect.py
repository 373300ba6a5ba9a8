"""The client's side: local addresses, refusals, time limits."""

import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.netcat.programs import OURS, free_port, read_exactly, started, wait_bound, wait_path


def run(*words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Our netcat with these words, to its end."""
    return subprocess.run([*OURS, *words], input=data, capture_output=True, timeout=30, check=False)


def test_a_client_with_a_local_port_can_connect_again_at_once() -> None:
    server_port, local_port = free_port(), free_port()
    for round_number in range(3):
        with started([*OURS, "-l", "127.0.0.1", str(server_port)], stdin=subprocess.DEVNULL) as server:
            wait_bound(server_port)
            done = run("-N", "-p", str(local_port), "127.0.0.1", str(server_port), data=b"%d" % round_number)
            assert (done.returncode, done.stderr) == (0, b"")
            assert read_exactly(server.stdout, 1) == b"%d" % round_number
            assert server.wait(10) == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_local_address_and_port_are_used(host: str) -> None:
    local_port = free_port(host=host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        port = str(listener.getsockname()[1])
        with started([*OURS, "-s", host, "-p", str(local_port), host, port]):
            connection, address = listener.accept()
            connection.close()
            assert address[:2] == (host, local_port)


def test_a_refusal_is_one_sentence_and_exit_1() -> None:
    port = free_port()
    done = run("127.0.0.1", str(port), data=b"unsent")
    assert done.returncode == 1
    assert done.stderr == f"nc: connect to 127.0.0.1 {port} (tcp) failed: Connection refused\n".encode()


def test_every_address_of_a_name_is_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        with started([*OURS, "localhost", port]) as client:
            connection, _ = listener.accept()
            connection.close()
            assert client.stdin
            client.stdin.close()
            assert client.wait(10) == 0


def test_udp_to_a_closed_port_says_so_and_fails() -> None:
    port = free_port(socket.SOCK_DGRAM)
    done = run("-u", "127.0.0.1", str(port), data=b"anyone?")
    assert done.returncode == 1
    assert done.stderr == f"nc: connection with 127.0.0.1 {port} failed: Connection refused\n".encode()


def test_w_bounds_a_connect_that_nobody_answers() -> None:
    """A full backlog answers no further SYN: no address outside this machine is needed."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = socket.create_connection(("127.0.0.1", port))
        began = time.monotonic()
        done = run("-w", "0.4", "127.0.0.1", str(port))
        waiting.close()
    assert done.returncode == 1
    assert b"failed: Connection timed out" in done.stderr
    assert 0.4 <= time.monotonic() - began < 5


def test_w_bounds_a_unix_connect_to_a_full_backlog(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as waiting:
        listener.bind(path)
        listener.listen(0)
        waiting.connect(path)
        done = run("-w", "0.3", "-U", path)
    assert done.returncode == 1
    assert b"Connection timed out" in done.stderr


def test_a_taken_local_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("-s", "127.0.0.1", "-p", str(port), "127.0.0.1", "9")
    assert done.returncode == 1
    assert done.stderr == f"nc: cannot use the local address 127.0.0.1 {port}: Address already in use\n".encode()


@pytest.mark.parametrize("local", [False, True])
def test_a_unix_datagram_client_can_be_answered_and_leaves_no_file(tmp_path: Path, local: bool) -> None:
    path, own = tmp_path / "server", tmp_path / "own"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        words = ["-uU", *(["-s", str(own)] if local else []), "-W", "1", str(path)]
        with started([*OURS, *words]) as client:
            assert client.stdin
            client.stdin.write(b"ping")
            client.stdin.flush()
            data, sender = server.recvfrom(100)
            assert data == b"ping"
            assert sender == str(own) if local else sender[:1] == b"\0"
            server.sendto(b"pong", sender)
            assert read_exactly(client.stdout, 4) == b"pong"
            assert client.wait(10) == 0
    assert sorted(tmp_path.iterdir()) == [path]


def test_an_abstract_unix_socket_is_reached_by_its_at_sign() -> None:
    name = f"@wiretale-test-{free_port()}"
    with started([*OURS, "-lU", name], stdin=subprocess.DEVNULL) as server:
        wait_path(Path(name))
        assert run("-NU", name, data=b"abstract").returncode == 0
        assert read_exactly(server.stdout, 8) == b"abstract"


def test_a_range_of_ports_is_tried_upwards_and_one_success_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with started([*OURS, "-N", "127.0.0.1", f"{port - 1}-{port + 1}"], stdin=subprocess.DEVNULL) as client:
            connection, _ = listener.accept()
            connection.sendall(b"found")
            connection.close()
            assert read_exactly(client.stdout, 5) == b"found"
            assert client.wait(10) == 0
