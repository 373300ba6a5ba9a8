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

# Version of Wireshark whose rules are followed -> number in tcp_analysis.c. docs/import.md says where they differ.
VERSIONS = {"4.0": 40, "4.4": 44}
DEFAULT_VERSION = "4.0"


def mask_names(mask: int) -> list[str]:
    """The names of a verdict's bits. As in Wireshark a fast or spurious retransmission is a retransmission too."""
    if mask & (FAST | SPURIOUS):
        mask |= RETRANSMISSION
    return [name for bit, name in enumerate(NAMES) if mask >> bit & 1]
