"""The numbers of `tracer.h` that a plan is written with: what an op reads, how much and when; what else a call does."""

from enum import IntEnum, IntFlag


class What(IntEnum):
    """enum wt_what."""

    BYTES = 1
    STRING = 2
    STRINGS = 3
    NAMES = 4
    IOVEC = 5
    MSGHDR = 6
    MMSGHDR = 7
    LINK = 8
    FOLLOW = 9
    FOLLOW_STRING = 10
    POINTED = 11
    NAME = 12
    FOLLOW_STRINGS = 13
    ELEMENT_BYTES = 14
    ELEMENT_VECTOR = 15
    FOLLOW_VECTOR = 16
    FOLLOW_LINK = 17
    VCPU = 18


class Count(IntEnum):
    """enum wt_count."""

    FIXED = 0
    ARG = 1
    ARG32 = 2
    RETURN = 3
    POINTER = 4
    BITS = 5
    REQUEST = 6
    MESSAGE = 7
    PAGES = 8


class When(IntFlag):
    """enum wt_when."""

    ENTRY = 1
    EXIT = 2
    ERROR = 4
    TWICE = 8


class OpFlag(IntFlag):
    """enum wt_op_flag."""

    PAYLOAD = 1
    OUT = 2


class CallFlag(IntFlag):
    """enum wt_call_flag."""

    SELECTED = 1
    RESULT_FD = 2
    RESULT_SOCKET = 4
    CHANGES_SOCKET = 8
    SETS_FDS = 16
    NOTABLE = 32
    SIGRETURN = 64
    CLONE = 128
    CLONE3 = 256
    VFORK = 512
    SOCKETCALL = 1024
    POLLS = 2048


class Condition(IntEnum):
    """enum wt_condition."""

    ALWAYS = 0
    DUPLICATES = 1
    SO_ERROR = 2
    NAMED = 3
    BPF_MAKES = 4
    KVM_MAKES = 5
