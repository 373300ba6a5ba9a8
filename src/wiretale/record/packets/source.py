"""The packet source: an AF_PACKET ring whose blocks go to the spool as they are, in a thread of its own.

No packet is looked at while recording. NumPy must not be imported here: it starts threads, and a recorder that enters
namespaces of its own has to be single-threaded until then.
"""

import contextlib
import os
import select
import threading
from pathlib import Path
from typing import Any

from wiretale.clock import now_ns
from wiretale.errors import ResourceFault, UsageFault, shortage
from wiretale.light import dataclass
from wiretale.record.packets import bpf
from wiretale.record.packets.interfaces import Interface, find_interfaces, list_interfaces
from wiretale.record.packets.probe import ClockProbe, probe_socket, send_probes
from wiretale.record.packets.ring import PacketRing
from wiretale.store.report import SourceReport
from wiretale.store.spool import Spool

MIB = 1 << 20
PAIRING_BYTES = 96  # the loader pairs loopback's two copies by this much of their headers
_DRAIN_TIMEOUT_NS = 2_000_000_000
_SETTLE_NS = 10_000_000  # far more than a packet waits in the receive queue of a busy CPU


@dataclass(frozen=True, slots=True)
class PacketOptions:
    """What to capture. Sizes are bytes."""

    interfaces: tuple[str, ...] = ()  # names; empty or "any": all of the namespace
    filter: str = ""  # tcpdump's syntax
    snaplen: int | None = None  # None: whole packets
    ring_bytes: int = 64 * MIB
    block_bytes: int = MIB  # a 64 KB segment must fit many times: a packet never spans blocks
    block_timeout_ms: int = 10  # how old a packet can get before it is in the spool
    loopback_out_bytes: int | None = 128  # of loopback's first copy: the second has the same payload; None: all
    probe: bool = True  # measure the clock's agreement at start


