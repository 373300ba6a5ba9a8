"""Shared by the oddities: which end of a TCP connection spoke last, by the kernel's TCP_INFO at the end."""

from wiretale.decode.tcp_info import decode_tcp_info
from wiretale.explain.world import World
from wiretale.light import dataclass

MS = 1_000_000

_SAMPLE = """
SELECT arg_max({'at': time_ns, 'unread': recv_queue, 'info': tcp_info}, time_ns) FROM socket_sample
WHERE inode = ? AND recv_queue IS NOT NULL AND tcp_info IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class LastWords:
    """What the last sample of a socket tells. Times in ns, right to a tick of the kernel's clock (some ms)."""

    at: int
    got_ns: int  # when the last bytes came
    sent_ns: int  # when the last bytes were sent
    segments_in: int  # with payload
    segments_out: int
    got_bytes: int
    unread: int  # bytes in the receive queue

    @property
    def other_spoke_last(self) -> bool:
        """Whether bytes came after the last that were sent."""
        return bool(self.segments_in) and (not self.segments_out or self.got_ns > self.sent_ns)

    @property
    def own_spoke_last(self) -> bool:
        """Whether bytes were sent after the last that came."""
        return bool(self.segments_out) and (not self.segments_in or self.sent_ns > self.got_ns)


def last_words(world: World, inode: int | None) -> LastWords | None:
    """Of a socket that was in the kernel's list; None if it was not. Calls from before the recording count, too."""
    (sample,) = world.db.execute(_SAMPLE, [inode]).fetchone() or (None,)
    if sample is None:
        return None
    at, info = sample["at"], decode_tcp_info(sample["info"])
    if not {"tcpi_data_segs_in", "tcpi_data_segs_out", "tcpi_bytes_received"} <= info.keys():
        return None
    return LastWords(
        at,
        at - info["tcpi_last_data_recv"] * MS,
        at - info["tcpi_last_data_sent"] * MS,
        info["tcpi_data_segs_in"],
        info["tcpi_data_segs_out"],
        info["tcpi_bytes_received"],
        sample["unread"],
    )
