"""A way through the kernel in words: what the bytes of a call waited for, one thing after the other."""

from collections.abc import Iterator

import duckdb

from wiretale.decode.durations import duration
from wiretale.explain.kernel_steps import steps
from wiretale.join.kernel_path import KernelPath, kernel_path
from wiretale.light import dataclass

_LEAST_PART = 20  # a part of a span is told if it is at least the 20th of it


@dataclass(frozen=True, slots=True)
class Spent:
    """Nanoseconds and what they were spent on. `parts`: what the one thread meanwhile did that was expected to work."""

    ns: int
    what: str
    parts: tuple[tuple[int, str], ...] = ()


def spans(path: KernelPath) -> Iterator[Spent]:
    """One after the other, the last one all together: of the first packet, and of the first read."""
    if path.call is None:
        return
    last = begin = path.call.start_ns
    end = "as far as it was seen"
    for step in steps(path, path.call):
        if step.at_ns >= last:
            yield _spent(path, last, step.at_ns, step.what, step.tid)
            last = step.at_ns
            end = "until the reader's call" + step.what.rpartition(" call")[2] if step.taken else end
    if last > begin:
        of = "the first bytes, " if len(path.packets) > 1 or len(path.reads) > 1 else ""
        yield Spent(last - begin, f"in all, {of}{end}")


def _spent(path: KernelPath, from_ns: int, to_ns: int, what: str, tid: int) -> Spent:
    """With what the thread did in that time, if it was not simply at work in one call."""
    found: dict[str, int] = {}
    for did in path.did:
        ns = min(did.to_ns, to_ns) - max(did.from_ns, from_ns)
        if did.tid == tid and ns > 0:
            where = f"in {did.call}()" if did.call else "in its own code" if did.state == "running" else "in no call"
            clause = {"running": f"it ran {where}", "runnable": "it waited for a CPU"}.get(
                did.state, f"it was {did.state} {where}"
            )
            found[clause] = found.get(clause, 0) + ns
    parts = [(ns, clause) for clause, ns in found.items() if ns * _LEAST_PART >= to_ns - from_ns]
    return Spent(to_ns - from_ns, what, tuple(parts) if len(found) > 1 else ())


def told(db: duckdb.DuckDBPyConnection, call_id: int) -> str:
    """The way of one call's bytes in one sentence; empty if it was not seen."""
    path = kernel_path(db, call_id)
    way = list(spans(path)) if path is not None and path.hi > path.lo else []
    if len(way) < 2:
        return ""
    parts = "; ".join(f"{duration(step.ns)} {step.what}" for step in way)
    return f"On their way through the kernel the bytes were {parts}."
