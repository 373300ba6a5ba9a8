"""Run as a script in a process of its own: enters a private network, captures one scenario with wiretale and tcpdump.

    python -m tests.record.packets.capture_both SCENARIO FOLDER [OPTIONS AS JSON]

Leaves FOLDER/x.spool and, unless the scenario runs alone, FOLDER/x.pcap.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from tests.record.packets.waiting import wait_until
from wiretale.clock import now_ns, take_snapshot
from wiretale.record.namespace import enter_private_net
from wiretale.record.packets.source import PacketOptions, PacketSource
from wiretale.store.spool import Manifest, Spool


def listens(port: int) -> bool:
    """Whether a TCP socket of this namespace listens on `port`."""
    wanted = f":{port:04X}"
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/self/net/{name}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[1].endswith(wanted) and columns[3] == "0A":
                return True
    return False


def netcat(family: str, host: str, payload: bytes) -> None:
    """One OpenBSD nc sends `payload` to another. The server's input ends only when it has everything."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(["nc.openbsd", family, "-l", host, "4000"], **pipes) as server:
        wait_until(lambda: listens(4000), "nc listens")
        with subprocess.Popen(["nc.openbsd", family, "-N", "-p", "4444", host, "4000"], **pipes) as client:
            feeder = threading.Thread(target=_give, args=(client, payload))
            feeder.start()
            received = 0
            while received < len(payload):
                received += len(server.stdout.read1(1 << 20))
            feeder.join()
            server.stdin.close()


def _give(program: "subprocess.Popen[bytes]", payload: bytes) -> None:
    program.stdin.write(payload)
    program.stdin.close()


def udp_and_refused() -> None:
    """A datagram answered, one of 20,000 bytes, an empty one, one to a closed port (ICMP), and the same over IPv6."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as a, socket.socket(family, socket.SOCK_DGRAM) as b:
            a.bind((host, 0))
            b.bind((host, 0))
            for payload in (b"salam\n", b"x" * 20_000, b""):
                a.sendto(payload, b.getsockname()[:2])
                assert b.recv(1 << 16) == payload
            closed = b.getsockname()[1]
            b.close()
            a.sendto(b"anybody?", (host, closed))
        with socket.socket(family, socket.SOCK_STREAM) as c:
            assert c.connect_ex((host, closed)) != 0


def slow_reader() -> None:
    """A reader that lets its window close, then reads: zero window, probes, window updates."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        client.setblocking(False)
        sent = 0
        try:
            while True:
                sent += client.send(b"z" * 50_000)
        except BlockingIOError:
            pass
        received = 0
        while received < sent:
            received += len(server.recv(1 << 20))
        server.close()


SCENARIOS: dict[str, Callable[[], None]] = {
    "nc4": lambda: netcat("-4", "127.0.0.1", b"salam\n"),
    "nc6": lambda: netcat("-6", "::1", b"salam\n" * 3),
    "bulk": lambda: netcat("-4", "127.0.0.1", os.urandom(1 << 16) * 80),
    "udp": udp_and_refused,
    "slow": slow_reader,
}


def capture(folder: Path, options: PacketOptions, traffic: Callable[[], None], *, compare: bool) -> None:
    """Capture `traffic` with wiretale, and with tcpdump beside it."""
    spool = Spool(folder / "x.spool")
    spool.path.mkdir()
    spool.add_clock_snapshot(take_snapshot())
    source = PacketSource(spool, options)
    source.open()
    source.start()
    tcpdump = _tcpdump(folder / "x.pcap") if compare else None
    traffic()
    source.stop()
    if tcpdump:
        tcpdump.send_signal(signal.SIGINT)
        tcpdump.wait(20)
    spool.add_clock_snapshot(take_snapshot())
    assert "numpy" not in sys.modules
    spool.write_manifest(Manifest(started_ns=0, ended_ns=now_ns(), sources=[source.report()]))


def _tcpdump(path: Path) -> "subprocess.Popen[bytes]":
    tcpdump = subprocess.Popen(
        ["tcpdump", "-Z", "root", "-i", "lo", "-s", "0", "-B", "65536", "--immediate-mode", "-U",
         "--time-stamp-precision=nano", "-w", str(path)],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert tcpdump.stderr
    while b"listening on" not in tcpdump.stderr.readline():
        assert tcpdump.poll() is None
    return tcpdump


def main(scenario: str, folder: str, options: str = "{}") -> None:
    enter_private_net()
    capture(Path(folder), PacketOptions(**json.loads(options)), SCENARIOS[scenario], compare=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
