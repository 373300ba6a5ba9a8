"""Our netcat with every other one at the far end: TCP, UDP, unix; IPv4, IPv6; nothing, a byte, megabytes both ways."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.conftest import require
from tests.netcat.programs import OURS, found, free_port, read_exactly, sha256, started, wait_bound, wait_path

pytestmark = pytest.mark.e2e

# Words for: a TCP server, a TCP client. Each passes the end of its input on (half-close) and then waits for the peer's.
TCP_SERVERS = {
    "ours": [*OURS, "-N", "-l", "HOST", "PORT"],
    "nc.openbsd": ["nc.openbsd", "-N", "-l", "HOST", "PORT"],
    "nc.traditional": ["nc.traditional", "-q", "60", "-l", "-s", "HOST", "-p", "PORT"],
    "ncat": ["ncat", "-l", "HOST", "PORT"],
    "socat": ["socat", "-t", "60", "-", "TCP-LISTEN:PORT,bind=[HOST],reuseaddr"],
    "busybox": ["busybox", "nc", "-l", "-p", "PORT"],
    "toybox": ["toybox", "nc", "-l", "-s", "HOST", "-p", "PORT"],
}
TCP_CLIENTS = {
    "ours": [*OURS, "-N", "HOST", "PORT"],
    "nc.openbsd": ["nc.openbsd", "-N", "HOST", "PORT"],
    "nc.traditional": ["nc.traditional", "-q", "60", "HOST", "PORT"],
    "ncat": ["ncat", "HOST", "PORT"],
    "socat": ["socat", "-t", "60", "-", "TCP:[HOST]:PORT"],
    "busybox": ["busybox", "nc", "HOST", "PORT"],
    "toybox": ["toybox", "nc", "-q", "60", "HOST", "PORT"],
}
ONLY_IPV4 = {"nc.traditional"}
SIZES = (0, 1, 5_000_000)


def command(words: list[str], **places: object) -> list[str]:
    """The words with HOST, PORT and PATH put in; socat's brackets are for IPv6 only."""
    return [_put_in(word, places) for word in words]


def _put_in(word: str, places: dict[str, object]) -> str:
    is_ipv6 = "[HOST]" in word and ":" in str(places["HOST"])
    for place, value in places.items():
        word = word.replace(f"[{place}]", f"[{value}]" if is_ipv6 else str(value)).replace(place, str(value))
    return word.replace("TCP", "TCP6", 1).replace("UDP", "UDP6", 1) if is_ipv6 else word


