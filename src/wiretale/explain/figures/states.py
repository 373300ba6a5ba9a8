"""The TCP state of each end over time."""

from wiretale.explain.conversation import Conversation
from wiretale.explain.story import Figure, Ref, Span, Track
from wiretale.explain.words import place

_KINDS = {
    "LISTEN": "listening", "SYN-SENT": "opening", "SYN-RECEIVED": "opening", "ESTABLISHED": "open",
    "FIN-WAIT-1": "closing", "FIN-WAIT-2": "closing", "CLOSE-WAIT": "closing", "CLOSING": "closing",
    "LAST-ACK": "closing", "TIME-WAIT": "over", "CLOSED": "over",
}  # fmt: skip


def states(talk: Conversation) -> Figure | None:
    """One track for each end; None if no state is known."""
    tracks = []
    guessed = False
    for end in talk.ends:
        if talk.outcome == "refused" and end is talk.server and end.socket_id is None:
            continue  # no socket was there to be in any state
        spans = []
        for s in talk.states:
            if s.role != end.role:
                continue
            ref = None
            packet = talk.packet(s.packet_id)
            if packet is not None:
                ref = packet.ref
            elif s.call_id is not None:
                ref = Ref("call", s.call_id, f"call {s.call_id}")
            guessed |= s.inferred
            since = f"since {ref.label}" if ref is not None else ""
            spans.append(Span(s.state, s.from_ns, s.to_ns, _KINDS.get(s.state, "open"), ref, since, s.inferred))
        if spans:
            tracks.append(Track(f"{end.role} {place(end.addr, end.port)}", tuple(spans)))
    if not tracks:
        return None
    caption = "The TCP state of each end (RFC 9293), from the segments seen and the calls made."
    if guessed:
        caption += " Those marked with ? were not seen but follow from its rules."
    return Figure(f"fig-c{talk.connection_id}-states", "TCP states", caption, tuple(tracks))
