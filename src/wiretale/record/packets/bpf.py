"""Classic BPF programs for a packet socket: which packets, and how many bytes of each.

Facts: linux/filter.h (instruction codes, SKF_AD_* offsets), Documentation/networking/filter.rst. A filter in tcpdump's
syntax is compiled by libpcap (pcap_compile(3PCAP)), loaded through ctypes only when one is given.
"""

import ctypes
import socket
import struct

from wiretale.errors import ResourceFault, UsageFault
from wiretale.light import dataclass
from wiretale.model.packet_ring import ARPHRD_LOOPBACK, PACKET_OUTGOING, RAW_IP_TYPES

SO_ATTACH_FILTER = 26  # asm-generic/socket.h
WHOLE_PACKET = 0xFFFFFFFF

_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_LOAD_HALF = 0x28  # BPF_LD | BPF_H | BPF_ABS
_LOAD_BYTE = 0x30  # BPF_LD | BPF_B | BPF_ABS
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP = 0x05  # BPF_JMP | BPF_JA
_RETURN = 0x06  # BPF_RET | BPF_K

# SKF_AD_OFF is -0x1000: what the kernel knows of a packet, read like packet bytes
_AD_PACKET_TYPE = 0xFFFFF000 + 4
_AD_INTERFACE = 0xFFFFF000 + 8
_AD_HARDWARE_TYPE = 0xFFFFF000 + 28

_LIBPCAP_NAMES = ("libpcap.so.1", "libpcap.so.0.8", "libpcap.so")
_DLT_ETHERNET = 1
_DLT_RAW = 12
_NETMASK_UNKNOWN = 0xFFFFFFFF
_MAX_INTERFACES = 200  # a conditional jump reaches 255 instructions


@dataclass(frozen=True, slots=True)
class Instruction:
    """struct sock_filter."""

    code: int
    jump_true: int
    jump_false: int
    k: int


Program = tuple[Instruction, ...]

DROP_ALL: Program = (Instruction(_RETURN, 0, 0, 0),)


def capture_program(
    interfaces: tuple[int, ...],
    snaplen: int | None,
    loopback_out_bytes: int | None,
    filters: tuple[Program, Program] | None,
) -> Program:
    """Packets of `interfaces` (all, if empty) that pass `filters` (for Ethernet, for raw IP), cut to `snaplen`.

    The copy of a loopback packet that leaves is cut to `loopback_out_bytes`: the copy that arrives has the same bytes.
    """
    tail = _cut(snaplen, loopback_out_bytes)
    body = _dispatch(filters, tail) if filters else tail
    return (*_only_interfaces(interfaces), *body)


def probe_program(interface: int, port: int) -> Program:
    """Only UDP datagrams without IP options from and to `port` on `interface` (loopback, so the frame is Ethernet)."""
    checks = (
        (_LOAD_WORD, _AD_INTERFACE, interface),
        (_LOAD_HALF, 12, 0x0800),  # EtherType
        (_LOAD_BYTE, 23, socket.IPPROTO_UDP),
        (_LOAD_HALF, 34, port),
        (_LOAD_HALF, 36, port),
    )
    program: list[Instruction] = []
    for number, (load, offset, wanted) in enumerate(checks):
        left = 2 * (len(checks) - number - 1)
        program += [Instruction(load, 0, 0, offset), Instruction(_JUMP_EQUAL, 0, left + 1, wanted)]
    return (*program, Instruction(_RETURN, 0, 0, WHOLE_PACKET), *DROP_ALL)


def attach(sock: socket.socket, program: Program) -> None:
    """Replace the filter of `sock` in one step. Raises OSError if the kernel refuses the program."""
    code = b"".join(struct.pack("=HBBI", i.code, i.jump_true, i.jump_false, i.k) for i in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: unsigned short len, then a pointer (aligned)
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(buffer)))


def compile_filter(text: str) -> tuple[Program, Program]:
    """`text` in tcpdump's syntax as programs for Ethernet (also loopback) and for raw IP frames.

    Raises UsageFault if it cannot be understood and ResourceFault if libpcap is not installed.
    """
    library = _libpcap()
    ethernet = _compile(library, text, _DLT_ETHERNET)
    try:
        raw = _compile(library, text, _DLT_RAW)
    except UsageFault:
        raw = DROP_ALL  # it asks for something only Ethernet has, so no raw IP packet can match
    return ethernet, raw


