"""ARP that programs speak themselves (arping, scanners, DHCP clients): who was asked for, who answered (RFC 826)."""

import socket
from collections.abc import Iterable

from wiretale.decode.ethertypes import ETH_ARP
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import code, count, listed, numbers, spread
from wiretale.explain.world import World
from wiretale.light import dataclass, field

TOLD, TOGETHER = 8, 3  # processes; addresses of one process that are told one by one
MOST = 20_000  # frames looked at
REQUEST, REPLY = 1, 2
_BEGINNING = bytes.fromhex("00010800060400")  # of ARP for IPv4 over Ethernet, with the operation's first byte
NOBODY = "0.0.0.0"

_FRAMES = f"""
SELECT p.packet_id, p.number, p.time_ns, p.frame[p.network_offset + 1:p.network_offset + 28], min(c.pid), min(w.call_id)
FROM packet p LEFT JOIN packet_call w ON w.packet_id = p.packet_id AND w.side = 'w' LEFT JOIN call c USING (call_id)
WHERE p.ethertype = {ETH_ARP} AND p.number IS NOT NULL AND p.network_offset IS NOT NULL
GROUP BY ALL ORDER BY p.number LIMIT {MOST}"""  # noqa: S608 (numbers of this program)


@dataclass(frozen=True, slots=True)
class Arp:
    """One ARP frame. `pid`, `call`: of the call that made it; None where the kernel, or another host, did."""

    ref: Ref
    number: int
    time_ns: int
    operation: int
    sender: str
    sender_mac: str
    target: str
    pid: int | None
    call: Ref | None

    @property
    def is_announcement(self) -> bool:
        """It asks for, or answers with, what is its sender's own (RFC 5227 3)."""
        return self.sender == self.target


@dataclass(slots=True)
class Asked:
    """What one process asked or told about one address. `answers`: replies of others that say who has it."""

    pid: int
    target: str
    frames: list[Arp] = field(default_factory=list)
    answers: list[Arp] = field(default_factory=list)


_BACKGROUND = (
    "On Ethernet a frame is sent to a hardware (MAC) address. ARP asks all hosts of the segment who has an IPv4 "
    "address; the one that has it answers with its MAC address."
)


def find_asked(world: World) -> list[Asked]:
    """What programs asked, in order."""
    found: dict[tuple[int, str], Asked] = {}
    last: dict[str, Arp] = {}  # the last question about an address: the kernel may have asked, too
    for arp in _read(world):
        if arp.pid is not None:
            found.setdefault((arp.pid, arp.target), Asked(arp.pid, arp.target)).frames.append(arp)
        if arp.operation == REQUEST:
            last[arp.target] = arp
        elif arp.pid is None and (question := last.get(arp.sender)) is not None and question.pid is not None:
            found[question.pid, question.target].answers += [arp] if arp.target == question.sender else []
    return list(found.values())


def _read(world: World) -> Iterable[Arp]:
    for packet, number, at, data, pid, call in world.db.execute(_FRAMES).fetchall():
        body = bytes(data or b"")
        if len(body) < 28 or not body.startswith(_BEGINNING):
            continue
        sender, target = (socket.inet_ntop(socket.AF_INET, body[a : a + 4]) for a in (14, 24))
        mac = ":".join(f"{b:02x}" for b in body[8:14])
        made = Ref("call", call, f"call {call}") if call is not None else None
        yield Arp(Ref("packet", packet, f"packet {number}"), number, at, body[7], sender, mac, target, pid, made)


def arp_steps(world: World, found: list[Asked]) -> list[Step]:
    """A step for each address that was asked for; those of one process together where there are many."""
    by_process: dict[int, list[Asked]] = {}
    for asked in found:
        by_process.setdefault(asked.pid, []).append(asked)
    steps = []
    for pid, own in list(by_process.items())[:TOLD]:
        steps += [_step(world, a) for a in own] if len(own) <= TOGETHER else [_together(world, pid, own)]
    return steps


