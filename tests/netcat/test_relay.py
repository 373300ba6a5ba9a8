"""Passing bytes, and when a netcat leaves: its own processes at both ends."""

import os
import pty
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.netcat.programs import OURS, free_port, read_exactly, sha256, started, wait_bound, wait_path, wait_until

AT_ONCE_S = 0.4  # sooner than the end of the silence that a pipe is given after the peer has closed


def test_a_server_leaves_when_its_client_has_closed_although_its_input_is_open() -> None:
    port = free_port()
    with started([*OURS, "-l", "127.0.0.1", str(port)]) as server:
        wait_bound(port)
        assert subprocess.run([*OURS, "-N", "127.0.0.1", str(port)], input=b"bye", check=False).returncode == 0
        assert server.wait(10) == 0
        assert read_exactly(server.stdout, 3) == b"bye"


def test_a_client_on_a_terminal_leaves_at_once_when_the_server_has_closed() -> None:
    assert any(_time_to_leave_a_terminal() < AT_ONCE_S for _ in range(5))


def _time_to_leave_a_terminal() -> float:
    """Seconds from the server's close to the end of a client whose input is a terminal."""
    port = free_port()
    master, slave = pty.openpty()
    with (
        socket.create_server(("127.0.0.1", port)) as listener,
        started([*OURS, "127.0.0.1", str(port)], stdin=slave) as client,
    ):
        connection, _ = listener.accept()
        connection.sendall(b"hello")
        connection.close()
        closed_at = time.monotonic()
        assert client.wait(10) == 0
        took = time.monotonic() - closed_at
        assert read_exactly(client.stdout, 5) == b"hello"
    os.close(master)
    os.close(slave)
    return took


def test_q_minus_1_stays_until_its_own_input_ends() -> None:
    port = free_port()
    with started([*OURS, "-v", "-q", "-1", "-l", "127.0.0.1", str(port)]) as server:
        wait_bound(port)
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.shutdown(socket.SHUT_WR)
            with pytest.raises(subprocess.TimeoutExpired):
                server.wait(0.9)
            assert server.stdin
            server.stdin.write(b"late")
            server.stdin.close()
            assert client.recv(10) == b"late"
        assert server.wait(10) == 0


def test_an_answer_that_is_still_being_made_reaches_a_peer_that_only_stopped_sending() -> None:
    port = free_port()
    with started([*OURS, "-N", "-l", "127.0.0.1", str(port)]) as server:
        wait_bound(port)
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            assert read_exactly(server.stdout, 8) == b"question"
            assert server.stdin
            server.stdin.write(b"answer")
            server.stdin.close()
            assert client.recv(10) == b"answer"
            assert client.recv(10) == b""
        assert server.wait(10) == 0


def test_over_a_unix_socket_a_half_closed_peer_is_waited_for_and_a_closed_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with started([*OURS, "-lU", str(path)]) as server:
        wait_path(path)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.shutdown(socket.SHUT_WR)
            with pytest.raises(subprocess.TimeoutExpired):
                server.wait(0.9)
            assert server.stdin
            server.stdin.write(b"still here")
            server.stdin.flush()
            assert client.recv(20) == b"still here"
        assert server.wait(10) == 0


def test_without_N_the_end_of_input_is_not_passed_on() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener, started([*OURS, "127.0.0.1", str(port)]) as client:
        connection, _ = listener.accept()
        with connection:
            assert client.stdin
            client.stdin.write(b"one")
            client.stdin.close()
            assert connection.recv(10) == b"one"
            connection.settimeout(0.2)
            with pytest.raises(TimeoutError):
                connection.recv(10)
        assert client.wait(10) == 0


def test_q_leaves_that_long_after_the_end_of_input_and_at_once_when_the_peer_closes() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:
        for seconds, close in (("0.3", False), ("60", True)):
            began = time.monotonic()
            with started([*OURS, "-q", seconds, "127.0.0.1", str(port)], stdin=subprocess.DEVNULL) as client:
                connection, _ = listener.accept()
                assert connection.recv(10) == b""
                if close:
                    connection.close()
                assert client.wait(10) == 0
                connection.close()
            assert close or time.monotonic() - began >= 0.3


def test_w_ends_an_idle_connection() -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)) as listener,
        started([*OURS, "-vw", "0.3", "127.0.0.1", str(port)]) as client,
    ):
        connection, _ = listener.accept()
        with connection:
            assert client.wait(10) == 0
            assert client.stderr
            assert b"nothing happened for 0.3 s" in client.stderr.read()


def test_a_reset_is_a_failure_and_what_came_before_it_is_kept() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener, started([*OURS, "127.0.0.1", str(port)]) as client:
        connection, _ = listener.accept()
        connection.sendall(b"data")
        assert read_exactly(client.stdout, 4) == b"data"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close sends RST
        connection.close()
        assert client.wait(10) == 1
        assert client.stderr
        assert (
            client.stderr.read() == f"nc: connection with 127.0.0.1 {port} failed: Connection reset by peer\n".encode()
        )


