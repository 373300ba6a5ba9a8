"""The part of the bench about real programs: how long their work takes under strace and under wiretale."""

import contextlib
import http.client
import shutil
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench import WAYS, Way, free_port, running, timed

Work = Callable[[int], None]
BAR = 0.8
ROUNDS = 3
STRACE, WIRETALE = "strace -f -o FILE", "wiretale record"


@dataclass(frozen=True)
class Server:
    """A program that is traced while `work` is done against its port; only the work is timed."""

    name: str
    command: Callable[[Path, int], list[str]]
    work: Work


@dataclass(frozen=True)
class Client:
    """A program that is traced from its start to its end, against a server that is not."""

    name: str
    command: Callable[[int], list[str]]


def _requests(count: int) -> Work:
    def work(port: int) -> None:
        for _ in range(count):
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/index.html")
            connection.getresponse().read()
            connection.close()

    return work


def _lines(ask: bytes, answer_ends: bytes, count: int) -> Work:
    """`count` requests over one connection, one after the other."""

    def work(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for _ in range(count):
                connection.sendall(ask)
                got = b""
                while not got.endswith(answer_ends):
                    got += connection.recv(65536)

    return work


def _nginx(folder: Path, port: int) -> list[str]:
    conf = folder / "nginx.conf"
    conf.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log /dev/null; events {{}}\n"
        f"http {{ access_log off; server {{ listen 127.0.0.1:{port}; root {folder}/www; }} }}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(conf)]


SERVERS = (
    Server(
        "python http.server",
        lambda folder, port: [
            sys.executable,
            "-m",
            "http.server",
            str(port),
            "--bind",
            "127.0.0.1",
            "--directory",
            f"{folder}/www",
        ],
        _requests(500),
    ),
    Server("nginx", _nginx, _requests(1000)),
    Server(
        "redis",
        lambda folder, port: ["redis-server", "--port", str(port), "--save", "", "--dir", str(folder)],
        _lines(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", b"\r\n", 3000),
    ),
    Server(
        "memcached",
        lambda _, port: ["memcached", "-p", str(port), "-l", "127.0.0.1", "-u", "nobody"],
        _lines(b"get a\r\n", b"END\r\n", 3000),
    ),
)
CLIENTS = (
    Client(
        "20 times curl",
        lambda port: ["sh", "-c", f"for i in $(seq 20); do curl -s -o /dev/null http://127.0.0.1:{port}/; done"],
    ),
    Client(
        "20 times wget",
        lambda port: ["sh", "-c", f"for i in $(seq 20); do wget -q -O /dev/null http://127.0.0.1:{port}/; done"],
    ),
)


def overhead(folder: Path) -> list[str]:
    """One row per program: the median time each way, and the ratio that has a bar."""
    (folder / "www").mkdir(exist_ok=True)
    (folder / "www" / "index.html").write_text("hello\n" * 100)
    ways = [way for way in WAYS if way.name in ("untraced", STRACE, WIRETALE)]
    lines = [
        "## Real programs", "", f"Medians of {ROUNDS}; servers are traced while a client that is not makes its requests; of clients their own time counts.", "",
        f"| program | untraced | `{STRACE}` | `{WIRETALE}` | ratio | bar | |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for program in (*SERVERS, *CLIENTS):
        times: dict[str, list[float]] = {way.name: [] for way in ways}
        for _ in range(ROUNDS):
            for way in ways:
                once = _served if isinstance(program, Server) else _client
                times[way.name].append(once(program, way, folder))
        untraced, strace, ours = (statistics.median(times[name]) for name in ("untraced", STRACE, WIRETALE))
        ratio = ours / strace
        lines.append(
            f"| {program.name} | {untraced:.2f} s | {strace:.2f} s | {ours:.2f} s | {ratio:.2f} | at most {BAR} |"
            f" {'met' if ratio <= BAR else '**missed**'} |"
        )
    return [*lines, ""]


def _served(server: Server, way: Way, folder: Path) -> float:
    port = free_port()
    with running([*way.prefix(folder), *server.command(folder, port)], port):
        begin = time.monotonic()
        server.work(port)
        return time.monotonic() - begin


def _client(client: Client, way: Way, folder: Path) -> float:
    with _http(folder) as port:
        return timed([*way.prefix(folder), *client.command(port)]).program


@contextlib.contextmanager
def _http(folder: Path) -> Iterator[int]:
    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder / "www"))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def missing() -> list[str]:
    """Programs of the table that are not installed."""
    return [name for name in ("strace", "nginx", "redis-server", "memcached", "curl", "wget") if not shutil.which(name)]