def _together(world: World, pid: int, found: list[Asked]) -> Step:
    """A search of a network segment."""
    said = [f"{world.who(pid)} asked by ARP who has {len(found):,} addresses, in {_sent(found)}."]
    answered = [a for a in found if a.answers]
    silent = sorted((a for a in found if not a.answers), key=lambda a: socket.inet_aton(a.target))
    named = [f"{code(a.target)} ({', '.join(dict.fromkeys(code(f.sender_mac) for f in a.answers))})" for a in answered]
    if answered:
        said.append(f"{count(len(answered), 'address was', 'addresses were')} answered for: {listed(named, 10)}.")
    if silent:
        span = code(silent[0].target) + (f" to {code(silent[-1].target)}" if len(silent) > 1 else "")
        said.append(
            f"No answer was captured about {count(len(silent), 'address', 'addresses')} ({span}): no host of this "
            "segment has them, or it does not answer."
        )
    refs = [r for a in (*answered[:4], *silent[:2]) for f in a.frames[:1] for r in (f.call, f.ref) if r is not None]
    return Step(
        "", "A search by ARP", tuple(said), found[0].frames[0].time_ns, refs=tuple(refs), key=f"arp{pid}",
        background=(_BACKGROUND,),
    )  # fmt: skip


def _sent(found: list[Asked]) -> str:
    return count(sum(len(a.frames) for a in found), "frame")


def in_short(world: World, found: list[Asked]) -> list[str]:
    """Sentences for the opening of the story."""
    return [s for step in arp_steps(world, found)[:2] for s in step.sentences[:2]]


def _step(world: World, asked: Asked) -> Step:
    first = asked.frames[0]
    refs = [r for f in asked.frames[:4] for r in (f.call, f.ref) if r is not None] + [a.ref for a in asked.answers[:4]]
    title = f"ARP about {asked.target}"
    return Step("", title, tuple(_said(world, asked)), first.time_ns, refs=tuple(refs), background=(_BACKGROUND,))


def _said(world: World, asked: Asked) -> list[str]:
    requests = [f for f in asked.frames if f.operation == REQUEST and not f.is_announcement]
    told = [f for f in asked.frames if f.operation == REPLY or f.is_announcement]
    said = []
    if requests:
        said.append(_question(world, asked, requests))
        said.append(_answer(asked, requests))
    if told:
        times = f" {count(len(told), 'time')}" if len(told) > 1 else ""
        own = [f for f in told if f.is_announcement]
        what = f"{code(told[0].sender)} is at {code(told[0].sender_mac)}"
        all_hosts = "all hosts of the segment" if own else code(told[0].target)
        said.append(f"{world.who(asked.pid)} told {all_hosts}{times} that {what} ({_packets(told)}).")
    return said


def _question(world: World, asked: Asked, requests: list[Arp]) -> str:
    times = f" {count(len(requests), 'time')}" if len(requests) > 1 else ""
    probe = (
        ", without an address of its own yet: so a host finds out whether an address is free"
        if all(f.sender == NOBODY for f in requests)
        else ""
    )
    return f"{world.who(asked.pid)} asked{times} by ARP who has {code(asked.target)} ({_packets(requests)}){probe}."


def _answer(asked: Asked, requests: list[Arp]) -> str:
    if not asked.answers:
        return "No answer was captured: no host of this segment has it, or it does not answer, or a frame was lost."
    macs = list(dict.fromkeys(a.sender_mac for a in asked.answers))
    took = sorted(
        a.time_ns - max(f.time_ns for f in requests if f.time_ns <= a.time_ns)
        for a in asked.answers
        if any(f.time_ns <= a.time_ns for f in requests)
    )
    times = f" {count(len(asked.answers), 'time')}" if len(asked.answers) > 1 else ""
    after = f" {spread(took[0], took[len(took) // 2], took[-1], len(took))} after the question" if took else ""
    said = f"{listed([code(m) for m in macs])} answered{times} ({_packets(asked.answers)}){after}."
    return f"{said} More than one host claims the address." if len(macs) > 1 else said


def _packets(frames: list[Arp]) -> str:
    return numbers("packet", [f.number for f in frames[:6]], len(frames) - 6)
