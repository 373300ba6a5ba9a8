"""The files of the tracer in a folder, by name alone: for `wiretale strace`, which loads neither pathlib nor what
else a spool has. Layouts are in `model.spool`.
"""

import os


class TracerFiles:
    """What `PtraceSource` and `EventReader` need of a spool. `path` is a folder that exists."""

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def events_path(self) -> str:
        return f"{self.path}/ptrace.events"

    @property
    def chunks_path(self) -> str:
        return f"{self.path}/ptrace.chunks"

    @property
    def data_path(self) -> str:
        return f"{self.path}/ptrace.data"

    @property
    def calls_path(self) -> str:
        """Calls of kernel programs, as they packed them; there is none where they are read while recording."""
        return f"{self.path}/ptrace.calls"

    def remove(self) -> None:
        """The files, as far as they were made, and the folder."""
        for file in (self.events_path, self.chunks_path, self.data_path, self.calls_path):
            try:
                os.unlink(file)
            except OSError:
                continue
        os.rmdir(self.path)
