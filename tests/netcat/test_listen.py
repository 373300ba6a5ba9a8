"""The server's side: where it listens, several clients at once, names of unix sockets."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.netcat.programs import OURS, free_port, read_exactly, started, wait_bound, wait_path, wait_until


@pytest.mark.parametrize(
    ("words", "host"),
    [
        (["-l", "127.0.0.1", "PORT"], "127.0.0.1"),
        (["-l", "-p", "PORT"], "127.0.0.1"),
        (["-l", "-s", "127.0.0.1", "-p", "PORT"], "127.0.0.1"),
        (["-l", "PORT"], "127.0.0.1"),
        (["-l", "::1", "PORT"], "::1"),
        (["-6", "-l", "PORT"], "::1"),
        (["-l", "localhost", "PORT"], "127.0.0.1"),
    ],
)
def test_it_listens_where_it_was_told(words: list[str], host: str) -> None:
    port = free_port(host=host)
    with started([*OURS, *(word.replace("PORT", str(port)) for word in words)], stdin=subprocess.DEVNULL) as server:
        wait_bound(port)
        with socket.create_connection((host, port)) as client:
            client.sendall(b"here")
        assert read_exactly(server.stdout, 4) == b"here"
        assert server.wait(10) == 0


def test_v_says_every_change_of_state_on_one_line_each() -> None:
    port = free_port()
    with started([*OURS, "-v", "-N", "-l", "127.0.0.1", str(port)]) as server:
        wait_bound(port)
        with socket.create_connection(("127.0.0.1", port)) as client:
            own = client.getsockname()[1]
            client.sendall(b"abc")
            assert server.stdin and server.stderr
            server.stdin.write(b"defg")
            server.stdin.close()
            assert client.recv(4) == b"defg"
            assert client.recv(1) == b""
        assert server.wait(10) == 0
        assert server.stderr.read().decode().splitlines() == [
            f"listening on 127.0.0.1 {port} (tcp)",
            f"connection received on 127.0.0.1 {own}",
            "end of standard input",
            f"end of data to 127.0.0.1 {own}",
            f"end of data from 127.0.0.1 {own}",
            f"connection with 127.0.0.1 {own} closed: 3 bytes received, 4 sent",
        ]


def test_k_serves_several_clients_at_once_and_passes_its_input_to_all() -> None:
    port = free_port()
    with started([*OURS, "-lk", "127.0.0.1", str(port)]) as server:
        wait_bound(port)
        assert server.stdin
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
        for client in reversed(clients):  # each is heard while all the others are still connected
            client.sendall(b"hello")
            assert read_exactly(server.stdout, 5) == b"hello"
        server.stdin.write(b"to all")
        server.stdin.flush()
        assert [client.recv(10) for client in clients] == [b"to all"] * 4
        clients[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close sends RST
        for client in clients:
            client.close()
        with socket.create_connection(("127.0.0.1", port)) as late:
            late.sendall(b"late")
            assert read_exactly(server.stdout, 4) == b"late"
        assert server.poll() is None


def test_k_over_udp_hears_everybody_and_answers_who_spoke_last() -> None:
    port = free_port(socket.SOCK_DGRAM)
    with (
        started([*OURS, "-luk", "127.0.0.1", str(port)]) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        wait_bound(port, "udp")
        for client, data in ((one, b"first"), (two, b"other"), (one, b"again")):
            client.sendto(data, ("127.0.0.1", port))
            assert read_exactly(server.stdout, 5) == data
        assert server.stdin
        server.stdin.write(b"answer")
        server.stdin.flush()
        assert one.recv(10) == b"answer"


@pytest.mark.parametrize("flags", ["-l", "-lu"])
def test_a_taken_port_is_one_sentence(flags: str) -> None:
    kind = socket.SOCK_DGRAM if "u" in flags else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run([*OURS, flags, "127.0.0.1", str(port)], capture_output=True, timeout=30, check=False)
    protocol = "udp" if "u" in flags else "tcp"
    assert done.returncode == 1
    assert done.stderr == f"nc: cannot listen on 127.0.0.1 {port} ({protocol}): Address already in use\n".encode()


@pytest.mark.parametrize("end", [None, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("flags", ["-lU", "-luU"])
def test_a_unix_servers_name_is_removed_however_it_ends(tmp_path: Path, flags: str, end: signal.Signals | None) -> None:
    path = tmp_path / "s"
    with started([*OURS, "-W1", flags, str(path)], stdin=subprocess.DEVNULL) as server:
        wait_path(path)
        if end:
            server.send_signal(end)
        else:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if "u" in flags else socket.SOCK_STREAM) as client:
                client.connect(str(path))
                client.sendall(b"x")
        assert server.wait(10) == (-end if end else 0)
    assert not path.exists()


def test_an_unnamed_unix_datagram_sender_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with (
        started([*OURS, "-luU", "-W2", str(path)]) as server,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client,
    ):
        wait_path(path)
        client.connect(str(path))
        client.send(b"one")
        client.send(b"two")
        assert read_exactly(server.stdout, 6) == b"onetwo"
        assert server.wait(10) == 0


def test_udp_without_k_listens_to_the_first_sender_only() -> None:
    port = free_port(socket.SOCK_DGRAM)
    with (
        started([*OURS, "-v", "-lu", "127.0.0.1", str(port)]) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        wait_bound(port, "udp")
        one.connect(("127.0.0.1", port))
        one.send(b"first")
        assert read_exactly(server.stdout, 5) == b"first"
        two.connect(("127.0.0.1", port))
        two.send(b"intruder")
        wait_until(lambda: two.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0, "the refusal of the second sender")
        one.send(b"again")
        assert read_exactly(server.stdout, 5) == b"again"
