"""Record a program as the launcher does: `recording.py FOLDER PROGRAM ...` leaves the tracer's files in FOLDER."""

import os
import select
import sys
from pathlib import Path

from wiretale.record.ptrace.source import PtraceSource
from wiretale.store.tracer_files import TracerFiles
from wiretale.strace.parse import parse
from wiretale.strace.requests import spawn_request, tracer_options


def record(folder: Path, program: list[str]) -> None:
    """All that the program does, as `strace -f` records it."""
    folder.mkdir()
    options, _ = parse(["-f", *program])
    source = PtraceSource(TracerFiles(str(folder)), tracer_options(options))
    source.start()
    source.spawn(spawn_request(options))
    while source.alive():
        select.select([source.notable_fd], [], [])
        source.acknowledge()
    source.stop()


if __name__ == "__main__":
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(nothing, fd)
    record(Path(sys.argv[1]), sys.argv[2:])
