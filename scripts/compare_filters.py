"""Compare the fields and filters of wiretale with Wireshark's on any captures: which select other frames.

Not part of the tests: it is for collections of captures that the repository does not hold. Each field that is named as in
Wireshark is asked for: whether it is there, and for each of some values that tshark prints of it, `field == value`.
With --random, generated filters are asked of sharkd, too: which frames match, and what is refused.

    PYTHONPATH=. .venv/bin/python scripts/compare_filters.py CAPTURE...
    PYTHONPATH=. .venv/bin/python scripts/compare_filters.py --random 50 --values 8 --fields tcp. --show 3 CAPTURE...
"""

import argparse
import contextlib
import io
import os
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import duckdb

from tests.filter.sharkd import Sharkd
from wiretale.cli import run
from wiretale.errors import UsageFault
from wiretale.filter.compile import compile_filter
from wiretale.filter.condition import Condition
from wiretale.filter.events import EventKind, source
from wiretale.filter.fields import FIELDS
from wiretale.filter.fields.table import Field
from wiretale.filter.rows import ctes_for
from wiretale.filter.types import FieldType
from wiretale.store.capture import open_capture

SHARED = ("frame", "eth", "vlan", "ieee8021ad", "sll", "arp", "ip", "ipv6", "icmp", "icmpv6", "igmp", "tcp", "udp")
# Of these the answer depends on the filter, on a second pass, or on dissectors that wiretale has not (docs/filter.md).
NOT_COMPARED = {
    "frame.time_delta_displayed", "frame.protocols", "tcp.completeness", "frame.interface_name", "frame.number",
}  # fmt: skip
NO_VALUES = (FieldType.PROTOCOL, FieldType.LABEL)
# What holds another packet: there the fields from IP on are the innermost packet's, or those of an error's own header.
TRANSPORTS = ("tcp", "udp", "udplite", "icmp", "icmpv6", "igmp")
_OF_A_SECOND_PASS = ("tcp.analysis.initial_rtt",)  # sharkd knows it before the handshake ends
OVERFLOWED = re.compile(r"\.-|\.\d{10}|<MISSING>")  # a fraction of more than a second
_BATCH = 60  # conditions in one query


def ours(db: duckdb.DuckDBPyConnection, filters: Sequence[str]) -> dict[str, set[int] | str]:
    """The frames that each filter selects, or why it is none."""
    found: dict[str, set[int] | str] = {}
    conditions = {}
    for text in filters:
        try:
            conditions[text] = compile_filter(text).conditions[EventKind.PACKET]
        except UsageFault as fault:
            found[text] = fault.message.splitlines()[0]
    texts = list(conditions)
    for at in range(0, len(texts), _BATCH):
        found |= asked(db, {t: conditions[t] for t in texts[at : at + _BATCH]})
    return found


def printed(capture: Path, names: Sequence[str], args: argparse.Namespace) -> list[list[str]]:
    """What tshark prints of each frame: a list of its fields, values apart by \\x1f."""
    command = [args.tshark, "-n", "-r", str(capture), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=\x1f"]
    command += [o for name in ("frame.number", "frame.protocols", *names) for o in ("-e", name)]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="surrogateescape", timeout=args.limit, check=False,
        env={**os.environ, "TZ": "UTC"},
    )  # fmt: skip
    return [line.split("\t") for line in done.stdout.split("\n") if line]


def is_plain(protocols: str) -> bool:
    """Whether a frame holds one packet, so that its fields are those of one packet on both sides."""
    if ":eth:" in protocols or "_ws.malformed" in protocols:
        return False
    seen = [p for p in protocols.split(":") if p in ("eth", "ip", "ipv6", *TRANSPORTS)]
    return (
        len(seen) == len({*seen}) and not ("ip" in seen and "ipv6" in seen) and sum(p in TRANSPORTS for p in seen) < 2
    )


def written(value: str, type_: FieldType) -> str:
    """A value that tshark printed, as it stands in a filter."""
    if type_ in (FieldType.TEXT, FieldType.TIME):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return value


def asked(db: duckdb.DuckDBPyConnection, conditions: Mapping[str, Condition]) -> dict[str, set[int] | str]:
    """The same of filters that are compiled, in one query where that does not fail."""
    columns = ", ".join(f"({c.sql})" for c in conditions.values())
    ctes = ctes_for(columns)
    tables = source(EventKind.PACKET, "p.number, p.shown", columns)
    query = f"{'WITH ' + ', '.join(ctes) if ctes else ''} SELECT p.number, {columns} FROM {tables} WHERE p.shown"  # noqa: S608 (built by the compiler)
    try:
        rows = db.execute(query, [v for c in conditions.values() for v in c.parameters]).fetchall()
    except duckdb.Error as fault:
        if len(conditions) > 1:
            return {text: answer for text, c in conditions.items() for answer in asked(db, {text: c}).values()}
        return dict.fromkeys(conditions, f"fails: {fault}")
    return {text: {row[0] for row in rows if row[place]} for place, text in enumerate(conditions, 1)}


