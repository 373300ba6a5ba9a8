"""The plan as it was made when wiretale was built: making it takes longer than a short program runs.

`hatch_build.py` has it written beside the tracer. It serves for exactly the sources that it was made from: where one
of them was changed since, the plan is made anew.
"""

import _imp
import ctypes
import marshal
import os
from functools import lru_cache

from wiretale.record.ptrace.library import CallPlan, Op, Table

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiretale.record.ptrace.plan import Planned

_HERE = os.path.dirname(__file__)
PLAN_PATH = f"{_HERE}/_plan.bin"
_ROOT = os.path.dirname(os.path.dirname(_HERE))
# All that decides what a plan is, below the package's folder.
_SYSCALLS = (
    *("__init__", "_args", "descriptors", "files", "keys", "memory", "network", "numbers", "prctl", "quotas"),
    *("spec", "system", "tasks", "tracing"),
)
SOURCES = (
    *(f"decode/syscalls/{name}.py" for name in _SYSCALLS),
    *(
        "decode/structs.py",
        "decode/struct_fields.py",
        "decode/request_fields.py",
        "decode/bpf_fields.py",
        "decode/device_fields.py",
        "decode/syscalls/requests.py",
        "decode/syscalls/device_requests.py",
        "decode/network_request_fields.py",
        "decode/syscalls/network_requests.py",
        "decode/constants/requests.py",
        "model/enums.py",
        "model/spool.py",
    ),
    *(f"record/ptrace/{name}.py" for name in ("plan", "operations", "selection", "library")),
)


class TracePlan:
    """The op tables of several architectures, as the library takes them. Must outlive the recording."""

    def __init__(self, planned: "Planned") -> None:
        ops, calls = planned
        self.ops = (Op * (len(ops) // ctypes.sizeof(Op))).from_buffer_copy(ops)
        self._calls = [(CallPlan * (len(raw) // ctypes.sizeof(CallPlan))).from_buffer_copy(raw) for _, raw in calls]
        self.tables = (Table * len(calls))(
            *(
                Table(arch, len(table), ctypes.cast(table, ctypes.POINTER(CallPlan)))
                for (arch, _), table in zip(calls, self._calls, strict=True)
            )
        )


@lru_cache(maxsize=2)
def native_plan(*, links: bool = False) -> TracePlan:
    """The plan of every architecture a task on this machine can have; `links`: descriptors and processes too."""
    return TracePlan(_kept(links) or _made(links))


def write() -> None:
    """Keep the plans of this machine for later, beside them one for programs in C. Called when wiretale is built."""
    with open(PLAN_PATH, "wb") as file:
        marshal.dump((_fingerprint(), [_made(links) for links in (False, True)]), file)
    with open(f"{os.path.dirname(PLAN_PATH)}/_plan.h", "w", encoding="ascii") as file:
        file.write(_as_c())


def _as_c() -> str:
    """The plan without links as a header for a program in C, and the sources that both are made from."""
    ops, calls = _made(False)
    tracer = sorted(n for n in os.listdir(_HERE) if n.endswith((".c", ".h")) and n[0] != "_")
    sources = (*SOURCES, *(f"record/ptrace/{name}" for name in tracer), "strace/launcher.c")
    names = ", ".join(f'"{name}"' for name in sources)
    tables = ", ".join(
        f"{{ {arch}u, {len(raw) // ctypes.sizeof(CallPlan)}, (const struct wt_call *)CALLS_{at} }}"
        for at, (arch, raw) in enumerate(calls)
    )
    arrays = {"OPS": ops, **{f"CALLS_{at}": raw for at, (_, raw) in enumerate(calls)}}
    lines = [f"static const char *const SOURCES[] = {{ {names} }};"]
    for name, raw in arrays.items():
        lines.append(f"static const uint8_t {name}[] __attribute__((aligned(8))) = {{ {','.join(map(str, raw))} }};")
    return "\n".join([*lines, f"static const struct wt_table TABLES[] = {{ {tables} }};\n"])


def _made(links: bool) -> "Planned":
    from wiretale.record.ptrace.plan import native_arches, plan  # loads all that is known of calls

    return plan(native_arches(), links=links)


def _kept(links: bool) -> "Planned | None":
    """What `write` wrote; None if it cannot be used."""
    try:
        with open(PLAN_PATH, "rb") as file:
            fingerprint, plans = marshal.load(file)
        kept: Planned = plans[links]
        return kept if fingerprint == _fingerprint() else None
    except (OSError, ValueError, EOFError, TypeError):
        return None


def _fingerprint() -> bytes:
    return _imp.source_hash(ctypes.sizeof(ctypes.c_void_p), b"\0".join([os.uname().machine.encode(), *_contents()]))


def _contents() -> "Iterable[bytes]":
    for name in SOURCES:
        with open(f"{_ROOT}/{name}", "rb") as file:
            yield file.read()
