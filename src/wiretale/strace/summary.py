"""-c and -C: the table of calls with counts, errors and times."""

from wiretale.clock import SECOND_NS
from wiretale.decode.syscalls import table
from wiretale.light import dataclass
from wiretale.record.ptrace.plan import native_arches
from wiretale.strace.layout import BITS, NATIVE_ARCH
from wiretale.strace.options import StraceOptions


@dataclass(slots=True)
class _Row:
    name: str
    calls: int = 0
    errors: int = 0
    total_ns: int = 0
    min_ns: int = 1 << 62
    max_ns: int = 0

    def add(self, took_ns: int, failed: bool) -> None:
        """Count one call."""
        self.calls += 1
        self.errors += failed
        self.total_ns += took_ns
        self.min_ns = min(self.min_ns, took_ns)
        self.max_ns = max(self.max_ns, took_ns)


_COLUMNS: dict[str, tuple[str, int]] = {  # title and width; the name is last or cut nowhere
    "time-percent": ("% time", 6),
    "total-time": ("seconds", 11),
    "min-time": ("shortest", 8),
    "max-time": ("longest", 8),
    "avg-time": ("usecs/call", 11),
    "calls": ("calls", 9),
    "errors": ("errors", 9),
    "name": ("syscall", 16),
}


class Summary:
    """Counts calls by mode and name."""

    def __init__(self, options: StraceOptions) -> None:
        self._options = options
        self._rows: dict[int, dict[str, _Row]] = {}  # of each architecture

    def add(self, arch: int, name: str, took_ns: int, failed: bool) -> None:
        """Count one call; what tracing costs (-O) is taken off its time."""
        took = max(took_ns - self._options.summary_overhead_ns, 0)
        self._rows.setdefault(arch, {}).setdefault(name, _Row(name)).add(took, failed)

    def text(self) -> str:
        """A table of each mode in which calls were counted; empty if none were."""
        shown = ""
        for arch in native_arches():
            if arch in self._rows:
                title = f"System call usage summary for {BITS[arch]} bit mode:\n" if arch != NATIVE_ARCH else ""
                shown += title + self._table(arch)
        return shown

    def _table(self, arch: int) -> str:
        columns = self._options.summary_columns
        head = self._cells([_COLUMNS[c][0] for c in columns])
        line = " ".join("-" * _COLUMNS[c][1] for c in columns)
        rows = self._sorted(arch)
        total = _Row("total", sum(r.calls for r in rows), sum(r.errors for r in rows), sum(r.total_ns for r in rows))
        total.min_ns = min((r.min_ns for r in rows), default=0)
        total.max_ns = max((r.max_ns for r in rows), default=0)
        lines = [head, line, *(self._line(r, total.total_ns) for r in rows), line]
        return "\n".join([*lines, self._line(total, total.total_ns)]) + "\n"

    def _sorted(self, arch: int) -> list[_Row]:
        keys = {
            "time-percent": lambda r: -r.total_ns,
            "calls": lambda r: -r.calls,
            "errors": lambda r: -r.errors,
            "name": lambda r: r.name,
            "min-time": lambda r: -r.min_ns,
            "max-time": lambda r: -r.max_ns,
            "avg-time": lambda r: -(r.total_ns // r.calls),
        }
        key = keys.get(self._options.summary_sort)
        numbers = {name: number for number, name in table(arch).items()}
        rows = sorted(self._rows[arch].values(), key=lambda r: numbers.get(r.name, len(numbers)))
        return sorted(rows, key=key) if key is not None else rows

    def _cells(self, texts: list[str]) -> str:
        """One line; a name that stands last is not filled up."""
        columns = self._options.summary_columns
        cells = [
            f"{text:<{_COLUMNS[column][1]}}" if column == "name" else f"{text:>{_COLUMNS[column][1]}}"
            for column, text in zip(columns, texts, strict=True)
        ]
        if columns[-1] == "name":
            cells[-1] = texts[-1]
        return " ".join(cells)

    def _line(self, row: _Row, total_ns: int) -> str:
        return self._cells([_value(c, row, total_ns) for c in self._options.summary_columns])


def _value(column: str, row: _Row, total_ns: int) -> str:
    texts = {
        "time-percent": f"{100 * row.total_ns / total_ns if total_ns else (100 if row.name == 'total' else 0):.2f}",
        "total-time": _seconds(row.total_ns),
        "min-time": _seconds(row.min_ns),
        "max-time": _seconds(row.max_ns),
        "avg-time": str(row.total_ns // row.calls // 1000 if row.calls else 0),
        "calls": str(row.calls),
        "errors": str(row.errors) if row.errors else "",
        "name": row.name,
    }
    return texts[column]


def _seconds(ns: int) -> str:
    return f"{ns / SECOND_NS:.6f}"
