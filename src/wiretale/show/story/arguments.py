"""The arguments of a call as lines of a table: the value, the numbers behind its names, what it means."""

from wiretale.explain.entry import Reader
from wiretale.explain.story import Argument
from wiretale.explain.words import plain

SHORT = 36  # a longer value stands in the call above, and is not repeated


def argument_rows(arguments: tuple[Argument, ...], reader: Reader) -> list[tuple[str, str]]:
    """(name, text) of the arguments that there is something to say about."""
    rows = []
    for argument in arguments:
        meaning = argument.meaning if reader is Reader.BEGINNER else ""
        if argument.numbers or meaning:
            rows.append((argument.name, ": ".join(t for t in (_value(argument), meaning) if t)))
    return rows


def _value(argument: Argument) -> str:
    """`3`, `AF_INET (2)`, `SOCK_STREAM|SOCK_NONBLOCK (SOCK_STREAM is 1, SOCK_NONBLOCK is 0x800)`."""
    numbers = [(name, f"{value:#x}" if value > 255 else str(value)) for name, value in argument.numbers]
    text = plain(argument.text)
    if len(numbers) == 1 and numbers[0][0] == text:
        return f"{text} ({numbers[0][1]})"
    named = ", ".join(f"{name} is {value}" for name, value in numbers)
    if len(text) > SHORT:
        return named
    return f"{text} ({named})" if named else text
