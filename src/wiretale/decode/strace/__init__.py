"""Calls in the very words of strace(1). `calls.StraceDecoder` is the way in.

The decoders of `decode/` are shared with `wiretale show`; what strace writes in another way is said here and nowhere
else: `writer.py` (numbers, names, strings), `arguments.py` (kinds of arguments), and one module per subject.
Facts about strace's text come from strace(1) and from running strace 6.1; nothing was taken from its sources.
"""