class Dice:
    """Filters made at random of fields and of values that they have in a capture."""

    _SIGNS = (
        "==",
        "!=",
        "===",
        "!==",
        "<",
        ">",
        "<=",
        ">=",
        "eq",
        "ne",
        "lt",
        "ge",
        "any_eq",
        "all_ne",
        "all_eq",
        "any_ne",
    )
    _SLICES = (
        "0",
        "0:2",
        "1-2",
        "-1",
        "-2:",
        "-3:2",
        ":3",
        "1:",
        "0,2",
        "-1:,0",
        "0-1,3-",
        "-4--2",
        "0x1:2",
        "100:2",
        "3:1,0:1",
    )

    def __init__(self, seed: int, fields: Sequence[Field], values: dict[str, list[str]]) -> None:
        self.random = random.Random(seed)
        fields = [f for f in fields if f.name not in _OF_A_SECOND_PASS]
        self.fields = [f for f in fields if values.get(f.name) and f.type is not FieldType.LABEL]
        self.labels = [f for f in fields if values.get(f.name)]
        self.values = values

    def one(self, choices: Sequence[str]) -> str:
        return self.random.choice(choices)

    def value(self, field: Field) -> str:
        """A value of a field, as one of the ways there are writes it."""
        text = self.one(self.values[field.name])
        if field.type is FieldType.NUMBER and self.random.random() < 0.5:
            number = max(0, int(text, 0) + self.random.choice([-1, 0, 0, 1]))
            return self.one([str(number), hex(number), f"0{number:o}", bin(number)])
        return written(text, field.type)

    def named(self, field: Field) -> str:
        """A field, sometimes of one layer."""
        return field.name + self.one(["", "", "", "", "", "#1", "#2", "#[1-2]", "#[2-]"])

    def digits(self, most: int = 3) -> str:
        """Some bytes."""
        return self.one([":", "-", "."]).join(
            self.one(["00", "01", "02", "08", "45", "ff", "47", f"{self.random.randrange(256):02x}"])
            for _ in range(self.random.randint(1, most))
        )

    def of_number(self, field: Field) -> str:
        name, other = self.named(field), self.random.choice([f for f in self.fields if f.type is FieldType.NUMBER])
        value = self.value(field)
        low, high = sorted((int(self.one(self.values[field.name]), 0), int(self.one(self.values[field.name]), 0)))
        return self.one([
            f"{name} {self.one(self._SIGNS)} {value}", f"{self.one(['any', 'all'])} {name} {self.one(self._SIGNS)} {value}",
            f"{name} in {{{value}, {low}..{high}}}", f"{name} not in {{{low} .. {high}}}", f"{name} & {hex(max(1, high))}",
            f"{name} & {max(1, high)} == {low}", f"{name} {self.one('+-')} {max(low, 1)} {self.one(self._SIGNS)} {other.name}",
            f"{name} * 2 > {{{other.name} + {low}}} * 3", f"{name} % {max(1, low)} == {high}", f"{name} / {max(1, low)} >= 1",
            f"{self.one(['max', 'min'])}({field.name}, {field.name}) {self.one(self._SIGNS)} {value}",
            f"abs({field.name}) == {value}", f"len({name}) == {self.one('1248')}", f"count({field.name}) > {self.one('012')}",
            f'string({name}) matches "^{self.one("123")}.*{self.one("024")}$"', f'string({name}) contains "{self.one("0123")}"',
            f"-{field.name} < 0", f"{name} == {self.one(self._SIGNS[:1])} 1",
        ])  # fmt: skip

    def of_bytes(self, field: Field) -> str:
        name = self.named(field)
        part = f"{field.name}[{self.one(self._SLICES)}]"
        return self.one([
            f"{part} {self.one(self._SIGNS)} {self.digits()}", f"{name} contains {self.digits(2)}", f"{part} contains {self.digits(1)}",
            f"{part}[{self.one(self._SLICES)}] == {self.digits(1)}", f"{part} & {self.digits(1)}", f"len({name}) > {self.one(['4', '20', '6'])}",
            f'{name} contains "{self.one(["GET", "a", "com", "E", "HTTP/1"])}"', f"count({field.name}) == {self.one('12')}",
            f'{name} matches "{self.one(["^.E", "[a-f]+x", "get", "http/[0-9]", "[^a-z]{3}com", chr(92) * 2 + "x00" + chr(92) * 2 + "x01", ".$", "(www|ftp)"])}"',
            f"{part} in {{{self.digits(1)}, {self.digits(2)}}}", f"{part} == {field.name}[{self.one(self._SLICES)}]",
            f"{part} == 0x{self.random.randrange(256):02x}", f'{part} == "{self.one("aGE")}"', f"{self.one(['max', 'min'])}({part}) > 08",
        ])  # fmt: skip

    def of_address(self, field: Field) -> str:
        name, value = self.named(field), self.value(field)
        bits = self.random.randint(0, 32 if field.type is FieldType.IPV4 else 128)
        low, high = self.value(field), self.value(field)
        return self.one([
            f"{name} {self.one(self._SIGNS)} {value}", f"{name} {self.one(self._SIGNS[:8])} {value}/{bits}",
            f"{name} in {{{low} .. {high}}}", f"{name} not in {{{value}, {low}}}", f"{name} in {{{value}/{bits}}}",
            f"{field.name}[{self.one(self._SLICES)}] == {self.digits(2)}", f"{self.one(['any', 'all'])} {name} {self.one(self._SIGNS)} {value}",
            f'string({name}) contains "{self.one(".:12")}"', f"count({field.name}) {self.one('<>')} 2", f"len({name}) == {self.one(['4', '16'])}",
            f"{self.one(['max', 'min'])}({field.name}, {value}) == {value}",
        ])  # fmt: skip

    def of_text(self, field: Field) -> str:
        name, value = self.named(field), self.value(field)
        return self.one([
            f"{name} {self.one(self._SIGNS)} {value}", f"{self.one(['upper', 'lower'])}({field.name}) == {value}",
            f'{name} contains "{self.one("a:tA1")}"', f'{name} matches "{self.one(["^e", "t.p", "[A-Z]{2}", "S$"])}"',
            f"len({name}) > {self.one('369')}", f"{field.name}[{self.one(self._SLICES)}] == {self.one(['65:74', '74', chr(34) + 'e' + chr(34)])}",
            f"{name} in {{{value}, r{value}}}",
        ])  # fmt: skip

    def of_time(self, field: Field) -> str:
        name, value, other = self.named(field), self.value(field), self.value(field)
        return self.one([
            f"{name} {self.one(self._SIGNS)} {value}", f"{name} in {{{value} .. {other}}}", f"{self.one(['any', 'all'])} {name} < {value}",
            f"{self.one(['max', 'min'])}({field.name}) >= {value}", f"count({field.name}) == 1", f"len({name}) > 0",
        ])  # fmt: skip

    def test(self) -> str:
        if self.random.random() < 0.1:
            return self.random.choice(self.labels).name
        field = self.random.choice(self.fields)
        kinds = {
            FieldType.NUMBER: self.of_number, FieldType.BOOLEAN: self.of_boolean, FieldType.TEXT: self.of_text,
            FieldType.IPV4: self.of_address, FieldType.IPV6: self.of_address, FieldType.DURATION: self.of_time, FieldType.TIME: self.of_time,
        }  # fmt: skip
        return kinds.get(field.type, self.of_bytes)(field)

    def of_boolean(self, field: Field) -> str:
        return f"{self.named(field)} {self.one(self._SIGNS[:4])} {self.one(['1', '0', 'True', 'FALSE', '2'])}"

    def filter(self) -> str:
        text = self.test()
        while self.random.random() < 0.25:
            other = self.test()
            text = self.one(
                [f"{text} && {other}", f"{text} or {other}", f"!({text}) and {other}", f"not {other} || {text}"]
            )
        return f"!({text})" if self.random.random() < 0.1 else text


