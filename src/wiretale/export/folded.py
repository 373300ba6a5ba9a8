"""All stacks of a capture as folded stacks, one line for each: frames divided by semicolons, a space, a count."""

from typing import BinaryIO

import duckdb

from wiretale.explain.folded import of_capture


def write_folded(db: duckdb.DuckDBPyConnection, stream: BinaryIO) -> int:
    """Write the lines in the order of their text; how many events they stand for."""
    folded = of_capture(db)
    for stack, count in sorted(folded.items()):
        stream.write(f"{stack} {count}\n".encode())
    return folded.total()
