"""wiretale records a network program's system calls and packets on one clock and joins them byte by byte."""

__version__ = "0.1.0"
