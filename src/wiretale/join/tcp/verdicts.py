"""Names of the analysis' verdicts, and the versions of the rules."""

# In the order of the bits in tcp_rules.h; the names are those of Wireshark's tcp.analysis.* fields.
NAMES = (
    "retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment",
    "ack_lost_segment", "duplicate_ack", "window_full", "window_update", "zero_window", "zero_window_probe",
    "zero_window_probe_ack", "keep_alive", "keep_alive_ack", "reused_ports", "tfo_syn", "tfo_ack", "tfo_ignored",
    "partial_ack",
)  # fmt: skip
RETRANSMISSION, FAST, SPURIOUS = 1 << 0, 1 << 1, 1 << 2
EVENTS = ("syn", "syn-ack", "handshake-ack", "ack-of-fin", "fin", "rst")  # bits of `events`, in order
TRUTHS = {1: "zero_window_probe", 2: "keep_alive", 3: "retransmission"}  # `truth`

# Version of Wireshark whose rules are followed -> number in tcp_analysis.c
VERSIONS = {"4.0": 40, "4.4": 44}
DEFAULT_VERSION = "4.0"

# What 4.4 says otherwise than 4.0. docs/import.md prints this table.
DIFFERENCES: tuple[tuple[str, str, str], ...] = (
    (
        "fast_retransmission",
        "the repeated segment begins where the duplicate ACKs point",
        "or lies outside their SACK blocks",
    ),
    ("out_of_order", "soon after the highest segment", "and not among the segments seen and not acknowledged"),
    ("window_update", "repeats the last ACK", "or acknowledges the byte of a zero-window probe"),
    ("zero_window_probe_ack", "repeats the last ACK", "or acknowledges the byte of a zero-window probe"),
    (
        "ack_lost_segment",
        "said again after a repeated ACK moved on",
        "not for an ACK that repeats, or that answers a probe",
    ),
    ("partial_ack", "not known", "an ACK inside a segment that is not acknowledged whole"),
)


def mask_names(mask: int) -> list[str]:
    """The names of a verdict's bits. As in Wireshark a fast or spurious retransmission is a retransmission too."""
    if mask & (FAST | SPURIOUS):
        mask |= RETRANSMISSION
    return [name for bit, name in enumerate(NAMES) if mask >> bit & 1]
