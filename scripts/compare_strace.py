"""Run programs under the installed strace and under `wiretale strace`, and say which lines differ.

    scripts/compare_strace.py                     every program of the list
    scripts/compare_strace.py -- curl -s http://127.0.0.1/

Two runs never agree in everything: PIDs, addresses, times, random bytes and the machine's load are made equal first (`normal`). Lines are
compared per process, in order of the processes' first lines; the share is that of strace's lines found identical.
"""

import difflib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVER = "from socket import *; s=create_server(('127.0.0.1',4711)); c,_=s.accept(); c.sendall(c.recv(100)); c.close()"
PAIR = "({} &) ; sleep 0.4; {}; wait"
PROGRAMS: dict[str, list[str]] = {
    "true": ["true"],
    "cat": ["cat", "/etc/hostname"],
    "ls": ["ls", "-l", "/etc/ssl"],
    "sh -c": ["sh", "-c", "echo a | cat; (exit 3); kill -9 $$"],
    "bash": ["bash", "-c", "for i in 1 2; do /bin/echo $i; done; trap 'echo t' TERM; kill -TERM $$; read x < /etc/hostname"],
    "python": ["python3", "-c", "import socket, json; socket.socket().close()"],
    "python server": ["python3", "-c", "import threading,time\n" + SERVER.replace("; ", "\n").replace("c,_=s.accept()", "threading.Thread(target=lambda: create_connection(('127.0.0.1',4711)).sendall(b'hi')).start(); c,_=s.accept()")],
    "nc refused": ["nc.openbsd", "127.0.0.1", "1"],
    "nc scan": ["nc.openbsd", "-z", "-v", "127.0.0.1", "1-5"],
    "nc pair": ["sh", "-c", PAIR.format("nc.openbsd -l 127.0.0.1 4712", "echo salam | nc.openbsd -N 127.0.0.1 4712")],
    "nc udp": ["sh", "-c", PAIR.format("timeout 1 nc.openbsd -u -l 127.0.0.1 4713", "echo salam | timeout 0.6 nc.openbsd -u 127.0.0.1 4713")],
    "nc unix": ["sh", "-c", "rm -f /tmp/wt.s; " + PAIR.format("nc.openbsd -l -U /tmp/wt.s", "echo a | nc.openbsd -N -U /tmp/wt.s")],
    "traditional": ["sh", "-c", PAIR.format("nc.traditional -l -p 4714", "echo a | nc.traditional -q 0 127.0.0.1 4714")],
    "ncat": ["sh", "-c", PAIR.format("ncat -l 127.0.0.1 4715", "echo a | ncat 127.0.0.1 4715")],
    "busybox": ["sh", "-c", PAIR.format("busybox nc -l -p 4716", "echo a | busybox nc 127.0.0.1 4716")],
    "curl": ["curl", "-s", "http://127.0.0.1:1/"],
    "dig": ["dig", "+tries=1", "+time=1", "@127.0.0.1", "-p", "1", "example.org"],
    "ss": ["ss", "-tan"],
    "ip": ["ip", "addr"],
    "ip route": ["ip", "route"],
    "redis-cli": ["redis-cli", "-p", "1", "ping"],
    "nginx": ["nginx", "-t"],
}  # fmt: skip
_HEX = re.compile(r"0x[0-9a-f]{4,}")
_PID = re.compile(r"\b\d{3,7}\b")
_TIME = re.compile(r"tv_(sec|nsec|usec)=-?\d+|(?<=rtt=)\d+|si_[us]time=\d+( /\* [0-9.]+ s \*/)?|\b\d{10}\b")


def normal(line: str) -> str:
    """A line without what truly varies."""
    line = _HEX.sub("PTR", line)
    line = _TIME.sub("T", line)
    line = re.sub(r"sysinfo\(\{.*\}", "sysinfo({}", line)
    if line.startswith("getrandom("):
        line = re.sub(r'"[^"]*"', '"RANDOM"', line)
    return re.sub(r" {2,}= ", " = ", _PID.sub("N", line))


def split(path: Path) -> list[list[str]]:
    """Lines per process, whole calls only, without their PID."""
    found: dict[str, list[str]] = {}
    begun: dict[str, str] = {}
    for line in path.read_text(errors="replace").splitlines():
        pid, _, text = line.partition(" ")
        text = text.lstrip()
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
        if text.endswith(" <unfinished ...>"):
            begun[pid] = text.removesuffix(" <unfinished ...>")
            continue
        if resumed:
            text = begun.pop(pid, "") + resumed[1]
        found.setdefault(pid, []).append(text)
    return list(found.values())


def trace(tracer: list[str], program: list[str]) -> tuple[list[list[str]], float]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "trace"
        started = time.monotonic()
        subprocess.run([*tracer, "-f", "-o", str(out), *program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=60, check=False, env=dict(os.environ, LC_ALL="C"))  # fmt: skip
        return split(out), time.monotonic() - started


def pairs(theirs: list[list[str]], ours: list[list[str]]) -> list[tuple[list[str], list[str]]]:
    """Each process of strace with the one of ours that is most like it: the scheduler decides who is first."""
    left, found = list(ours), []
    for their in theirs:
        a = [normal(x) for x in their]
        likeness = [difflib.SequenceMatcher(None, a, [normal(x) for x in our], autojunk=False).ratio() for our in left]
        best = likeness.index(max(likeness)) if left else -1
        found.append((their, left.pop(best) if left else []))
    return found + [([], our) for our in left]


def compare(program: list[str]) -> tuple[int, int, list[str], float, float]:
    """(identical, lines of strace, differences, seconds of strace, of wiretale)."""
    theirs, their_s = trace(["strace"], program)
    ours, our_s = trace(FAST, program)
    same, total, shown = 0, 0, []
    for their, our in pairs(theirs, ours):
        a, b = [normal(x) for x in their], [normal(x) for x in our]
        matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
        same += sum(block.size for block in matcher.get_matching_blocks())
        total += len(a)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            if tag != "equal":
                shown += [f"  strace   {their[i]}" for i in range(i1, i2)]
                shown += [f"  wiretale {our[j]}" for j in range(j1, j2)]
    return same, total, shown, their_s, our_s


FAST = [str(Path(sys.executable).with_name("wiretale")), "strace"]


def main() -> None:
    arguments = sys.argv[1:]
    chosen = {"command": arguments[1:]} if arguments[:1] == ["--"] else PROGRAMS
    chosen = {n: p for n, p in chosen.items() if not arguments or arguments[0] == "--" or n in arguments}
    all_same = all_total = 0
    for name, program in chosen.items():
        same, total, shown, their_s, our_s = compare(program)
        all_same, all_total = all_same + same, all_total + total
        print(f"{name}: {same} of {total} lines identical; strace {their_s:.2f} s, wiretale {our_s:.2f} s")
        print("\n".join(shown))
    print(f"together: {all_same} of {all_total} = {100 * all_same / max(all_total, 1):.1f} %")


if __name__ == "__main__":
    main()
