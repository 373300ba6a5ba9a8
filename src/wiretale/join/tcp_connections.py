"""TCP conversations: the two sockets and the packets of one incarnation of a 4-tuple, brought together.

A tuple can live several times. An accept belongs to the incarnation that began last before it returned, a connect to
the first that began after it started; both name the tuple themselves, so time only chooses among incarnations.
Packets are captured in one network namespace. A socket of another one (a container, the far end of a veth pair) is the
end of a flow that passed here, if none of this namespace is; loopback addresses never leave their namespace.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from wiretale.join.addresses import Address
from wiretale.join.associations import Association
from wiretale.join.pairing import Conversation, Flow, Side

Tuple = frozenset[Address]


class TcpPairing:
    """Give it flows and associations; `conversations` holds the result, `unplaced` the connects without an address.

    `listening`: the ports at which sockets listened, by the cookie of their network namespace (None: unknown).
    """

    def __init__(
        self,
        flows: Iterable[Flow],
        associations: Iterable[Association],
        error_ns: int,
        listening: Collection[tuple[int | None, int]] = (),
    ) -> None:
        self.conversations: list[Conversation] = []
        self.unplaced = 0
        self._error_ns = error_ns
        self._flows: dict[Tuple, list[Flow]] = defaultdict(list)
        self._of_flow: dict[int, Conversation] = {}
        self._without_flow: dict[Tuple, list[Conversation]] = defaultdict(list)
        self._to: dict[Address, list[Flow]] = defaultdict(list)
        for flow in flows:
            self._flows[frozenset((flow.a, flow.b))].append(flow)
            self._to[flow.b if flow.began != "b" else flow.a].append(flow)
        self._captured = {flow.cookie for same in self._flows.values() for flow in same}
        ordered = sorted(associations, key=lambda a: a.from_ns)
        # Clients first: an accept without packets looks for the connect that it answers. Sockets of other namespaces
        # last: they get what those of the captured one leave.
        for association in sorted(ordered, key=lambda a: (self._is_elsewhere(a), a.role != "client")):
            self._place(association)
        for same in self._flows.values():
            for flow in same:
                self._conversation(flow)
        self._mark_clients()
        self._mark_servers(listening)

    def _conversation(self, flow: Flow) -> Conversation:
        found = self._of_flow.get(flow.flow_id)
        if found is None:
            client, server, how = _ends(flow)
            found = Conversation("tcp", flow.cookie, Side(client), Side(server), how, flow.first_ns, flow=flow)
            self._of_flow[flow.flow_id] = found
            self.conversations.append(found)
        return found

    def _place(self, a: Association) -> None:
        flow = self._flow_of(a)
        if flow is not None:
            conversation = self._conversation(flow)
            self._orient(conversation, a)
        else:
            conversation = self._pair(a)
        side = conversation.client if _is_client(conversation, a) else conversation.server
        if not side.sides:
            side.sides.append(a)
        conversation.from_ns = min(conversation.from_ns, a.from_ns)

    def _is_elsewhere(self, a: Association) -> bool:
        return (
            a.socket.netns_cookie is not None
            and bool(self._captured)
            and (not self._captured & {a.socket.netns_cookie, None})
        )

    def _may_be(self, flow: Flow, a: Association) -> bool:
        """Whether the packets of `flow` can be those of the socket, as far as namespaces tell."""
        if _same_namespace(flow, a):
            return True
        if flow.a.is_loopback or not self._is_elsewhere(a):
            return False
        conversation = self._of_flow.get(flow.flow_id)
        if conversation is None:
            return True
        side = conversation.client if conversation.client.addr == a.local else conversation.server
        return not side.sides

    def _flow_of(self, a: Association) -> Flow | None:
        if a.local is None or a.local.is_wildcard or not a.local.port:
            return self._only_flow_to(a)
        same = [f for f in self._flows.get(frozenset((a.local, a.peer)), ()) if self._may_be(f, a)]
        if a.role == "client":
            after = [f for f in same if f.last_ns >= a.from_ns - self._error_ns and f.first_ns <= a.to_ns]
            fresh = [f for f in after if not self._taken(f, a)]
            return next(iter(fresh), None)
        before = [f for f in same if f.first_ns <= min(a.from_ns if a.role else a.to_ns, a.to_ns) + self._error_ns]
        return before[-1] if before else None

    def _taken(self, flow: Flow, a: Association) -> bool:
        found = self._of_flow.get(flow.flow_id)
        return found is not None and any(x.local == a.local and x is not a for x in found.client.sides)

    def _only_flow_to(self, a: Association) -> Flow | None:
        """The local address was never learned: the one incarnation to this peer that began inside the attempt."""
        port = a.local.port if a.local is not None else None
        fits = [
            f
            for f in self._to.get(a.peer, ())
            if a.from_ns - self._error_ns <= f.first_ns <= a.to_ns
            and self._may_be(f, a)
            and not (f.flow_id in self._of_flow and self._of_flow[f.flow_id].client.sides)
            and (not port or f.sent_first().port == port)
        ]
        if len(fits) == 1:
            return fits[0]
        self.unplaced += len(fits) > 1
        return None

    def _orient(self, conversation: Conversation, a: Association) -> None:
        """A connect or accept knows better than a capture that began in the middle who the client is."""
        if conversation.known_by == "guess" and a.role:
            client = a.local if a.role == "client" else a.peer
            if conversation.server.addr == client:
                conversation.client, conversation.server = conversation.server, conversation.client
            conversation.known_by = "connect"

    def _pair(self, a: Association) -> Conversation:
        """No packets: the other socket of the same tuple is the other end."""
        key = frozenset((a.local, a.peer)) if a.local is not None else frozenset((a.peer,))
        if a.role != "client":
            waiting = [
                c
                for c in self._without_flow.get(key, ())
                if c.client.addr == a.peer and not c.server.sides and c.from_ns <= a.from_ns + self._error_ns
            ]
            if waiting:
                return waiting[-1]
            waiting = [c for c in self._without_flow.get(key, ()) if c.server.addr == a.peer and not c.client.sides]
            if waiting and not a.role:
                return waiting[-1]
        ends = (Side(a.local), Side(a.peer)) if a.role == "client" else (Side(a.peer), Side(a.local))
        if not a.role and (a.local is None or (a.local.port or 0) > (a.peer.port or 0)):
            ends = (Side(a.local), Side(a.peer))
        found = Conversation("tcp", a.socket.netns_cookie, *ends, "connect" if a.role else "guess", a.from_ns)
        self._without_flow[key].append(found)
        self.conversations.append(found)
        return found

    def _mark_clients(self) -> None:
        for c in self.conversations:
            if any(a.role == "client" for a in c.client.sides):
                c.known_by = "connect"

    def _mark_servers(self, listening: Collection[tuple[int | None, int]]) -> None:
        """Whose begin was not recorded is served by the end at whose port a socket listens, if there is but one."""
        for c in self.conversations:
            if c.known_by != "guess":
                continue
            client, server = (
                end.addr is not None and any((cookie, end.addr.port or 0) in listening for cookie in (c.cookie, None))
                for end in (c.client, c.server)
            )
            if client and not server:
                c.client, c.server = c.server, c.client
            if client != server:
                c.known_by = "listener"


def _same_namespace(flow: Flow, a: Association) -> bool:
    return flow.cookie is None or a.socket.netns_cookie is None or flow.cookie == a.socket.netns_cookie


def _is_client(conversation: Conversation, a: Association) -> bool:
    if a.role:
        return a.role == "client"
    return conversation.client.addr == a.local


def _ends(flow: Flow) -> tuple[Address, Address, str]:
    """Client, server, and how that is known. Without a SYN, the higher port is taken for the client's (ephemeral)."""
    if flow.began is not None:
        return (flow.a, flow.b, "syn") if flow.began == "a" else (flow.b, flow.a, "syn")
    if (flow.a.port or 0) >= (flow.b.port or 0):
        return flow.a, flow.b, "guess"
    return flow.b, flow.a, "guess"