class PacketSource:
    """open, start, stop, report: in this order, all from one thread."""

    def __init__(self, spool: Spool, options: PacketOptions) -> None:
        self.options = options
        self._path: Path = spool.packets_path
        self._report = SourceReport("packets", "packet", ran=False)
        self._ring: PacketRing | None = None
        self._file = -1
        self._program: bpf.Program = ()
        self._interfaces: tuple[Interface, ...] = ()
        self._thread: threading.Thread | None = None
        self._wake = (-1, -1)
        self._blocks = 0
        self._bytes = 0
        self._packets = 0
        self._disk_lost = 0
        self._kernel = [0, 0, 0]
        self._errors: dict[str, int] = {}

    def open(self) -> None:
        """Get the ring and the file; nothing is captured yet.

        Raises PermissionFault without CAP_NET_RAW, UsageFault for a wrong filter or interface, ResourceFault.
        """
        options = self.options
        _check(options)
        named = tuple(n for n in options.interfaces if n != "any")
        self._interfaces = find_interfaces(named) if named and len(named) == len(options.interfaces) else ()
        filters = bpf.compile_filter(options.filter) if options.filter.strip() else None
        # One interface is chosen by bind, several by the program.
        several = tuple(i.ifindex for i in self._interfaces) if len(self._interfaces) > 1 else ()
        self._program = bpf.capture_program(several, options.snaplen, options.loopback_out_bytes, filters)
        ring = PacketRing(options.ring_bytes, options.block_bytes, options.block_timeout_ms)
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as fault:
            ring.close()
            raise shortage(fault) or ResourceFault(f"{self._path} cannot be written: {fault.strerror}") from fault
        self._ring = ring
        self._report.detail = self._describe(ring)

    def start(self) -> None:
        """Capture from here on."""
        ring = self._opened()
        ifindex = self._interfaces[0].ifindex if len(self._interfaces) == 1 else 0
        probe = self._bind_and_probe(ring, ifindex)
        self._report.ran = True
        self._report.start_ns = now_ns()
        self._report.detail["probe"] = probe.as_detail() if probe else None
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._copy_until_woken, name="packets", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take every packet that was on the wire before this call, then close. Does nothing the second time."""
        ring = self._ring
        if ring is None:
            return
        if self._thread is not None:
            os.write(self._wake[1], b"x")
            self._thread.join()
            for end in self._wake:
                os.close(end)
            self._thread = None
            self._drain(ring)
            self._report.end_ns = now_ns()
            self._count_kernel(ring)
            self._report.detail["interfaces"] = self._describe_interfaces()
        ring.close()
        self._ring = None
        os.close(self._file)

    def is_behind(self) -> bool:
        """Whether packets older than the ring's time limit may not be in the spool yet."""
        return self._ring is not None and self._ring.has_filled_block()

    def report(self) -> SourceReport:
        """What was captured so far; complete after `stop`."""
        if self._ring is not None and self._report.ran:
            self._count_kernel(self._ring)
        seen, drops, freezes = self._kernel
        report = self._report
        report.items = self._packets
        report.lost = drops + self._disk_lost
        report.reason = self._why_lost(drops)
        report.remedy = self._remedy(drops)
        report.detail |= {
            "kernel_packets": seen,
            "kernel_drops": drops,
            "ring_freezes": freezes,
            "disk_lost": self._disk_lost,
            "blocks": self._blocks,
            "bytes": self._bytes,
        }
        return report

    def _opened(self) -> PacketRing:
        if self._ring is None or self._thread is not None:
            raise ValueError("open() comes first, and start() only once")
        return self._ring

    def _bind_and_probe(self, ring: PacketRing, ifindex: int) -> ClockProbe | None:
        """Bind; where loopback is captured, first let only the probes in."""
        captured = self._interfaces or tuple(list_interfaces())
        loopback = next((i for i in captured if i.is_loopback and i.is_up), None)
        bpf.attach(ring.sock, bpf.DROP_ALL)
        ring.bind(ifindex)
        if loopback is None or not self.options.probe:
            bpf.attach(ring.sock, self._program)
            return None
        try:
            with probe_socket() as sock:
                bpf.attach(ring.sock, bpf.probe_program(loopback.ifindex, sock.getsockname()[1]))
                return send_probes(sock)
        except OSError as fault:
            # 127.0.0.1 can be missing or filtered: the capture works, its agreement is just not measured.
            self._report.detail["probe_failed"] = fault.strerror or str(fault)
            return None
        finally:
            bpf.attach(ring.sock, self._program)

    def _copy_until_woken(self) -> None:
        ring = self._opened_for_copying()
        poller = select.poll()
        poller.register(ring.sock, select.POLLIN | select.POLLERR)
        poller.register(self._wake[0], select.POLLIN)
        while True:
            ready = dict(poller.poll())
            if ready.get(ring.sock.fileno(), 0) & select.POLLERR:
                problem = ring.clear_error()
                if problem:
                    self._errors[problem] = self._errors.get(problem, 0) + 1
            ring.take_blocks(self._keep)
            if self._wake[0] in ready:
                return

    def _opened_for_copying(self) -> PacketRing:
        assert self._ring is not None
        return self._ring

    def _drain(self, ring: PacketRing) -> None:
        """Take what is left: wait a moment, let nothing more in, then empty the ring."""
        poller = select.poll()
        poller.register(ring.sock, select.POLLIN)
        begin = now_ns()
        # What was sent last may still be on its way through the receive queue of another CPU.
        settled = begin + _SETTLE_NS
        receiving = True
        while now_ns() < begin + _DRAIN_TIMEOUT_NS:
            ring.take_blocks(self._keep)
            if receiving and now_ns() >= settled:
                ring.stop_receiving()
                receiving = False
            if not receiving and ring.is_empty():
                return
            poller.poll(1)
        self._errors["the ring could not be emptied in time"] = 1

    def _keep(self, block: memoryview, packets: int) -> None:
        """Append one block; when that fails (the disk is full), count its packets and go on: room may come back."""
        written = 0
        try:
            while written < len(block):
                written += os.write(self._file, block[written:])
        except OSError as fault:
            self._errors[f"{self._path.name}: {fault.strerror}"] = 1
            self._disk_lost += packets
            with contextlib.suppress(OSError):  # half a block would hide the blocks behind it
                os.ftruncate(self._file, self._bytes)
                os.lseek(self._file, self._bytes, os.SEEK_SET)
            return
        self._bytes += len(block)
        self._blocks += 1
        self._packets += packets

    def _count_kernel(self, ring: PacketRing) -> None:
        # Reading the counters clears them in the kernel.
        self._kernel = [a + b for a, b in zip(self._kernel, ring.statistics(), strict=True)]

    def _why_lost(self, drops: int) -> str | None:
        reasons = [f"the packet ring was full: {drops} packets dropped by the kernel"] if drops else []
        reasons += self._errors
        return "; ".join(reasons) or None

    def _remedy(self, drops: int) -> str | None:
        if self._disk_lost:
            return "free space on the disk, or capture less of each packet"
        if not drops:
            return None
        larger = 4 * self.options.ring_bytes // MIB
        return f"give the ring more room: --packet-ring {larger}; or capture less of each packet: --packet-snaplen 256"

    def _describe(self, ring: PacketRing) -> dict[str, Any]:
        options = self.options
        return {
            "interfaces": self._describe_interfaces(),
            "interface": ",".join(options.interfaces) or "any",
            "filter": options.filter,
            "snaplen": options.snaplen,
            "loopback_out_bytes": options.loopback_out_bytes,
            "ring_bytes": ring.ring_bytes,
            "block_bytes": ring.block_bytes,
            "block_timeout_ms": options.block_timeout_ms,
            "netns": Path("/proc/self/ns/net").stat().st_ino,
            "netns_cookie": ring.netns_cookie(),
        }

    def _describe_interfaces(self) -> list[dict[str, Any]]:
        """All seen since the start: one that is gone at the end has packets all the same."""
        known = {i["ifindex"]: i for i in self._report.detail.get("interfaces", [])}
        for i in self._interfaces or list_interfaces():
            known[i.ifindex] = {"name": i.name, "ifindex": i.ifindex, "hatype": i.hatype, "mtu": i.mtu}
        return [known[index] for index in sorted(known)]


def _check(options: PacketOptions) -> None:
    if options.snaplen is not None and options.snaplen < 1:
        raise UsageFault("the packet snaplen must be at least 1 byte", "leave packets out instead: --no-packets")
    if options.loopback_out_bytes is not None and options.loopback_out_bytes < PAIRING_BYTES:
        raise UsageFault(f"loopback's first copy needs at least {PAIRING_BYTES} bytes to be paired with the second")
    if options.block_bytes % os.sysconf("SC_PAGE_SIZE") or options.block_bytes < 2 * 65536:
        raise UsageFault("a ring block must be whole pages and hold a 64 KB segment")
