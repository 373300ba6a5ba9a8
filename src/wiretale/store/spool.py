"""The spool folder on disk: its manifest and the paths of its files. Layouts are in `model.spool`."""

import os
from pathlib import Path

from wiretale.clock import Snapshot
from wiretale.errors import CaptureError, PermissionFault, ResourceFault
from wiretale.light import asdict, dataclass, field
from wiretale.model.spool import SPOOL_VERSION
from wiretale.store.report import SourceReport
from wiretale.store.tracer_files import TracerFiles

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from typing import Any

_LATEST_NS = 1 << 62  # in the year 2116; sums and differences of earlier times fit into 64 bits


@dataclass(slots=True)
class Program:
    """One program the recording started or attached to."""

    pid: int
    argv: list[str]
    started_ns: int
    attached: bool = False
    status: int | None = None  # wait status; None while running or detached


@dataclass(slots=True)
class Manifest:
    """What a spool says of itself. Written when recording begins and again when it ends."""

    spool_version: int = SPOOL_VERSION
    tool_version: str = ""
    command: list[str] = field(default_factory=list)
    host: str = ""
    kernel: str = ""
    machine: str = ""
    uid: int = 0
    recorder_pid: int = 0
    started_ns: int = 0
    ended_ns: int | None = None  # None: the recorder did not end in order
    options: "dict[str, Any]" = field(default_factory=dict)
    programs: list[Program] = field(default_factory=list)
    sources: list[SourceReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # sentences about the recording, for coverage


_HINT = "naming the folder NAME.wiretale.spool that a recording left beside its capture"


class Spool:
    """The folder `path`; owns the manifest, the clock file and the names of all other files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tracer = TracerFiles(str(path))

    @property
    def manifest_path(self) -> Path:
        return self.path / "manifest.json"

    @property
    def clock_path(self) -> Path:
        return self.path / "clock.jsonl"

    @property
    def procfs_path(self) -> Path:
        return self.path / "procfs.jsonl"

    @property
    def events_path(self) -> Path:
        return Path(self.tracer.events_path)

    @property
    def chunks_path(self) -> Path:
        return Path(self.tracer.chunks_path)

    @property
    def data_path(self) -> Path:
        return Path(self.tracer.data_path)

    @property
    def calls_path(self) -> Path:
        return Path(self.tracer.calls_path)

    @property
    def packets_path(self) -> Path:
        return self.path / "packets.blocks"

    @property
    def kernel_path(self) -> Path:
        return self.path / "kernel.events"

    @property
    def stacks_path(self) -> Path:
        return self.path / "kernel.stacks"

    @property
    def symbols_path(self) -> Path:
        return self.path / "kernel.symbols"

    def make(self) -> None:
        """Make the folder. ResourceFault if there is one already, PermissionFault if it cannot be made."""
        try:
            self.path.mkdir(mode=0o700)
        except FileExistsError:
            recorder = self.recorder()
            if recorder:
                raise ResourceFault(
                    f"process {recorder} is recording into {self.path}",
                    "choose another name with -o FILE; where that process is no wiretale: wiretale recover --force",
                ) from None
            raise ResourceFault(
                f"{self.path} is left over from a recording that did not end",
                f"wiretale recover {self.path}, or delete it",
            ) from None
        except OSError as fault:
            raise PermissionFault(
                f"{self.path} cannot be made: {fault.strerror}", "choose another place with -o FILE"
            ) from fault

    def size_bytes(self) -> int:
        """How large its files are together."""
        return sum(f.stat().st_size for f in self.path.iterdir() if f.is_file())

    def packed_bytes(self) -> int:
        """How large `ptrace.calls` is; 0 without it."""
        try:
            return self.calls_path.stat().st_size
        except FileNotFoundError:
            return 0

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest in one step, so that a reader never sees half of it."""
        import json

        temporary = self.manifest_path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
        temporary.replace(self.manifest_path)

    def read_manifest(self) -> Manifest:
        """Raises CaptureError if it is missing, damaged or of a newer version."""
        import json

        try:
            raw = json.loads(self.manifest_path.read_text(encoding="utf-8"))
            version = int(raw["spool_version"])
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise CaptureError(
                f"{self.path} is not a wiretale spool: its manifest.json is missing or damaged", _HINT
            ) from fault
        if version > SPOOL_VERSION:
            raise CaptureError(
                f"{self.path} is a spool of version {version}; this wiretale reads up to {SPOOL_VERSION}",
                "upgrade wiretale",
            )
        try:
            raw["programs"] = [Program(**p) for p in raw.get("programs", [])]
            raw["sources"] = [SourceReport(**s) for s in raw.get("sources", [])]
            return Manifest(**raw)
        except TypeError as fault:
            raise CaptureError(f"{self.manifest_path} is damaged: {fault}", _HINT) from fault

    def recorder(self) -> int:
        """The process that records into it now; 0 if none does. (Another one may have got its number since.)"""
        try:
            manifest = self.read_manifest()
        except CaptureError:
            return 0
        if manifest.ended_ns is not None:
            return 0
        try:
            os.kill(manifest.recorder_pid, 0)
        except ProcessLookupError:
            return 0
        except PermissionError:
            pass  # somebody else's process, which runs
        return manifest.recorder_pid

    def add_clock_snapshot(self, snapshot: Snapshot) -> None:
        """Append one snapshot."""
        import json

        with self.clock_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([snapshot.monotonic_ns, snapshot.realtime_ns, snapshot.error_ns]) + "\n")

    def read_clock_snapshots(self) -> list[Snapshot]:
        """All complete lines; a last line cut short by a crash is left out, and so is one with times that cannot be."""
        import json

        snapshots = []
        try:
            lines = self.clock_path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as fault:
            raise CaptureError(f"{self.path} has no clock.jsonl: its times cannot be placed") from fault
        for line in lines:
            try:
                monotonic, real, error = map(int, json.loads(line))
            except (ValueError, TypeError, OverflowError):
                continue
            if min(monotonic, real, error) >= 0 and max(monotonic, real, error) < _LATEST_NS:
                snapshots.append(Snapshot(monotonic, real, error))
        if not snapshots:
            raise CaptureError(f"{self.clock_path} holds no clock snapshot: its times cannot be placed")
        return snapshots
