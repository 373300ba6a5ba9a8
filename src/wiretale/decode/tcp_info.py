"""struct tcp_info to field names and values.

Layout: linux/tcp.h of Linux 6.18. The kernel only ever appends to it and cuts it at the length the program gave, so
every length from 0 on is valid: fields that the bytes do not reach are left out.
"""

import struct

_LAYOUT: tuple[tuple[str, str], ...] = (
    ("B", "state ca_state retransmits probes backoff options"),
    ("B", "_wscale _limits"),
    (
        "I",
        "rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent last_ack_sent last_data_recv"
        " last_ack_recv pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space"
        " total_retrans",
    ),
    ("Q", "pacing_rate max_pacing_rate bytes_acked bytes_received"),
    ("I", "segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out"),
    ("Q", "delivery_rate busy_time rwnd_limited sndbuf_limited"),
    ("I", "delivered delivered_ce"),
    ("Q", "bytes_sent bytes_retrans"),
    ("I", "dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd rehash"),
    ("H", "total_rto total_rto_recoveries"),
    ("I", "total_rto_time"),
    (
        "I",
        "received_ce delivered_e1_bytes delivered_e0_bytes delivered_ce_bytes received_e1_bytes received_e0_bytes"
        " received_ce_bytes",
    ),
    # The last four bytes of the 280 are left out: later kernels packed other fields into them without a change of size.
)


def _fields() -> list[tuple[int, struct.Struct, str]]:
    fields = []
    offset = 0
    for code, names in _LAYOUT:
        reader = struct.Struct("<" + code)
        for name in names.split():
            fields.append((offset, reader, f"tcpi_{name}"))
            offset += reader.size
    return fields


_FIELDS = _fields()


def decode_tcp_info(data: bytes) -> dict[str, int]:
    """Fields in the header's order, named as there; times in microseconds or (last_*) milliseconds, as the kernel's."""
    found: dict[str, int] = {}
    for offset, reader, name in _FIELDS:
        if offset + reader.size > len(data):
            break
        value: int = reader.unpack_from(data, offset)[0]
        if name == "tcpi__wscale":
            found["tcpi_snd_wscale"] = value & 15
            found["tcpi_rcv_wscale"] = value >> 4
        elif name == "tcpi__limits":
            found["tcpi_delivery_rate_app_limited"] = value & 1
            found["tcpi_fastopen_client_fail"] = value >> 1 & 3
        else:
            found[name] = value
    return found
