"""The part of the bench about real programs: how long their work takes under strace and under wiretale.

Of servers the processor time is given as well, of the server and its tracer while it works: unlike the wall time it
hardly depends on what else the machine does.
"""

import contextlib
import http.client
import os
import shutil
import socket
import statistics
import struct
import subprocess
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
ROUNDS = 5
STRACE, WIRETALE = "strace -f -o FILE", "wiretale record"


@dataclass(frozen=True)
class Server:
    """A program that is traced while `work` is done against its port; only the work is timed."""

    name: str
    command: Callable[[Path, int], list[str]]
    work: Callable[[Path], Work]


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


def _echoes(connections: int) -> Work:
    """One line sent and received over each of several connections."""

    def work(port: int) -> None:
        for _ in range(connections):
            _lines(b"hello\n", b"\n", 1)(port)

    return work


def _queries(count: int) -> Work:
    """DNS queries (RFC 1035) for the address of x.test."""
    query = struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + b"\1x\4test\0" + struct.pack("!2H", 1, 1)

    def work(port: int) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            client.connect(("127.0.0.1", port))
            for _ in range(count):
                client.send(query)
                client.recv(512)

    return work


def _iperf(port: int) -> None:
    command = ["iperf3", "-c", "127.0.0.1", "-p", str(port), "-P", "2", "-n", "1G"]
    # The server first has to get over the connection that asked whether it listens.
    while subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
        pass


def _logins(folder: Path, count: int) -> Work:
    def work(port: int) -> None:
        options = ["-p", str(port), "-i", f"{folder}/id", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]
        command = ["ssh", *options, "-o", "UserKnownHostsFile=/dev/null", "127.0.0.1", "true"]
        for _ in range(count):
            subprocess.run(command, check=True)

    return work


def _sshd(folder: Path, port: int) -> list[str]:
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "id"):
        if not (folder / name).exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    options = [f"HostKey={folder}/host", f"AuthorizedKeysFile={folder}/id.pub", "PidFile=none", "StrictModes=no"]
    return [_sshd_path(), "-D", "-f", "/dev/null", "-p", str(port), *(word for o in options for word in ("-o", o))]


def _sshd_path() -> str:
    """sshd wants to be called by its full path: it executes itself again."""
    return shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin") or "sshd"


ASYNCIO_ECHO = """
import asyncio, sys
async def echo(reader, writer):
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()
async def main():
    await (await asyncio.start_server(echo, "127.0.0.1", int(sys.argv[1]))).serve_forever()
asyncio.run(main())
"""


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
        lambda _: _requests(200),
    ),
    Server("nginx", _nginx, lambda _: _requests(1200)),
    Server(
        "redis",
        lambda folder, port: ["redis-server", "--port", str(port), "--save", "", "--dir", str(folder)],
        lambda _: _lines(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", b"\r\n", 4000),
    ),
    Server(
        "memcached",
        lambda _, port: ["memcached", "-p", str(port), "-l", "127.0.0.1", "-u", "nobody"],
        lambda _: _lines(b"get a\r\n", b"END\r\n", 4000),
    ),
    Server(
        "socat, forking",
        lambda _, port: ["socat", f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr", "EXEC:cat"],
        lambda _: _echoes(30),
    ),
    Server("iperf3 -P 2", lambda _, port: ["iperf3", "-s", "-B", "127.0.0.1", "-p", str(port)], lambda _: _iperf),
    Server(
        "dnsmasq",
        lambda _, port: [
            *("dnsmasq", "-k", "-C", "/dev/null", "-p", str(port), "-a", "127.0.0.1", "-z", "--no-resolv"),
            *("--no-hosts", "--user=root", "--address=/x.test/10.0.0.2"),
        ],
        lambda _: _queries(2000),
    ),
    Server("sshd", _sshd, lambda folder: _logins(folder, 1)),
    Server(
        "asyncio server",
        lambda _, port: [sys.executable, "-c", ASYNCIO_ECHO, str(port)],
        lambda _: _echoes(1000),
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
    """One row per program: the median times each way, and the ratio that has a bar."""
    (folder / "www").mkdir(exist_ok=True)
    (folder / "www" / "index.html").write_text("hello\n" * 100)
    ways = [way for way in WAYS if way.name in ("untraced", STRACE, WIRETALE)]
    others = os.getloadavg()[0]
    lines = [
        "## Real programs", "",
        f"Medians of {ROUNDS}; servers are traced while a client that is not makes its requests; of clients their own time",
        f"counts. The bar is for an idle machine; the load average was {others:.1f} when this was begun, on {os.cpu_count()} CPUs.", "",
        f"| program | untraced | `{STRACE}` | `{WIRETALE}` | ratio | bar | | processor time: `{STRACE}` | `{WIRETALE}` | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for program in (*SERVERS, *CLIENTS):
        times: dict[str, list[tuple[float, float]]] = {way.name: [] for way in ways}
        for number in range(ROUNDS):
            for way in ways:
                print(f"{program.name}: {way.name}, {number + 1} of {ROUNDS}", file=sys.stderr)
                if isinstance(program, Server):
                    times[way.name].append(_served(program, way, folder))
                else:
                    times[way.name].append(_client(program, way, folder))
        untraced, strace, ours = (
            statistics.median(t for t, _ in times[name]) for name in ("untraced", STRACE, WIRETALE)
        )
        ratio = ours / strace
        line = f"| {program.name} | {untraced:.2f} s | {strace:.2f} s | {ours:.2f} s | {ratio:.2f} | at most {BAR} |"
        line += f" {'met' if ratio <= BAR else '**missed**'} |"
        if isinstance(program, Server):
            theirs, own = (statistics.median(t for _, t in times[name]) for name in (STRACE, WIRETALE))
            line += f" {theirs:.2f} s | {own:.2f} s | {own / max(theirs, 0.01):.2f} |"
        else:
            line += " | | |"
        lines.append(line)
        print(line, file=sys.stderr)
    return [*lines, ""]


def _served(server: Server, way: Way, folder: Path) -> tuple[float, float]:
    """Wall time of the work, and processor time of the server and what traces it."""
    port = free_port()
    with running([*way.prefix(folder), *server.command(folder, port)], port) as pid:
        work = server.work(folder)
        before, begin = _cpu_seconds(pid), time.monotonic()
        work(port)
        return time.monotonic() - begin, _cpu_seconds(pid) - before


def _cpu_seconds(root: int) -> float:
    """Of a process and all its descendants, ended and waited-for ones included (proc(5), stat)."""
    ticks, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(word) for word in words[11:15])
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
    return ticks / os.sysconf("SC_CLK_TCK")


def _client(client: Client, way: Way, folder: Path) -> tuple[float, float]:
    with _http(folder) as port:
        return timed([*way.prefix(folder), *client.command(port)]).program, 0


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
