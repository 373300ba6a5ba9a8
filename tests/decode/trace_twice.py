"""Run programs under wiretale and then under strace, in a network namespace of their own.

    unshare --user --map-root-user --net python trace_twice.py FOLDER PLAN.json

PLAN.json holds {"programs": [[argv], ...], "port": N, "input": "...", "ends": true}: all programs but the last are
started first and come to be bound to the port; the last one gets the input. Those that do not end by themselves
are ended. FOLDER receives 0.wiretale, 0.strace, 1.wiretale, ...
"""

import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_DEADLINE_S = 30


def bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x8x", b"lo", 0)
        flags = struct.unpack_from("h", fcntl.ioctl(sock, _SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x8x", b"lo", flags | _IFF_UP))


def wait_for(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    never = threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited too long for {what}")
        never.wait(0.01)


def is_bound(port: int) -> bool:
    """Somebody listens on the TCP port or is bound to the UDP port (proc_net_tcp)."""
    for name, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/self/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(f":{port:04X}") and fields[3] == state:
                return True
    return False


def end_traced(tracer: int) -> None:
    """SIGTERM to the traced program, not to its tracer: that one ends by itself and writes everything."""
    for pid in Path(f"/proc/{tracer}/task/{tracer}/children").read_text().split():
        os.kill(int(pid), signal.SIGTERM)


def run(tracers: list[list[str]], plan: dict[str, object]) -> None:
    programs = plan["programs"]
    assert isinstance(programs, list)
    port = plan["port"]
    assert isinstance(port, int)
    running = []
    for tracer, argv in zip(tracers[:-1], programs[:-1], strict=True):
        running.append(subprocess.Popen([*tracer, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
        if port:
            wait_for(lambda: is_bound(port), f"{argv} to listen on {port}")
    last = [*tracers[-1], *programs[-1]]
    subprocess.run(last, input=str(plan["input"]).encode(), stdout=subprocess.DEVNULL, timeout=_DEADLINE_S, check=False)
    for process in running:
        try:
            process.wait(_DEADLINE_S if plan.get("ends") else 0.01)
        except subprocess.TimeoutExpired:
            end_traced(process.pid)
            process.wait(_DEADLINE_S)


def main() -> None:
    folder = Path(sys.argv[1])
    plan = json.loads(Path(sys.argv[2]).read_text())
    bring_up_loopback()
    numbers = range(len(plan["programs"]))
    record = [sys.executable, "-m", "wiretale", "record", "--no-packets", "--snaplen", "all", "-o"]
    run([[*record, str(folder / f"{n}.wiretale"), "--"] for n in numbers], plan)
    run([["strace", "-f", "-o", str(folder / f"{n}.strace")] for n in numbers], plan)


if __name__ == "__main__":
    main()
