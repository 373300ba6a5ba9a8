"""Requests to the clocks of network cards (linux/ptp_clock.h)."""

from wiretale.decode.strace.dates import date
from wiretale.decode.strace.devices.forms import Form, Given, Struct, braces, sequence
from wiretale.decode.strace.style import Names

LEAST: dict[str, int] = {}
_DUTY_CYCLE, _PHASE = 2, 4  # PTP_PEROUT_*
_SECOND_NS = 1_000_000_000
_MAX_SAMPLES = 25


def _time(time: Struct, *, dated: bool = True) -> str:
    """A time; those since 1970 are followed by their date."""
    text = braces(time.texts("sec", "nsec"), time.used("reserved"))
    dated &= time["nsec"] < _SECOND_NS and time.w.style.names is not Names.RAW
    comment = date(time["sec"], time["nsec"], 9) if dated else ""
    return f"{text} /* {comment} */" if comment else text


def _periodic(given: Given) -> str:
    first = given.first
    flags = first["flags"]
    start = "phase" if flags & _PHASE else "start"
    shown = [f"{start}={_time(first.part('start'), dated=not flags & _PHASE)}"]
    shown += [f"period={_time(first.part('period'), dated=False)}", *first.texts("index", "flags")]
    if flags & _DUTY_CYCLE:
        shown.append(f"on={_time(first.part('rsv', 'ptp_time'), dated=False)}")
    elif given.name == "ptp_periodic2":
        shown += first.used("rsv")
    return braces(shown)


def _pin(given: Given) -> str:
    first = given.first
    asked = [*first.texts("index"), *(first.used("rsv") if given.name == "ptp_named_pin2" else [])]
    if given.after is None:
        return braces(asked)
    return braces(asked, [given.last.string("name")], given.last.texts("func", "chan"))


def _samples(given: Given) -> str:
    """Times of the system and of the card by turns."""
    asked = [*given.first.texts("n_samples"), *given.first.used("rsv")]
    if given.after is None:
        return braces(asked)
    count = min(given.last["n_samples"], _MAX_SAMPLES)
    times = sequence(given.w, map(_time, given.last.parts("ts", 2 * count + 1)))
    return braces(asked, [f"ts={times}"])


def _triples(given: Given) -> str:
    asked = [*given.first.texts("n_samples"), *given.first.used("rsv")]
    if given.after is None:
        return braces(asked)
    count = min(given.last["n_samples"], _MAX_SAMPLES)
    times = [_time(time) for time in given.last.parts("ts", 3 * count)]
    triples = (f"[{', '.join(times[at : at + 3])}]" for at in range(0, len(times), 3))
    return braces(asked, [f"ts={sequence(given.w, triples)}"])


def _precise(given: Given) -> str:
    last = given.last
    shown = [f"{name}={_time(last.part(name), dated=name != 'sys_monoraw')}" for name in _PRECISE]
    return braces(shown, last.used("rsv"))


_PRECISE = ("device", "sys_realtime", "sys_monoraw")
FORMS: dict[str, Form] = {
    "ptp_periodic": _periodic,
    "ptp_periodic2": _periodic,
    "ptp_pin2": lambda given: braces(given.first.texts("index", "func", "chan"), given.first.used("rsv")),
    "ptp_extts_request2": lambda given: braces(given.first.texts("index", "flags"), given.first.used("rsv")),
    "ptp_named_pin": _pin,
    "ptp_named_pin2": _pin,
    "ptp_samples": _samples,
    "ptp_triples": _triples,
    "ptp_precise": _precise,
}
