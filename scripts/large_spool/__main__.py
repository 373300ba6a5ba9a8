"""The command: how much is made by its options."""

import argparse
from pathlib import Path

from . import Size, make_spool


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.large_spool",
        description="Make a large spool whose calls and packets agree byte by byte.",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--loopback", action="store_true")
    options = parser.parse_args()
    size = Size(options.connections, options.rounds, options.at_once, loopback=options.loopback)
    make_spool(options.folder, size)
    print(f"{size.calls:,} calls, {size.shown_packets:,} packets")


if __name__ == "__main__":
    main()
