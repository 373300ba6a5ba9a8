"""The rule of `quiet` for a recording that is still growing: call by call, in the order of one task's life.

`Program` judges calls, `Run` collects those that may stand in one line. The SQL of `startup` gives the same answer for
a capture; a test holds the two together.
"""

import posixpath
import re
from enum import Enum

from wiretale.decode.record_types import RawCall
from wiretale.light import dataclass, field
from wiretale.model.enums import Arch
from wiretale.show.quiet import (
    BY_DESCRIPTOR,
    BY_PATH,
    CLONE_THREAD,
    CODE_OF,
    DUPLICATING,
    FCNTL_DUPLICATES,
    FIRST_OWN_FD,
    LOOKING,
    MAKING,
    O_DIRECTORY,
    O_DIRECTORY_ARM,
    ONLY,
    OPEN_FLAGS_ARGUMENT,
    OPENS,
    PROBING,
    READS,
    SETTING_UP,
    STATS,
    SYSTEM_PATH,
)

_SYSTEM = re.compile(SYSTEM_PATH)
_SETTING_UP, _LOOKING = frozenset(SETTING_UP), frozenset(LOOKING)
_LISTS = ("getdents", "getdents64")


class Judgement(Enum):
    """What a call does to the line that is being collected."""

    START = "program start"  # part of a program's start
    STAYS = "stays"  # stands in a start, and is shown
    PROBES = "probes"  # part of a start if the next call closes what it made
    LOOK = "looking for files of the system"
    SHOW = "show"  # a line of its own


@dataclass(slots=True)
class Run:
    """Calls of one task that fold: what they are, when, how many. `names_file`: at least one names a file."""

    what: Judgement
    from_ns: int
    to_ns: int
    calls: int = 0
    names_file: bool = False

    @property
    def folds(self) -> bool:
        """Whether they may be shown as one line, if they are enough."""
        return self.what is Judgement.START or self.names_file


@dataclass(slots=True)
class Program:
    """One task's program image: whether it is still starting, and what is behind its descriptors."""

    exe: str = ""
    argv: tuple[str, ...] = ()
    cwd: str = ""
    starting: bool = False
    _files: dict[int, str] = field(default_factory=dict)  # descriptors of files it opened itself, and their paths

    def may_fold(self, call: RawCall) -> bool:
        """Whether a call, seen at its entry, may turn out to be one that folds."""
        if not _is_used_quietly(call):
            return False
        if not self.starting:
            return call.name in _LOOKING and not (call.name in BY_DESCRIPTOR and not self._on_system_file(call))
        if call.name in PROBING or _makes(call):
            return True
        return call.name in _SETTING_UP and not (_needs_known_file(call) and not self._on_known_file(call))

    def judge(self, call: RawCall) -> Judgement:
        """What a call that returned is; remembers what it opened and closed."""
        judgement = self._judgement(call)
        if judgement is Judgement.SHOW:
            self.starting = False
        self._follow(call)
        return judgement

    def names_file(self, call: RawCall) -> bool:
        """Whether the call names a file by its path."""
        return call.name in BY_PATH

    def forked(self) -> "Program":
        """The same program in a new process or thread, which has the same files open."""
        return Program(self.exe, self.argv, self.cwd, starting=False, _files=dict(self._files))

    def _judgement(self, call: RawCall) -> Judgement:
        path = _path(call)
        if self.starting and call.name in PROBING and call.errno is None:
            return Judgement.PROBES
        if self.starting and _makes(call):
            return Judgement.STAYS
        if call.retval is None or not self.may_fold(call):
            return Judgement.SHOW
        if not self.starting:
            is_own = call.name in BY_PATH and path and not _SYSTEM.search(path)
            return Judgement.SHOW if is_own and not self._looks_for_modules(call, path) else Judgement.LOOK
        if call.name in OPENS and call.errno is None and not self._opens_quietly(call, path):
            return Judgement.SHOW
        return Judgement.START

    def _opens_quietly(self, call: RawCall, path: str) -> bool:
        return bool(_SYSTEM.search(path)) or self._is_code(path) or (self._code() is not None and _opens_dir(call))

    def _code(self) -> str | None:
        """The pattern of the code this program runs, if it is an interpreter."""
        return next((code for exe, code in CODE_OF.items() if re.search(exe, self.exe)), None)

    def _is_code(self, path: str) -> bool:
        code = self._code()
        if code is None:
            return False
        script = self._script()
        is_script = bool(script) and posixpath.basename(path) == posixpath.basename(script)
        return is_script or re.search(code, path) is not None

    def _script(self) -> str:
        return next((word for word in self.argv[1:] if not word.startswith("-")), "")

    def _looks_for_modules(self, call: RawCall, path: str) -> bool:
        if self._code() is None or call.name not in STATS:
            return False
        folder = posixpath.dirname(self._script())
        return path in {self.cwd, posixpath.join(self.cwd, folder) if folder else self.cwd}

    def _on_system_file(self, call: RawCall) -> bool:
        path = self._files.get(_fd(call))
        return path is not None and _SYSTEM.search(path) is not None

    def _on_known_file(self, call: RawCall) -> bool:
        path = self._files.get(_fd(call))
        if path is None or _fd(call) < FIRST_OWN_FD:
            return False
        return bool(_SYSTEM.search(path)) or self._is_code(path) or (self._code() is not None and call.name in _LISTS)

    def _follow(self, call: RawCall) -> None:
        if call.name == "close":
            self._files.pop(_fd(call), None)
        elif call.name in OPENS and call.errno is None and call.retval is not None:
            self._files[call.retval] = _path(call)
        elif _duplicates(call) and call.errno is None and call.retval is not None:
            source = self._files.get(_fd(call))
            if source is None:
                self._files.pop(call.retval, None)
            else:
                self._files[call.retval] = source


def _fd(call: RawCall) -> int:
    return call.args[0] & 0xFFFFFFFF


def _path(call: RawCall) -> str:
    found = next((d.bytes for d in call.data if d.role == "string" and d.arg in {0, 1} and not d.at_exit), b"")
    return found.decode(errors="replace")


def _is_used_quietly(call: RawCall) -> bool:
    argument, mask, values = ONLY.get(call.name, (0, 0, (0,)))
    return call.args[argument] & mask in values


def _makes(call: RawCall) -> bool:
    return call.name in MAKING and (call.name != "clone" or bool(call.args[0] & CLONE_THREAD))


def _duplicates(call: RawCall) -> bool:
    return call.name in DUPLICATING or (call.name in {"fcntl", "fcntl64"} and call.args[1] in FCNTL_DUPLICATES)


def _needs_known_file(call: RawCall) -> bool:
    return call.name in READS or _duplicates(call)


def _opens_dir(call: RawCall) -> bool:
    argument = OPEN_FLAGS_ARGUMENT.get(call.name)
    flag = O_DIRECTORY_ARM if call.arch in {Arch.AARCH64, Arch.ARM} else O_DIRECTORY
    return argument is not None and bool(call.args[argument] & flag)
