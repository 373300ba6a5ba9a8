"""The compiled tracer (`tracer.c`), loaded with ctypes. Structures are those of `tracer.h`; a test compares them."""

import ctypes
import os
from functools import lru_cache

from wiretale.errors import Exit, WiretaleError

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from collections.abc import Callable

LIBRARY_PATH = f"{os.path.dirname(__file__)}/_tracer.so"
ALL_BYTES = (1 << 64) - 1  # snaplen: everything

_u8, _u16, _u32, _u64 = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64
_i32, _i64 = ctypes.c_int32, ctypes.c_int64


class Event(ctypes.Structure):
    """struct wt_event."""

    _fields_ = [
        ("time_ns", _u64),
        ("resume_ns", _u64),
        ("seq", _u64),
        ("first_chunk", _u64),
        ("tid", _u32),
        ("tgid", _u32),
        ("kind", _u16),
        ("flags", _u16),
        ("chunks", _u32),
        ("arch", _u32),
        ("cpu", _i32),
        ("number", _i64),
        ("value", _i64),
        ("args", _u64 * 6),
        ("extra", _u64),
    ]


class Chunk(ctypes.Structure):
    """struct wt_chunk."""

    _fields_ = [
        ("event", _u64),
        ("address", _u64),
        ("full_bytes", _u64),
        ("offset", _u64),
        ("captured_bytes", _u32),
        ("error", _i32),
        ("role", _u16),
        ("arg", _u16),
        ("index", _u32),
        ("detail", _u64),
        ("reserved", _u64),
    ]


class Op(ctypes.Structure):
    """struct wt_op: one piece of memory to read."""

    _fields_ = [
        ("what", _u8),
        ("when", _u8),
        ("arg", _u8),
        ("role", _u8),
        ("count_from", _u8),
        ("count_arg", _u8),
        ("flags", _u8),
        ("only_arg", _u8),
        ("only_value", _u32),
        ("fixed", _u32),
        ("size", _u32),
        ("limit", _u32),
        ("within", _u32),
    ]


class CallPlan(ctypes.Structure):
    """struct wt_call: the ops of one call number."""

    _fields_ = [
        ("first_op", _u32),
        ("ops", _u16),
        ("flags", _u16),
        ("condition", _u8),
        ("fd_arg", _u8),
        ("fds_arg", _u8),
        ("whens", _u8),
        ("n_args", _u8),
        ("shows_arg", _u8),
        ("reserved", _u8 * 2),
    ]


class Table(ctypes.Structure):
    """struct wt_table: the calls of one architecture."""

    _fields_ = [("arch", _u32), ("count", _u32), ("calls", ctypes.POINTER(CallPlan))]


class Poke(ctypes.Structure):
    """struct wt_poke: bytes that overwrite what an argument points to."""

    _fields_ = [("data", ctypes.c_char_p), ("bytes", _u32), ("arg", _u16), ("when", _u16)]


class Tamper(ctypes.Structure):
    """struct wt_tamper: what is done to some calls of one number."""

    _fields_ = [
        ("arch", _u32),
        ("flags", _u32),
        ("number", _i64),
        ("result", _i64),
        ("other", _i64),
        ("delay_enter_ns", _u64),
        ("delay_exit_ns", _u64),
        ("first", _u32),
        ("last", _u32),
        ("step", _u32),
        ("signal", _u32),
        ("pokes", ctypes.POINTER(Poke)),
        ("n_pokes", _u64),
    ]


class Options(ctypes.Structure):
    """struct wt_options."""

    _fields_ = [
        ("events_path", ctypes.c_char_p),
        ("chunks_path", ctypes.c_char_p),
        ("data_path", ctypes.c_char_p),
        ("ops", ctypes.POINTER(Op)),
        ("tables", ctypes.POINTER(Table)),
        ("n_tables", _u32),
        ("flags", _u32),
        ("snaplen", _u64),
        ("pin", _i32),
        ("n_tampers", _u32),
        ("tampers", ctypes.POINTER(Tamper)),
        ("paths", ctypes.POINTER(ctypes.c_char_p)),
        ("n_paths", _u64),
        ("ring_fd", _i32),
        ("tasks_fd", _i32),
        ("states_fd", _i32),
        ("ring_bytes", _u64),
        ("packed_path", ctypes.c_char_p),
        ("packed_fd", _i32),
        ("packing_fd", _i32),
        ("packed_bytes", _u64),
        ("printed_fd", _i32),
    ]


class SpawnArguments(ctypes.Structure):
    """struct wt_spawn_request."""

    _fields_ = [
        ("path", ctypes.c_char_p),
        ("argv", ctypes.POINTER(ctypes.c_char_p)),
        ("envp", ctypes.POINTER(ctypes.c_char_p)),
        ("cwd", ctypes.c_char_p),
        ("fds", ctypes.POINTER(_i32)),
        ("filter", ctypes.c_char_p),
        ("groups", ctypes.POINTER(_u32)),
        ("filter_length", _u32),
        ("n_groups", _u32),
        ("flags", _u32),
        ("uid", _u32),
        ("gid", _u32),
        ("stage", _i32),
    ]


