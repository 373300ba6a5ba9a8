"""-e read= and -e write=: the bytes themselves, in hexadecimal and as text."""

_WIDTH = 16


def dump(data: bytes) -> str:
    """Lines such as ` | 00000  61 62 63 0a                                       abc.             |`."""
    lines = []
    for at in range(0, len(data), _WIDTH):
        row = data[at : at + _WIDTH]
        left = " ".join(f"{b:02x}" for b in row[:8])
        right = " ".join(f"{b:02x}" for b in row[8:])
        text = "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in row)
        lines.append(f" | {at:05x}  {left:<23}  {right:<23}  {text:<16} |\n")
    return "".join(lines)
