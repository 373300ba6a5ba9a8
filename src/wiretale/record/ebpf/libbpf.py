"""The part of libbpf that is needed: open an object, load it, attach its programs, reach its maps. Through ctypes.

Facts: libbpf.h and bpf.h of libbpf 1.0 and later (Debian 12 has 1.1); linux/btf.h for the kinds of types.
"""

import ctypes
import ctypes.util
import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

from wiretale.errors import SHORTAGES, PermissionFault, ResourceFault, WiretaleError
from wiretale.record.ebpf.privilege import keep_from_programs, locked_down, why_refused

NO_MEMORY = "there is no memory for the recorder's ring"
SMALLER_RING = "a smaller ring (--ring 16), end other recordings, or --engine ptrace without --kernel"
_BTF_KIND_ENUM, _BTF_KIND_TYPEDEF = 6, 8
_BTF_TYPE_BYTES = 12  # struct btf_type; behind it, for an enum, struct btf_enum: name_off, val
_INFO_BYTES, _RECURSION_MISSES = 216, 208  # struct bpf_prog_info of linux/bpf.h, as far as that (Linux 5.12)
_LIBBPF_DEBUG = 2  # enum libbpf_print_level: thousands of lines
_LOG_LINES, _LOG_BYTES = 12, 1 << 20
# libbpf's words
_REFUSED = re.compile(r"prog '(\w+)': failed to load")
_UNKNOWN = re.compile(r"failed to resolve CO-RE relocation <\w+> \[\d+\] (struct [\w.]+)")
_PRINTER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_pointer, _text, _int = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int

_SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "libbpf_set_print": (_pointer, [_PRINTER]),
    "bpf_object__open_file": (_pointer, [_text, _pointer]),
    "bpf_object__load": (_int, [_pointer]),
    "bpf_object__close": (None, [_pointer]),
    "bpf_object__next_program": (_pointer, [_pointer, _pointer]),
    "bpf_object__find_map_by_name": (_pointer, [_pointer, _text]),
    "bpf_program__name": (_text, [_pointer]),
    "bpf_program__section_name": (_text, [_pointer]),
    "bpf_program__set_autoload": (_int, [_pointer, ctypes.c_bool]),
    "bpf_program__fd": (_int, [_pointer]),
    "bpf_obj_get_info_by_fd": (_int, [_int, _pointer, ctypes.POINTER(ctypes.c_uint32)]),
    "bpf_program__attach": (_pointer, [_pointer]),
    "bpf_link__destroy": (_int, [_pointer]),
    "bpf_link__fd": (_int, [_pointer]),
    "bpf_iter_create": (_int, [_int]),
    "bpf_map__fd": (_int, [_pointer]),
    "bpf_map__set_max_entries": (_int, [_pointer, ctypes.c_uint32]),
    "bpf_map__set_initial_value": (_int, [_pointer, _pointer, ctypes.c_size_t]),
    "bpf_map_update_elem": (_int, [_int, _pointer, _pointer, ctypes.c_uint64]),
    "bpf_map_lookup_elem": (_int, [_int, _pointer, _pointer]),
    "bpf_map_get_next_key": (_int, [_int, _pointer, _pointer]),
    "btf__load_vmlinux_btf": (_pointer, []),
    "btf__find_by_name_kind": (ctypes.c_int32, [_pointer, _text, ctypes.c_uint32]),
    "btf__type_by_id": (_pointer, [_pointer, ctypes.c_uint32]),
    "btf__name_by_offset": (_text, [_pointer, ctypes.c_uint32]),
    "btf__free": (None, [_pointer]),
    "libbpf_num_possible_cpus": (_int, []),
}


class RefusedProgram(ResourceFault):
    """The kernel takes the object but for one program: `program` is the last part of its section, the tracepoint."""

    def __init__(self, program: str, message: str) -> None:
        super().__init__(message, "--engine ptrace, without --kernel; or another kernel")
        self.program = program


class Libbpf:
    """The library's functions, and what it last said."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL("libbpf.so.1", use_errno=True)
        except OSError as fault:
            raise ResourceFault(
                "the kernel level needs libbpf 1.0 or later, which is not installed", "apt install libbpf1"
            ) from fault
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._library, name)
            function.restype = result
            function.argtypes = arguments
        self._said: list[str] = []
        self._printer = _PRINTER(self._hear)  # kept: libbpf calls it as long as the library lives
        self._library.libbpf_set_print(self._printer)

    def _hear(self, level: int, form: bytes, arguments: int) -> int:
        if level >= _LIBBPF_DEBUG:
            return 0
        text = ctypes.create_string_buffer(_LOG_BYTES)  # the verifier's log is one text, and the reason its end
        libc = ctypes.CDLL(None)
        libc.vsnprintf(text, ctypes.c_size_t(len(text)), ctypes.c_char_p(form), ctypes.c_void_p(arguments))
        self._said = [*self._said[1 - _LOG_LINES :], text.value.decode(errors="replace").strip()]
        return 0

    def call(self, name: str, *arguments: object) -> int:
        """Call `name`; a pointer comes back as a number, NULL and nothing as 0."""
        function: Callable[..., object] = getattr(self._library, name)
        result = function(*arguments)
        return result if isinstance(result, int) else 0

    def text(self, name: str, *arguments: object) -> str:
        """Call `name`, which returns a string."""
        result = getattr(self._library, name)(*arguments)
        return result.decode() if isinstance(result, bytes) else ""

    def said(self) -> str:
        """The last line of its log that says why something failed."""
        lines = [line for line in self._said if "libbpf:" in line and "failed to load object" not in line]
        return lines[-1].removeprefix("libbpf: ") if lines else ""

    def refused(self) -> str:
        """The program that it last could not load."""
        return _last(_REFUSED, self._said)

    def unknown(self) -> str:
        """What that program reads and this kernel's types do not have; empty if it failed for something else."""
        return _last(_UNKNOWN, self._said)


