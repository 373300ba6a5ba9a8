"""Connections that are open at the same time: when, between whom, and which bytes. Calls and packets both follow it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

SERVER, CLIENT, PORT, FIRST_FD = 5000, 6000, 4000, 4
START_NS = 1_000_000_000_000
ROUND_NS, OPENING_NS, CLOSING_NS = 60_000, 100_000, 100_000
PAGE_OF_BYTES = 1 << 20


@dataclass(frozen=True)
class Size:
    """How much to make. `at_once`: connections open at a time. `loopback`: each packet is seen twice, as on lo."""

    connections: int = 10
    rounds: int = 10
    at_once: int = 8
    request_bytes: tuple[int, int] = (40, 400)
    answer_bytes: tuple[int, int] = (20, 300)
    snaplen: int = 256
    loopback: bool = False
    seed: int = 1

    @property
    def calls(self) -> int:
        return 3 + self.connections * (7 + 5 * self.rounds)

    @property
    def shown_packets(self) -> int:
        return self.connections * (6 + 5 * self.rounds)


@dataclass
class Payload:
    """Reproducible payload: a stream's byte number p is `page[(start of the stream + p) % size]`."""

    page: NDArray[np.uint8]

    def at(self, start: Ints, size: Ints) -> NDArray[np.uint8]:
        """The bytes [start, start + size) of each row, one row after the other."""
        return self.page[(ragged(start, size)) & (PAGE_OF_BYTES - 1)]


def ragged(start: Ints, size: Ints) -> Ints:
    """Indices start, start + 1, ... of each row, one row after the other."""
    return np.repeat(start - (np.cumsum(size) - size), size) + np.arange(int(size.sum()))


@dataclass
class Conns:
    """One generation: connections that are open at the same time. All arrays have one element per connection."""

    number: Ints
    begin_ns: Ints
    slot: Ints
    requests: Ints  # sizes, one row per connection
    answers: Ints

    @property
    def client_tid(self) -> Ints:
        return CLIENT + 1 + self.slot

    @property
    def server_tid(self) -> Ints:
        return SERVER + 1 + self.slot

    @property
    def fd(self) -> Ints:
        return FIRST_FD + self.slot

    @property
    def client_addr(self) -> Ints:
        """Only a tuple that was not used before gives each connection a flow of its own for certain."""
        return 0x7F000001 + self.number // 60_000

    @property
    def client_port(self) -> Ints:
        return 5_000 + self.number % 60_000

    @property
    def request_start(self) -> Ints:
        return (self.number * 7919 + 13) % PAGE_OF_BYTES

    @property
    def answer_start(self) -> Ints:
        return (self.number * 6007 + 500_009) % PAGE_OF_BYTES

    def first_seq(self, *, client: bool) -> Ints:
        return (self.number * (64_021 if client else 81_667) + (1_000 if client else 9_000)) & 0xFFFFFFFF

    def inode(self, *, client: bool) -> Ints:
        return 100_000 + 2 * self.number + (0 if client else 1)

    @property
    def round_ns(self) -> Ints:
        """When each round begins."""
        return self.begin_ns[:, None] + OPENING_NS + np.arange(self.requests.shape[1]) * ROUND_NS

    @property
    def close_ns(self) -> Ints:
        return self.begin_ns + OPENING_NS + self.requests.shape[1] * ROUND_NS
