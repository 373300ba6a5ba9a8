"""`wiretale show --json`: one object per event. The keys are documented in docs/show.md and do not change.

Every object has `kind`, `time_ns` (CLOCK_MONOTONIC), `time` (seconds since the first event) and `real_ns` (since 1970,
UTC). Payload is base64 so that any bytes survive.
"""

import base64
from collections.abc import Iterator

from wiretale.decode.calls import decode_call
from wiretale.show.lines import LineRenderer
from wiretale.show.merged import Batch
from wiretale.show.order import LineKind, Place
from wiretale.show.records import Actor, CallRecord, KernelRecord
from wiretale.show.times import TimeFormat

Json = dict[str, object]


def objects(batch: Batch, renderer: LineRenderer, times: TimeFormat) -> Iterator[Json]:
    """The events of a batch; a call that waited is one object, at its entry."""
    for place in batch.places:
        if place.kind is LineKind.RETURN:
            continue
        common: Json = {
            "kind": _KINDS[place.kind],
            "time_ns": place.time_ns,
            "time": (place.time_ns - times.origin_ns) / 1e9,
            "real_ns": place.time_ns + times.offset_ns,
        }
        yield common | _details(batch, place, renderer)


_KINDS = {
    LineKind.CALL: "call", LineKind.ENTER: "call", LineKind.PACKET: "packet", LineKind.SIGNAL: "signal",
    LineKind.KERNEL: "kernel",
    LineKind.BEGIN: "begin", LineKind.END: "end", LineKind.START: "fold", LineKind.LOOK: "fold",
}  # fmt: skip


def _details(batch: Batch, place: Place, renderer: LineRenderer) -> Json:
    rows = batch.rows
    if place.kind in (LineKind.CALL, LineKind.ENTER):
        notes = [*batch.bytes_notes.get(place.id, []), *batch.wait_notes.get(place.id, [])]
        return _call(rows.calls[place.id], batch, renderer) | batch.facts.calls.get(place.id, {}) | {"notes": notes}
    if place.kind is LineKind.PACKET:
        packet = rows.packets[place.id]
        return {
            "packet_id": packet.packet_id, "number": packet.number, "interface": packet.interface, "tap": packet.tap,
            **batch.facts.packets.get(place.id, {}), "text": packet.text, "notes": batch.packet_notes.get(place.id, []),
        }  # fmt: skip
    if place.kind is LineKind.KERNEL:
        return _kernel(rows.kernel[place.id])
    if place.kind is LineKind.SIGNAL:
        signal = rows.signals[place.id]
        return _actor(signal.actor) | {
            "signal": signal.name,
            "sender_pid": signal.sender_pid,
            "stopped": signal.stopped,
        }
    task = rows.tasks[place.id]
    about = _actor(task.actor) | {"how": task.how, "argv": list(task.argv), "parent_pid": task.parent_pid}
    if place.kind is LineKind.END:
        about |= {"end_how": task.end_how, "exit_status": task.exit_status, "signal": task.signal}
    return about


def _kernel(record: KernelRecord) -> Json:
    event = record.event
    function, _, file = record.where.partition(", ")
    return _actor(record.actor) | {
        "event_id": event.event_id, "name": event.name, "function": function, "file": file, "cpu": event.cpu,
        "context": event.context, "softirq": event.softirq, "other_tid": event.other_tid, "value": event.value,
        "value2": event.value2, "call": record.call or None,
        "call_id": event.call_id if event.context == "task" else None,
        "packet": event.packet_number, "text": record.text,
    }  # fmt: skip


def _actor(actor: Actor) -> Json:
    return {"pid": actor.pid, "tid": actor.tid, "comm": actor.comm}


def _call(record: CallRecord, batch: Batch, renderer: LineRenderer) -> Json:
    raw = record.raw
    decoded = decode_call(raw, string_limit=renderer.style.strings)
    label = batch.labels.at(record.actor.pid, record.entry_ns) if batch.labels is not None else None
    payload = [
        {
            "at_exit": d.at_exit,
            "offset": d.offset,
            "full_bytes": d.full_bytes,
            "base64": base64.b64encode(d.bytes).decode(),
        }
        for d in raw.data
        if d.role == "payload"
    ]
    return _actor(record.actor) | {
        "call_id": record.call_id, "name": raw.name, "number": record.number, "fd": record.fd,
        "descriptor": label(record.fd) if label is not None and record.fd is not None else None,
        "args": [
            {"name": a.name, "text": a.text, "value": v, "constants": dict(a.numbers)}
            for a, v in zip(decoded.args, raw.args, strict=False)
        ],
        "retval": raw.retval, "errno": raw.errno, "result": decoded.result, "constants": dict(decoded.numbers),
        "duration_ns": None if record.exit_ns is None else record.exit_ns - record.entry_ns,
        "payload": payload, "text": decoded.text,
    }  # fmt: skip
