"""Whether anything still moves in a recording, told from how much the spool's files hold: no event is looked at."""

import struct

from wiretale.store.spool import Spool

QUIET_NS = 200_000_000  # no call for this long, every input given: the programs only wait for each other
# Servers that are left alone get longer before they are interrupted: socat and our netcat wait 0.5 s and then leave.
LEFT_ALONE_NS = 700_000_000
SILENT_NS = 1_000_000_000  # no packet and nothing notable for this long: calls go on, but nobody talks
_COMMITTED_OFFSET = 16  # of `committed` in model.spool.FILE_HEADER


class Stillness:
    """Ask `is_quiet` and `is_silent` often: they compare with what they saw when they were asked before."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._calls = self._packets = -1
        self._last_call_ns = self._last_traffic_ns = 0

    def stirred(self, now_ns: int) -> None:
        """Something notable happened, or was just done to the programs."""
        self._last_call_ns = self._last_traffic_ns = now_ns

    def is_quiet(self, now_ns: int, for_ns: int = QUIET_NS) -> bool:
        """No call began or ended for so long."""
        calls = self._committed_events() + self._spool.packed_bytes()
        if calls != self._calls:
            self._calls, self._last_call_ns = calls, now_ns
        return now_ns - self._last_call_ns >= for_ns

    def is_silent(self, now_ns: int) -> bool:
        """No packet was captured for SILENT_NS. Never True where no packets are captured: that silence says nothing."""
        try:
            packets = self._spool.packets_path.stat().st_size
        except OSError:
            return False
        if packets != self._packets:
            self._packets, self._last_traffic_ns = packets, now_ns
        return now_ns - self._last_traffic_ns >= SILENT_NS

    def _committed_events(self) -> int:
        with self._spool.events_path.open("rb") as file:
            file.seek(_COMMITTED_OFFSET)
            (count,) = struct.unpack("<Q", file.read(8))
            return int(count)
