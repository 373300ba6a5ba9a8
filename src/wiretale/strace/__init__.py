"""`wiretale strace`: the command line, the lines and the counts of strace(1), on wiretale's own tracer.

Nothing here imports click, NumPy or DuckDB: a short program must not wait for them. How one call is put in words is
`decode/strace`; this package is about everything around the words.
"""