class Object:
    """One loaded BPF object. `close` detaches everything."""

    def __init__(self, path: Path) -> None:
        self._bpf = Libbpf()
        self._links: dict[int, int] = {}  # of each program that is attached
        self._handle = self._bpf.call("bpf_object__open_file", os.fsencode(path), None)
        if not self._handle:
            raise ResourceFault(f"the kernel program cannot be opened: {self._why(ctypes.get_errno())}")

    def programs(self) -> dict[str, int]:
        """Handles of the programs at tracepoints, by the tracepoint in their section name."""
        return self._of_section("tp_btf/")

    def _of_section(self, kind: str) -> dict[str, int]:
        found: dict[str, int] = {}
        program = 0
        while program := self._bpf.call("bpf_object__next_program", self._handle, program):
            section = self._bpf.text("bpf_program__section_name", program)
            if section.startswith(kind):
                found[section.removeprefix(kind)] = program
        return found

    def leave_out(self, names: list[str]) -> None:
        """Keep these programs from loading; each by the last part of its section."""
        for section, program in self._of_section("").items():
            if section.rpartition("/")[2] in names:
                self._bpf.call("bpf_program__set_autoload", program, False)

    def leave_out_missing(self, programs: dict[str, int]) -> list[str]:
        """Keep from loading those whose tracepoint this kernel does not have. Returns their names."""
        types = self._types()
        missing = []
        for name, program in programs.items():
            wanted = f"btf_trace_{name}".encode()
            if self._bpf.call("btf__find_by_name_kind", types, wanted, _BTF_KIND_TYPEDEF) < 0:
                self._bpf.call("bpf_program__set_autoload", program, False)
                missing.append(name)
        self._bpf.call("btf__free", types)
        return missing

    def enum_names(self, name: str) -> dict[int, str]:
        """The names of an enumeration as this kernel numbers it; empty if it has none of that name."""
        types = self._types()
        found = self._bpf.call("btf__find_by_name_kind", types, name.encode(), _BTF_KIND_ENUM)
        names: dict[int, str] = {}
        if found > 0:
            at = self._bpf.call("btf__type_by_id", types, found)
            count = ctypes.c_uint32.from_address(at + 4).value & 0xFFFF
            for entry in range(at + _BTF_TYPE_BYTES, at + _BTF_TYPE_BYTES + 8 * count, 8):
                offset, number = ctypes.c_uint32.from_address(entry).value, ctypes.c_int32.from_address(entry + 4).value
                names.setdefault(number, self._bpf.text("btf__name_by_offset", types, offset))
        self._bpf.call("btf__free", types)
        return names

    def _types(self) -> int:
        types = self._bpf.call("btf__load_vmlinux_btf")
        if not types:
            raise ResourceFault(
                "this kernel carries no type information (BTF), which the kernel level needs",
                "a kernel built with CONFIG_DEBUG_INFO_BTF, as Debian's and most others are",
            )
        return types

    def set_size(self, name: str, entries: int) -> None:
        """Size of a map, before `load`."""
        self._bpf.call("bpf_map__set_max_entries", self._map(name), entries)

    def set_constant(self, section: str, value: bytes) -> None:
        """Value of the one constant in a section of its own, before `load`."""
        result = self._bpf.call("bpf_map__set_initial_value", self._map(section), value, len(value))
        if result:
            raise WiretaleError(f"the kernel program's constant {section!r} is not {len(value)} bytes long")

    def load(self) -> None:
        """Hand programs and maps to the kernel. PermissionFault without the capabilities; RefusedProgram.

        Programs that are started afterwards do not get these capabilities.
        """
        result = self._bpf.call("bpf_object__load", self._handle)
        if result == 0:
            keep_from_programs()
            return
        if locked_down():  # then the helpers that read memory do not exist, and each program is wrong: EINVAL
            raise PermissionFault(*why_refused())
        if -result in (errno.EPERM, errno.EACCES) and not _is_verifier(self._bpf.said()):
            raise PermissionFault(*why_refused())
        if -result == errno.ENOMEM:
            raise ResourceFault(NO_MEMORY, SMALLER_RING)
        if -result == errno.EMFILE:
            raise ResourceFault(*SHORTAGES[errno.EMFILE])
        unknown, name = self._bpf.unknown(), self._bpf.refused()
        why = f"the kernel refuses the recording program: {self._why(-result)}"
        if unknown:
            why = f"this kernel has no {unknown}, which wiretale's kernel program {name}() reads"
        for section, program in self._of_section("").items():
            if self._bpf.text("bpf_program__name", program) == name:
                raise RefusedProgram(section.rpartition("/")[2], why)
        raise ResourceFault(why)

    def attach(self, program: int) -> bool:
        """Whether the program now runs at its tracepoint."""
        link = self._bpf.call("bpf_program__attach", program)
        if link:
            self._links[program] = link
        return bool(link)

    def missed(self) -> dict[str, int]:
        """By tracepoint, how often the kernel did not run its program, as that ran on this CPU already; those with any.

        A tracepoint that is passed in an interrupt or softirq which came while its program ran for what that interrupts
        (kernel/trace/bpf_trace.c __bpf_trace_run).
        """
        found = {}
        for name, program in self.programs().items():
            info, size = ctypes.create_string_buffer(_INFO_BYTES), ctypes.c_uint32(_INFO_BYTES)
            fd = self._bpf.call("bpf_program__fd", program)
            if fd < 0 or self._bpf.call("bpf_obj_get_info_by_fd", fd, info, ctypes.byref(size)) < 0:
                continue
            found[name] = int.from_bytes(info.raw[_RECURSION_MISSES:_INFO_BYTES], "little")
        return {name: count for name, count in found.items() if count}

    def iterate(self, over: str) -> bool:
        """Run the program at an iterator of the kernel once over everything there is; whether that was possible."""
        link = self._bpf.call("bpf_program__attach", self._of_section("iter/")[over])
        if not link:
            return False
        fd = self._bpf.call("bpf_iter_create", self._bpf.call("bpf_link__fd", link))
        if fd >= 0:
            while os.read(fd, 4096):
                pass
            os.close(fd)
        self._bpf.call("bpf_link__destroy", link)
        return fd >= 0

    def map_fd(self, name: str) -> int:
        """Descriptor of a map, after `load`."""
        return self._bpf.call("bpf_map__fd", self._map(name))

    def put(self, name: str, key: bytes, value: bytes) -> None:
        """Set one element."""
        if self._bpf.call("bpf_map_update_elem", self.map_fd(name), key, value, 0) < 0:
            raise ResourceFault(f"the kernel's map {name!r} takes no more: {os.strerror(ctypes.get_errno())}")

    @property
    def is_open(self) -> bool:
        """Whether `close` was not called yet."""
        return bool(self._handle)

    def per_cpu(self, name: str, index: int) -> int:
        """The sum over all CPUs of one element of a per-CPU array of u64."""
        values = (ctypes.c_uint64 * self._bpf.call("libbpf_num_possible_cpus"))()
        key = index.to_bytes(4, "little")
        if self._bpf.call("bpf_map_lookup_elem", self.map_fd(name), key, values) < 0:
            return 0
        return sum(values)

    def entries(self, name: str, key_bytes: int, value_bytes: int) -> list[tuple[bytes, bytes]]:
        """The elements of a hash, in no order."""
        fd = self.map_fd(name)
        key, value = ctypes.create_string_buffer(key_bytes), ctypes.create_string_buffer(value_bytes)
        found: dict[bytes, bytes] = {}
        before: ctypes.Array[ctypes.c_char] | None = None
        while self._bpf.call("bpf_map_get_next_key", fd, before, key) == 0 and key.raw not in found:
            if self._bpf.call("bpf_map_lookup_elem", fd, key, value) == 0:
                found[key.raw] = value.raw
            before = ctypes.create_string_buffer(key.raw, key_bytes)
        return list(found.items())

    def detach(self) -> None:
        """Stop all programs; the maps stay."""
        for program in list(self._links):
            self.detach_program(program)

    def detach_program(self, program: int) -> None:
        """Run it at its tracepoint no more."""
        if link := self._links.pop(program, 0):
            self._bpf.call("bpf_link__destroy", link)

    def program_fd(self, program: int) -> int:
        """Descriptor of a program, after `load`."""
        return self._bpf.call("bpf_program__fd", program)

    def close(self) -> None:
        """Give everything back."""
        self.detach()
        if self._handle:
            self._bpf.call("bpf_object__close", self._handle)
            self._handle = 0

    def _map(self, name: str) -> int:
        found = self._bpf.call("bpf_object__find_map_by_name", self._handle, name.encode())
        if not found:
            raise WiretaleError(f"the kernel program has no map {name!r}")
        return found

    def _why(self, number: int) -> str:
        said = self._bpf.said()
        return f"{os.strerror(number)}" + (f" ({said})" if said else "")


def _last(pattern: re.Pattern[str], lines: list[str]) -> str:
    found = pattern.findall("\n".join(lines))
    return str(found[-1]) if found else ""


def _is_verifier(said: str) -> bool:
    return "BPF program load failed" in said and "Operation not permitted" not in said
