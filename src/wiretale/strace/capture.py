"""-o FILE.wiretale: the lines go to standard error, and calls and packets together into a capture."""

import os
import shutil
import time
from pathlib import Path

from wiretale.clock import now_ns
from wiretale.light import replace
from wiretale.record.ebpf.calls import RingOptions
from wiretale.record.packets.source import PacketOptions
from wiretale.record.plan import Plan
from wiretale.record.recording import Recording
from wiretale.record.user import give_to, invoking_user, named
from wiretale.store.ending import ended_by_signals
from wiretale.store.load.tracer_events import EventReader
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import StraceOptions
from wiretale.strace.output import Outputs
from wiretale.strace.printer import StracePrinter
from wiretale.strace.requests import environment, tracer_options

_SNAPLEN = 256  # as `wiretale record`: what is linked with packets is compared byte by byte


def run(options: StraceOptions) -> int:
    """Trace, then make the capture. Returns the program's exit status as a shell tells it."""
    output = Path(options.output or "")
    if options.command and options.pids:
        raise StraceFault("-o FILE.wiretale with both PROG and -p PID is not supported: leave one of them out")
    lines = replace(options, output=None, separately=False)
    outputs = Outputs(lines)
    # A capture is kept, and given away.
    tracing = replace(tracer_options(options, outputs.shared_fd()), environment=False)
    plan = Plan(
        output=output,
        commands=(tuple(options.command),) if options.command else (),
        attach=tuple(options.pids),
        ptrace=replace(tracing, snaplen=None if tracing.snaplen is None else max(tracing.snaplen, _SNAPLEN)),
        packets=PacketOptions(),
        engine=options.engine,
        ring=RingOptions(live=True),
        user=named(options.user) if options.user else invoking_user(),
        command_line=("wiretale", "strace", *options.command),
    )
    os.environ.update(environment(options))
    for name in options.env:
        if "=" not in name:
            os.environ.pop(name, None)
    recording = Recording(plan)
    reader = EventReader(recording.spool.tracer)
    printer = StracePrinter(lines, outputs, time.time_ns() - now_ns())

    def follow() -> None:
        there = reader.committed()
        while reader.position < there:
            printer.take_all(reader.read())
        outputs.flush()

    recording.observe(follow)
    outcome = recording.run()
    follow()
    if printer.summary is not None:
        outputs.main.write(printer.summary.text())
    outputs.message(f"making {output}")
    outputs.close()
    reader.close()
    _make(outcome.spool.path, plan)
    if outcome.fault is not None:
        raise outcome.fault
    return outcome.status


def _make(spool: Path, plan: Plan) -> None:
    with ended_by_signals() as ending:
        # Here: a recording enters its user as a process of one thread, and DuckDB starts more.
        from wiretale.join.build import build
        from wiretale.store.make import make_capture
        from wiretale.store.progress import silent
        from wiretale.store.spool import Spool

        make_capture(Spool(spool), plan.output, lambda db: build(db, ending.checked(silent)))
        give_to(plan.user, plan.output)
        shutil.rmtree(spool)
