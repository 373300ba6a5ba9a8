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


class UnnamedFiles(TracerFiles):
    """Files without names, by descriptors that stay open: nothing is left of them, however the recording ends.

    `path` is the folder whose disk they fill, for sentences.
    """

    def __init__(self, path: str, events: int, chunks: int, data: int) -> None:
        super().__init__(path)
        self._fds = events, chunks, data

    @property
    def events_path(self) -> str:
        return f"/proc/self/fd/{self._fds[0]}"

    @property
    def chunks_path(self) -> str:
        return f"/proc/self/fd/{self._fds[1]}"

    @property
    def data_path(self) -> str:
        return f"/proc/self/fd/{self._fds[2]}"

    def remove(self) -> None:
        """They go with this process."""


def unnamed_files(folder: str) -> UnnamedFiles:
    """On the disk of `folder`. OSError without /proc, or if its file system has none: O_TMPFILE, open(2)."""
    fds: list[int] = []
    try:
        while len(fds) < 3:
            fds.append(os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600))
        files = UnnamedFiles(folder, *fds)
        os.stat(files.events_path)
    except OSError:
        for fd in fds:
            os.close(fd)
        raise
    return files