def test_a_reader_that_is_gone_is_a_failure_and_no_traceback() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener, started([*OURS, "127.0.0.1", str(port)]) as client:
        connection, _ = listener.accept()
        with connection:
            assert client.stdout and client.stdin and client.stderr
            client.stdout.close()
            client.stdin.close()
            connection.sendall(b"nobody reads this")
            assert client.wait(10) == 1
            assert client.stderr.read() == b"nc: standard output: Broken pipe\n"


def test_a_slow_reader_gets_every_byte_and_does_not_stop_the_other_direction(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_bytes(os.urandom(3_000_000))
    port = free_port()
    with data.open("rb") as source, started([*OURS, "-N", "-l", "127.0.0.1", str(port)], stdin=source) as server:
        wait_bound(port)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", port))
            client.sendall(data.read_bytes()[:50_000])  # more than the pipe holds, nobody reads it yet
            received = bytearray()
            while len(received) < 1_000_000:
                received += client.recv(1000)
            assert read_exactly(server.stdout, 50_000) == data.read_bytes()[:50_000]
            while chunk := client.recv(65536):
                received += chunk
            assert received == data.read_bytes()
        assert server.wait(10) == 0


def test_two_netcats_that_feed_each_other_do_not_lock_up(tmp_path: Path) -> None:
    """A proxy of two netcats and two pipes, flooded both ways at the same time."""
    data = tmp_path / "data"
    data.write_bytes(os.urandom(2_000_000))
    front, back = free_port(), free_port()
    read_a, write_a = os.pipe()
    read_b, write_b = os.pipe()
    with (
        data.open("rb") as one,
        data.open("rb") as two,
        (tmp_path / "out1").open("wb") as out1,
        (tmp_path / "out2").open("wb") as out2,
        started([*OURS, "-N", "-l", "127.0.0.1", str(back)], stdin=two, stdout=out2) as target,
    ):
        wait_bound(back)
        with started([*OURS, "-N", "-l", "127.0.0.1", str(front)], stdin=read_b, stdout=write_a):
            wait_bound(front)
            with started([*OURS, "-N", "127.0.0.1", str(back)], stdin=read_a, stdout=write_b):
                for fd in (read_a, write_a, read_b, write_b):
                    os.close(fd)
                with started([*OURS, "-N", "127.0.0.1", str(front)], stdin=one, stdout=out1) as client:
                    assert client.wait(30) == 0
                    assert target.wait(30) == 0
    assert sha256(tmp_path / "out1") == sha256(tmp_path / "out2") == sha256(data)


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_standard_descriptor_is_not_mistaken_for_the_socket(closed: int) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:
        command = ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *OURS, "-N", "127.0.0.1", str(port)]
        with started(command, stdin=subprocess.DEVNULL) as client:
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(10) == b""
                connection.sendall(b"received")
                connection.shutdown(socket.SHUT_WR)
                assert read_exactly(client.stdout, 8) == (b"" if closed == 1 else b"received")
                assert client.wait(10) == (1 if closed == 1 else 0)


def test_an_input_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    """A write-only standard input: Python itself refuses to start on a folder."""
    port = free_port()
    (tmp_path / "w").touch()
    unreadable = os.open(tmp_path / "w", os.O_WRONLY)
    command = [*OURS, "-N", "127.0.0.1", str(port)]
    with socket.create_server(("127.0.0.1", port)) as listener, started(command, stdin=unreadable) as client:
        os.close(unreadable)
        listener.accept()[0].close()
        assert client.wait(10) == 1
        assert client.stderr
        assert client.stderr.read() == b"nc: standard input: Bad file descriptor\n"


def test_stopping_and_continuing_does_not_disturb_a_conversation() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener, started([*OURS, "127.0.0.1", str(port)]) as client:
        connection, _ = listener.accept()
        with connection:
            client.send_signal(signal.SIGSTOP)
            state = Path(f"/proc/{client.pid}/stat")
            wait_until(lambda: state.read_text().rsplit(")", 1)[1].split()[0] == "T", "the client to stop")
            client.send_signal(signal.SIGCONT)
            connection.sendall(b"on")
            assert read_exactly(client.stdout, 2) == b"on"


def test_W_leaves_after_that_many_datagrams_and_an_empty_one_counts() -> None:
    port = free_port(socket.SOCK_DGRAM)
    with started([*OURS, "-W", "3", "-u", "-l", "127.0.0.1", str(port)]) as server:
        wait_bound(port, "udp")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", port))
            for datagram in (b"", b"x" * 60_000, b"end"):
                client.send(datagram)
            assert read_exactly(server.stdout, 60_003) == b"x" * 60_000 + b"end"
        assert server.wait(10) == 0