def _only_interfaces(interfaces: tuple[int, ...]) -> Program:
    if not interfaces:
        return ()
    if len(interfaces) > _MAX_INTERFACES:
        raise UsageFault(
            f"at most {_MAX_INTERFACES} interfaces can be named", "capture on all of them: --interface any"
        )
    jumps = (Instruction(_JUMP_EQUAL, len(interfaces) - n, 0, index) for n, index in enumerate(interfaces))
    return (Instruction(_LOAD_WORD, 0, 0, _AD_INTERFACE), *jumps, *DROP_ALL)


def _cut(snaplen: int | None, loopback_out_bytes: int | None) -> Program:
    whole = WHOLE_PACKET if snaplen is None else snaplen
    rest = (Instruction(_RETURN, 0, 0, whole),)
    if loopback_out_bytes is None or loopback_out_bytes >= whole:
        return rest
    return (
        Instruction(_LOAD_WORD, 0, 0, _AD_PACKET_TYPE),
        Instruction(_JUMP_EQUAL, 0, 3, PACKET_OUTGOING),
        Instruction(_LOAD_WORD, 0, 0, _AD_HARDWARE_TYPE),
        Instruction(_JUMP_EQUAL, 0, 1, ARPHRD_LOOPBACK),
        Instruction(_RETURN, 0, 0, loopback_out_bytes),
        *rest,
    )


def _dispatch(filters: tuple[Program, Program], tail: Program) -> Program:
    """The filter for the packet's kind of link, then `tail` in place of every return that accepts."""
    ethernet, raw = filters
    kinds = len(RAW_IP_TYPES)
    head = (
        Instruction(_LOAD_WORD, 0, 0, _AD_HARDWARE_TYPE),
        *(Instruction(_JUMP_EQUAL, kinds - n, 0, kind) for n, kind in enumerate(RAW_IP_TYPES)),
        Instruction(_JUMP, 0, 0, 1),
        Instruction(_JUMP, 0, 0, len(ethernet)),
    )
    filtering = (*ethernet, *raw)
    # A return becomes a jump of the same size, so the offsets inside the compiled programs stay true.
    joined = (
        Instruction(_JUMP, 0, 0, len(filtering) - n - 1) if i.code == _RETURN and i.k else i
        for n, i in enumerate(filtering)
    )
    return (*head, *joined, *tail)


class _BpfProgram(ctypes.Structure):
    """struct bpf_program of pcap/bpf.h."""

    _fields_ = [("length", ctypes.c_uint), ("instructions", ctypes.c_void_p)]


def _libpcap() -> ctypes.CDLL:
    for name in _LIBPCAP_NAMES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.pcap_open_dead.restype = ctypes.c_void_p
        library.pcap_geterr.restype = ctypes.c_char_p
        library.pcap_geterr.argtypes = [ctypes.c_void_p]
        library.pcap_close.argtypes = [ctypes.c_void_p]
        library.pcap_freecode.argtypes = [ctypes.c_void_p]
        library.pcap_compile.argtypes = [
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32,
        ]  # fmt: skip
        return library
    raise ResourceFault("a capture filter needs libpcap, which is not installed", "install it: apt install libpcap0.8")


def _compile(library: ctypes.CDLL, text: str, link: int) -> Program:
    if "\0" in text:
        raise UsageFault("the capture filter contains a NUL byte")
    handle = library.pcap_open_dead(link, 0x40000)
    if not handle:
        raise ResourceFault("libpcap could not be used: out of memory")
    program = _BpfProgram()
    try:
        if library.pcap_compile(handle, ctypes.byref(program), text.encode(), 1, _NETMASK_UNKNOWN) != 0:
            reason = library.pcap_geterr(handle).decode(errors="replace")
            raise UsageFault(f"the capture filter {text!r} is wrong: {reason}", "see: man pcap-filter")
        code = ctypes.string_at(program.instructions, 8 * program.length)
        library.pcap_freecode(ctypes.byref(program))
    finally:
        library.pcap_close(handle)
    return tuple(Instruction(*fields) for fields in struct.iter_unpack("=HBBI", code))
