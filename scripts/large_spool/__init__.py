"""Make a large spool whose calls and packets agree byte by byte, so that every join has something to prove.

    python -m scripts.large_spool FOLDER.spool --connections 1000 --rounds 200

One client process and one server process, a pair of threads for each connection that is open at a time. In every round
the client writes a request (two segments), the server polls, reads and answers (one segment), the client reads: five
calls and five packets. Descriptors, ports and threads are used again by later connections, as real ones are. All bytes
follow from the seed, and everything is made by whole arrays, one generation of connections at a time, so that ten
million calls need no more memory than a hundred thousand.
"""

import json
from pathlib import Path

import numpy as np

from wiretale.clock import Snapshot
from wiretale.model.packet_ring import ARPHRD_ETHER, ARPHRD_LOOPBACK
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Program, Spool

from .calls import NETNS_COOKIE, generation_events, prelude
from .events import PtraceFiles
from .packets import REALTIME_OFFSET_NS, BlockFile, generation_packets
from .shape import CLIENT, CLOSING_NS, OPENING_NS, PAGE_OF_BYTES, ROUND_NS, SERVER, START_NS, Conns, Payload, Size

__all__ = ["Size", "make_spool"]
_NETNS = 4026531840


def make_spool(folder: Path, size: Size) -> Spool:
    """Write the spool; `folder` must not exist."""
    folder.mkdir(parents=True)
    spool = Spool(folder)
    random = np.random.default_rng(size.seed)
    payload = Payload(random.integers(0, 256, PAGE_OF_BYTES, dtype=np.uint8))
    calls, blocks = PtraceFiles(spool), BlockFile(spool, size, payload)
    calls.append(prelude(size))
    at = START_NS + 1_000_000
    life = OPENING_NS + CLOSING_NS + size.rounds * ROUND_NS
    for first in range(0, size.connections, size.at_once):
        number = np.arange(first, min(first + size.at_once, size.connections))
        slot = number - first
        shape = (len(number), size.rounds)
        requests = random.integers(*size.request_bytes, shape, endpoint=True)
        answers = random.integers(*size.answer_bytes, shape, endpoint=True)
        c = Conns(number, at + slot * 37, slot, requests, answers)
        calls.append(generation_events(c, payload, size.snaplen))
        blocks.append(generation_packets(c))
        at += life + 100_000
    calls.close()
    blocks.close()
    _write_manifest(spool, size, at, calls.counts["events"], blocks.count)
    return spool


def _write_manifest(spool: Spool, size: Size, end_ns: int, events: int, packets: int) -> None:
    for at in (START_NS, end_ns):
        spool.add_clock_snapshot(Snapshot(at, at + REALTIME_OFFSET_NS, 20))
    name, index, hatype = ("lo", 1, ARPHRD_LOOPBACK) if size.loopback else ("eth0", 2, ARPHRD_ETHER)
    detail = {
        "snaplen": size.snaplen,
        "netns": _NETNS,
        "netns_cookie": NETNS_COOKIE,
        "interfaces": [{"ifindex": index, "name": name, "hatype": hatype, "mtu": 65536}],
    }
    spool.procfs_path.write_text(
        json.dumps({"kind": "snapshot", "label": "before", "time_ns": START_NS, "asked": []}) + "\n"
    )
    spool.write_manifest(
        Manifest(
            tool_version="large spool",
            command=["big-server"],
            started_ns=START_NS,
            ended_ns=end_ns,
            programs=[Program(SERVER, ["big-server"], START_NS), Program(CLIENT, ["big-client"], START_NS)],
            sources=[
                SourceReport(
                    "ptrace", "syscall", ran=True, start_ns=START_NS, end_ns=end_ns, items=events, clock_error_ns=0
                ),
                SourceReport(
                    "packets", "packet", ran=True, start_ns=START_NS, end_ns=end_ns, items=packets, detail=detail
                ),
            ],
        )
    )