class Settings(ctypes.Structure):
    """struct wt_settings."""

    _fields_ = [
        ("snaplen", _u64),
        ("flags", _u32),
        ("native", _u32),
        ("compat", _u32),
        ("native_at", _u32),
        ("compat_at", _u32),
        ("native_calls", _u32),
        ("compat_calls", _u32),
        ("execve", _u32 * 2),
        ("reserved", _u32),
    ]


class Stats(ctypes.Structure):
    """struct wt_stats."""

    _fields_ = [
        ("stops", _u64),
        ("service_ns", _u64),
        ("cpu_ns", _u64),
        ("events", _u64),
        ("lost", _u64),
        ("samples", _u64),
        ("same_cpu", _u64),
        ("moves", _u64),
        ("yielded", _u64),
        ("full_errno", _i32),
        ("tasks", _u32),
        ("idle_policy", _u32),
        ("no_privilege", _u32),
        ("reduced", ctypes.c_char * 128),
    ]


class Unwinder(ctypes.Structure):
    """struct wt_unwinder."""

    _fields_ = [
        ("accessors", ctypes.c_void_p),
        ("create_space", ctypes.c_void_p),
        ("destroy_space", ctypes.c_void_p),
        ("set_caching", ctypes.c_void_p),
        ("flush_cache", ctypes.c_void_p),
        ("create", ctypes.c_void_p),
        ("destroy", ctypes.c_void_p),
        ("init", ctypes.c_void_p),
        ("step", ctypes.c_void_p),
        ("get_reg", ctypes.c_void_p),
        ("proc_name", ctypes.c_void_p),
        ("wanted", ctypes.POINTER(_u8)),
        ("n_wanted", _u32),
        ("arch", _u32),
        ("ip_register", _i32),
    ]


SHARED_STRUCTURES = (  # as in wt_sizes
    None, Event, Chunk, None, Op, CallPlan, Table, Options, SpawnArguments, Stats, Tamper, Settings, Unwinder,
)  # fmt: skip

_HANDLE = ctypes.c_void_p
_SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "wt_open": (_HANDLE, [ctypes.POINTER(Options), ctypes.POINTER(ctypes.c_int)]),
    "wt_run": (ctypes.c_int, [_HANDLE]),
    "wt_spawn": (ctypes.c_int, [_HANDLE, ctypes.POINTER(SpawnArguments)]),
    "wt_attach": (ctypes.c_int, [_HANDLE, ctypes.c_int]),
    "wt_detach": (ctypes.c_int, [_HANDLE]),
    "wt_stop": (ctypes.c_int, [_HANDLE]),
    "wt_wait": (ctypes.c_int, [_HANDLE, ctypes.c_int]),
    "wt_status": (ctypes.c_int, [_HANDLE, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]),
    "wt_unwind_with": (ctypes.c_int, [_HANDLE, ctypes.POINTER(Unwinder)]),
    "wt_alive": (ctypes.c_int, [_HANDLE, ctypes.POINTER(_i32), ctypes.c_int]),
    "wt_behind_fd": (ctypes.c_int, [_HANDLE]),
    "wt_caught_up_fd": (ctypes.c_int, [_HANDLE]),
    "wt_notable_fd": (ctypes.c_int, [_HANDLE]),
    "wt_impatient": (None, [_HANDLE, ctypes.c_int]),
    "wt_have_read": (None, [_HANDLE, ctypes.c_uint64]),
    "wt_notable": (_u32, [_HANDLE, ctypes.POINTER(_u64), ctypes.POINTER(Event), _u32]),
    "wt_chunks": (ctypes.POINTER(Chunk), [_HANDLE]),
    "wt_data": (_HANDLE, [_HANDLE]),
    "wt_stats": (None, [_HANDLE, ctypes.POINTER(Stats)]),
    "wt_close": (None, [_HANDLE]),
    "wt_sizes": (None, [ctypes.POINTER(_u32)]),
}


class TracerLibrary:
    """The functions of the library. While one runs, other Python threads go on."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype = result
            function.argtypes = arguments
        self._library = library

    def call(self, name: str, *arguments: object) -> int:
        """Call `name`; a pointer comes back as a number, nothing as 0."""
        function: Callable[..., object] = getattr(self._library, name)
        result = function(*arguments)
        return result if isinstance(result, int) else 0

    def chunks(self, handle: int) -> "ctypes._Pointer[Chunk]":
        """The chunk records of a running recording."""
        pointer: ctypes._Pointer[Chunk] = self._library.wt_chunks(handle)
        return pointer


@lru_cache(maxsize=1)
def load() -> TracerLibrary:
    """The library. Raises WiretaleError if it was not built."""
    try:
        return TracerLibrary(LIBRARY_PATH)
    except OSError as fault:
        raise WiretaleError(
            f"the tracer cannot be loaded: {fault}",
            "install wiretale anew, which compiles it: pip install .",
            exit_code=Exit.RESOURCE,
        ) from fault