def at_random(
    capture: Path, db: duckdb.DuckDBPyConnection, dice: Dice, compared: set[int], args: argparse.Namespace
) -> tuple[Counter[str], list[str]]:
    """Generated filters beside sharkd's answers."""
    counts: Counter[str] = Counter()
    lines = []
    texts = list(dict.fromkeys(dice.filter() for _ in range(args.random)))
    found = ours(db, texts)
    with Sharkd(capture) as wireshark:
        for text in texts:
            mine, theirs = found[text], wireshark.frames(text)
            if isinstance(mine, str):
                what = "" if theirs is None else "random: only wiretale refuses"
            elif theirs is None:
                what = "random: only tshark refuses"
            else:
                what = "random: frames" if (mine ^ {*theirs}) & compared else ""
            if what:
                counts[what] += 1
                if what == "random: frames":
                    assert theirs is not None and not isinstance(mine, str)
                    lines.append(
                        f"{text}: only wiretale {sorted((mine - {*theirs}) & compared)[:4]}, only tshark {sorted(({*theirs} - mine) & compared)[:4]}"
                    )
                else:
                    lines.append(f"{text}: {what[8:]}: {mine if isinstance(mine, str) else wireshark.objection(text)}")
    return counts, lines


def compare(capture: Path, args: argparse.Namespace) -> tuple[Counter[str], list[str], int]:
    """What differs: per field (`name` its presence, `name ==` its values), examples, and the number of filters."""
    counts: Counter[str] = Counter()
    lines: list[str] = []
    fields = [
        f for f in FIELDS
        if f.name.split(".")[0] in SHARED and f.name not in NOT_COMPARED and not f.same_as and f.name.startswith(args.fields)
    ]  # fmt: skip
    try:
        rows = printed(capture, [f.name for f in fields], args)
    except subprocess.TimeoutExpired:
        return counts, [f"tshark took longer than {args.limit} s"], 0
    if len(rows) > args.frames:
        rows = rows[: args.frames]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "x.wiretale"
        with contextlib.redirect_stderr(io.StringIO()):
            run(["import", str(capture), "-o", str(target)])
        if not target.exists() or not rows:
            return counts, [], 0
        protocols = {int(r[0]): r[1] for r in rows}
        plain = {n for n, p in protocols.items() if is_plain(p)}
        seen: dict[str, list[str]] = {}
        texts: dict[str, tuple[str, set[int], set[int]]] = {}  # filter -> (what, theirs, frames that are compared)
        for place, field in enumerate(fields):
            within = {*protocols} if field.name.split(".")[0] == "frame" else plain
            there: dict[str, set[int]] = {}
            for row in rows:
                cell = row[place + 2] if place + 2 < len(row) else ""
                for value in cell.split("\x1f") if cell else ():
                    there.setdefault(value, set()).add(int(row[0]))
            texts[field.name] = (field.name, {n for numbers in there.values() for n in numbers}, within)
            there = {v: numbers for v, numbers in there.items() if v and not OVERFLOWED.search(v)}
            seen[field.name] = list(there)
            if field.type in NO_VALUES:
                continue
            for value in list(there)[:: max(1, len(there) // args.values)][: args.values]:
                texts[f"{field.name} == {written(value, field.type)}"] = (f"{field.name} ==", there[value], within)
        with open_capture(target) as db:
            found = ours(db, list(texts))
            if args.random and plain and len(rows) < args.frames:
                dice = Dice(args.seed, fields, seen)
                counts, lines = at_random(capture, db, dice, plain, args)
        for text, (what, theirs, within) in texts.items():
            mine = found[text]
            if isinstance(mine, str):
                counts[f"{what} (refused)"] += 1
                lines.append(f"{text}: refused: {mine}")
                continue
            wrong = sorted((mine ^ theirs) & within)
            if wrong:
                counts[what] += 1
                if counts[what] <= args.show:
                    first = wrong[0]
                    whose = "only wiretale" if first in mine else "only tshark"
                    lines.append(f"{text}: {len(wrong)} frames differ: {whose} {first} {protocols[first]}")
    return counts, lines, len(texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--tshark", default="tshark", help="which tshark")
    parser.add_argument("--fields", default="", help="only fields that begin with this")
    parser.add_argument("--values", type=int, default=3, help="values tried of each field and capture")
    parser.add_argument("--frames", type=int, default=20_000, help="frames that are looked at of each capture")
    parser.add_argument("--show", type=int, default=1, help="examples per field and capture")
    parser.add_argument("--limit", type=float, default=60, help="seconds that tshark may take")
    parser.add_argument("--random", type=int, default=0, help="generated filters that are tried on each capture")
    parser.add_argument("--seed", type=int, default=1, help="of the generated filters")
    parser.add_argument("--jobs", type=int, default=2, help="captures at once")
    args = parser.parse_args()
    total: Counter[str] = Counter()
    files = filters = clean = 0
    with Pool(args.jobs) as pool:
        results: Iterable[tuple[Counter[str], list[str], int]] = pool.imap(partial(compare, args=args), args.captures)
        for capture, (counts, lines, tried) in zip(args.captures, results, strict=True):
            files, filters, clean = files + 1, filters + tried, clean + (not counts)
            total.update(dict.fromkeys(counts, 1))
            if lines:
                print(f"{capture}: {dict(counts) or 'alike'}", *(f"    {line}" for line in lines), sep="\n")
                sys.stdout.flush()
    print(
        f"{files} captures, {filters} filters, {clean} captures alike; captures in which differ: {dict(total) or 'none'}"
    )


if __name__ == "__main__":
    main()
