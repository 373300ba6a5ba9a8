"""Signals that a program started here has to inherit ignored, though Python ignores them for itself.

The command `wiretale` (strace/launcher.c) looks before Python starts, and says what it found.
"""

SIGPIPE, SIGXFSZ = 1, 2

found = 0  # those that were ignored when wiretale was started
