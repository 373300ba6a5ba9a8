"""What C headers say: the names that they define, and the values that the compiler gives them; and tables of those.

For the scripts that make modules of constants from the headers of Debian (linux-libc-dev, libc6-dev). Headers are told
by their names, separated by blanks, and included in that order.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "src/wiretale"

Rows = Mapping[int, str]  # value -> name
_LINE = 118  # columns of a packed table, as long as the formatter's lines


def preprocess(headers: str, *options: str) -> str:
    """The text behind the C preprocessor. CalledProcessError if the headers cannot be used by themselves."""
    text = "".join(f"#include <{header}>\n" for header in headers.split())
    command = ["cc", "-E", "-D_GNU_SOURCE", *options, "-x", "c", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def macros(headers: str, *options: str) -> dict[str, str]:
    """Macros that are not empty, with their definitions; the name of one with arguments has them behind it."""
    found = re.findall(r"^#define (\w+(?:\([^)]*\))?) (\S.*)$", preprocess(headers, "-dM", *options), re.MULTILINE)
    return dict(found)


def constants(headers: str) -> list[str]:
    """The names of macros without arguments."""
    return [name for name in macros(headers) if "(" not in name]


def enumerators(headers: str) -> list[str]:
    """The names of all enumerators."""
    bodies = re.findall(r"enum\s*\w*\s*\{([^}]*)\}", preprocess(headers, "-P"))
    return [name for body in bodies for name in re.findall(r"\b[A-Z]\w+\b", body)]


def chosen(names: Iterable[str], pattern: str, left_out: str = "") -> list[str]:
    """The names that match one pattern whole and not the other, if there is another."""
    return [n for n in names if re.fullmatch(pattern, n) and not (left_out and re.fullmatch(left_out, n))]


def values(headers: str, expressions: Iterable[str]) -> dict[str, int]:
    """What the compiler says the expressions are. Those it cannot evaluate are named on stderr and left out.

    ValueError if the headers themselves cannot be compiled.
    """
    left = list(dict.fromkeys(expressions))
    head = "".join(f"#include <{header}>\n" for header in ("stdio.h", *headers.split())) + "int main(void) {\n"
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "values.c", Path(folder) / "values"
        while left:
            rows = "".join(f'printf("%lld\\n", (long long)({expression}));\n' for expression in left)
            source.write_text(f"{head}{rows}return 0; }}\n", encoding="ascii")
            command = ["cc", "-w", "-D_GNU_SOURCE", "-o", program, source]
            built = subprocess.run(command, capture_output=True, text=True, check=False)
            if not built.returncode:
                output = subprocess.run([program], capture_output=True, text=True, check=True).stdout
                return dict(zip(left, map(int, output.split()), strict=True))
            wrong = {int(n) - 1 - head.count("\n") for n in re.findall(r"values\.c:(\d+):", built.stderr)}
            unknown = [expression for at, expression in enumerate(left) if at in wrong]
            if not unknown:
                raise ValueError(f"{headers}: {built.stderr[:800]}")
            print(f"{headers.rsplit(maxsplit=1)[-1]} does not know: {' '.join(unknown)}", file=sys.stderr)
            left = [expression for at, expression in enumerate(left) if at not in wrong]
    return {}


def by_value(named: Iterable[tuple[str, int]]) -> dict[int, str]:
    """value -> name; of two names of one value the first."""
    found: dict[int, str] = {}
    for name, value in named:
        found.setdefault(value, name)
    return found


def plain_table(name: str, rows: Rows) -> str:
    """A table as source text, a row each line."""
    lines = "".join(f'        {value if abs(value) < 4096 else hex(value)}: "{n}",\n' for value, n in rows.items())
    return f'    "{name}": {{\n{lines}    }},'


def packed_table(name: str, rows: Rows) -> str:
    """The same, as many rows in a line as fit."""
    lines = [f'    "{name}": {{']
    line = "       "
    for value, row_name in rows.items():
        item = f' {value}: "{row_name}",'
        if len(line) + len(item) > _LINE:
            lines.append(line)
            line = "       "
        line += item
    return "\n".join([*lines, *([line] if rows else []), "    },"])


# -- modules of constants that share a list of headers ---------------------------------------------------------------

Tables = Mapping[
    str, tuple[str, str, str]
]  # table: (pattern of names, left out, what strace says of a value without name)
Extra = Mapping[str, tuple[Rows, str]]  # table: (what no header says, what strace says of a value without a name)
_NAMED_MAX = frozenset({"IFLA_BR_MCAST_HASH_MAX"})  # a value and no end of an enumeration
_ENDS = re.compile(r"_*\w*_MAX|\w+_HDRLEN|__\w+|\w+_ALIGNTO")


def write_constants(module: str, title: str, headers: str, tables: Tables, extra: Extra) -> None:
    """Make decode/constants/`module`.py: what the headers say of `tables`, and `extra`."""
    there = {n for n in constants(headers) if re.match("[A-Z]", n)} | set(enumerators(headers))
    there = {n for n in there if n in _NAMED_MAX or not _ENDS.fullmatch(n)}
    names = {table: chosen(there, pattern, left_out) for table, (pattern, left_out, _) in tables.items()}
    value_of = values(headers, sorted({n for chosen_names in names.values() for n in chosen_names}))
    made: dict[str, Rows] = {}
    for table, chosen_names in names.items():
        in_order = sorted(chosen_names, key=lambda n: (value_of[n], len(n), n))
        if in_order:
            made[table] = by_value((n, value_of[n]) for n in in_order)
    for table, (rows, _) in extra.items():
        made[table] = dict(sorted({**made[table], **rows}.items())) if table in made else rows
    unknown = {t: word for t, (_, _, word) in tables.items()} | {
        t: word for t, (_, word) in extra.items() if t not in tables
    }
    text = [
        f'"""{title} from linux-libc-dev; do not edit."""',
        "",
        "# fmt: off",
        "TABLES: dict[str, dict[int, str]] = {",
        *(packed_table(table, rows) for table, rows in made.items()),
        "}",
        "UNKNOWN: dict[str, str] = {",
        *(f'    "{table}": "{word}",' for table, word in unknown.items()),
        "}",
        "# fmt: on",
    ]
    target = SOURCES / f"decode/constants/{module}.py"
    target.write_text("\n".join(text) + "\n", encoding="ascii")
