"""Which names of files a database can have. Loaded without DuckDB."""

import os


def is_utf8(path: "os.PathLike[str] | str") -> bool:
    """Whether DuckDB, which takes names as text, can open it; on Linux a name is any bytes."""
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        return False
    return True