def both_families(*cases: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Each case on 127.0.0.1 and, where its programs can, on ::1."""
    return [
        (*case, host) for case in cases for host in ("127.0.0.1", "::1") if host != "::1" or not ONLY_IPV4 & set(case)
    ]


def exchange(server_command: list[str], client_command: list[str], ready: object, folder: Path, size: int) -> None:
    """Let both ends send `size` random bytes at the same time and compare what arrived."""
    for name in ("from_server", "from_client"):
        (folder / name).write_bytes(os.urandom(size))
    with (
        (folder / "from_server").open("rb") as server_in,
        (folder / "from_client").open("rb") as client_in,
        (folder / "to_server").open("wb") as server_out,
        (folder / "to_client").open("wb") as client_out,
        started(server_command, stdin=server_in, stdout=server_out) as server,
    ):
        wait_bound(ready) if isinstance(ready, int) else wait_path(Path(str(ready)))
        with started(client_command, stdin=client_in, stdout=client_out) as client:
            assert client.wait(60) == 0
            assert server.wait(60) == 0
    assert sha256(folder / "to_client") == sha256(folder / "from_server")
    assert sha256(folder / "to_server") == sha256(folder / "from_client")


def without_shutdown(words: list[str]) -> list[str]:
    """Our client as partner of servers that leave as soon as the client has shut down: it waits for their end first."""
    return [word for word in words if word != "-N"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("other", "host"), both_families(*((name,) for name in TCP_SERVERS)))
def test_tcp_with_the_other_as_server(other: str, size: int, host: str, tmp_path: Path) -> None:
    require(other == "ours" or found(other), f"{other} is not installed")
    port = free_port(host=host)
    ours = TCP_CLIENTS["ours"] if other == "ours" else without_shutdown(TCP_CLIENTS["ours"])
    server = command(TCP_SERVERS[other], HOST=host, PORT=port)
    exchange(server, command(ours, HOST=host, PORT=port), port, tmp_path, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("other", "host"), both_families(*((name,) for name in TCP_CLIENTS if name != "ours")))
def test_tcp_with_the_other_as_client(other: str, size: int, host: str, tmp_path: Path) -> None:
    require(found(other), f"{other} is not installed")
    port = free_port(host=host)
    server = command(TCP_SERVERS["ours"], HOST=host, PORT=port)
    exchange(server, command(TCP_CLIENTS[other], HOST=host, PORT=port), port, tmp_path, size)


UNIX_SERVERS = {
    "ours": [*OURS, "-NlU", "PATH"],
    "nc.openbsd": ["nc.openbsd", "-N", "-lU", "PATH"],
    "ncat": ["ncat", "-lU", "PATH"],
    "socat": ["socat", "-t", "60", "-", "UNIX-LISTEN:PATH"],
}
UNIX_CLIENTS = {
    "ours": [*OURS, "-NU", "PATH"],
    "nc.openbsd": ["nc.openbsd", "-NU", "PATH"],
    "ncat": ["ncat", "-U", "PATH"],
    "socat": ["socat", "-t", "60", "-", "UNIX-CONNECT:PATH"],
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("other", UNIX_SERVERS)
def test_unix_with_the_other_as_server(other: str, size: int, tmp_path: Path) -> None:
    require(other == "ours" or found(other), f"{other} is not installed")
    path = tmp_path / "s"
    ours = UNIX_CLIENTS["ours"] if other == "ours" else [word.replace("-NU", "-U") for word in UNIX_CLIENTS["ours"]]
    exchange(command(UNIX_SERVERS[other], PATH=path), command(ours, PATH=path), path, tmp_path, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("other", [name for name in UNIX_CLIENTS if name != "ours"])
def test_unix_with_the_other_as_client(other: str, size: int, tmp_path: Path) -> None:
    require(found(other), f"{other} is not installed")
    path = tmp_path / "s"
    exchange(command(UNIX_SERVERS["ours"], PATH=path), command(UNIX_CLIENTS[other], PATH=path), path, tmp_path, size)


UDP_SERVERS = {
    "ours": [*OURS, "-lu", "HOST", "PORT"],
    "nc.openbsd": ["nc.openbsd", "-lu", "HOST", "PORT"],
    "nc.traditional": ["nc.traditional", "-lu", "-s", "HOST", "-p", "PORT"],
    "ncat": ["ncat", "-lu", "HOST", "PORT"],
    "socat": ["socat", "-", "UDP-LISTEN:PORT,bind=[HOST]"],
}
UDP_CLIENTS = {
    "ours": [*OURS, "-u", "HOST", "PORT"],
    "nc.openbsd": ["nc.openbsd", "-u", "HOST", "PORT"],
    "nc.traditional": ["nc.traditional", "-u", "HOST", "PORT"],
    "ncat": ["ncat", "-u", "HOST", "PORT"],
    "socat": ["socat", "-", "UDP:[HOST]:PORT"],
}


def ask_and_answer(server: subprocess.Popen[bytes], client: subprocess.Popen[bytes]) -> None:
    """Datagrams of several sizes there and back, each awaited."""
    assert client.stdin and server.stdin
    for size in (1, 6, 1400, 2000):
        question, answer = os.urandom(size), os.urandom(size)
        client.stdin.write(question)
        client.stdin.flush()
        assert read_exactly(server.stdout, size) == question
        server.stdin.write(answer)
        server.stdin.flush()
        assert read_exactly(client.stdout, size) == answer


UDP_PAIRS = [(name, "ours") for name in UDP_SERVERS] + [("ours", name) for name in UDP_CLIENTS if name != "ours"]


@pytest.mark.parametrize(("server", "client", "host"), both_families(*UDP_PAIRS))
def test_udp_both_ways(server: str, client: str, host: str) -> None:
    for other in {server, client} - {"ours"}:
        require(found(other), f"{other} is not installed")
    port = free_port(socket.SOCK_DGRAM, host)
    with started(command(UDP_SERVERS[server], HOST=host, PORT=port)) as one:
        wait_bound(port, "udp")
        with started(command(UDP_CLIENTS[client], HOST=host, PORT=port)) as two:
            ask_and_answer(one, two)


@pytest.mark.parametrize(("server", "client"), [("ours", "ours"), ("ours", "nc.openbsd"), ("nc.openbsd", "ours")])
def test_unix_datagrams_both_ways(server: str, client: str, tmp_path: Path) -> None:
    require(found("nc.openbsd"), "nc.openbsd is not installed")
    path = tmp_path / "s"
    words = {"ours": list(OURS), "nc.openbsd": ["nc.openbsd"]}
    own = ["-s", str(tmp_path / "c")]  # nc.openbsd cannot answer a name of the kernel's choosing
    with started([*words[server], "-luU", str(path)]) as one:
        wait_path(path)
        with started([*words[client], "-uU", *own, str(path)]) as two:
            ask_and_answer(one, two)
