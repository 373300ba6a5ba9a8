"""What a table is: columns with name, type, unit, meaning and source. DDL and documentation derive from these."""

from typing import Literal

from wiretale.light import dataclass

Stage = Literal["raw", "derived"]

# Why BLOBs name their compression: DuckDB tries a dictionary on them first. Payload hardly repeats, and with the small
# blocks of a capture the trial costs sixteen microseconds a row (DuckDB 2.0); zstd is thirty times faster and as small.


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `type` is DuckDB's; `unit` is empty for plain values; `source` says where the value comes from."""

    name: str
    type: str
    meaning: str
    unit: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: `row` says what one row is."""

    name: str
    stage: Stage
    row: str
    columns: tuple[Column, ...]

    @property
    def ddl(self) -> str:
        """The CREATE TABLE statement."""
        return self._ddl("zstd")

    @property
    def plain_ddl(self) -> str:
        """The same with BLOBs as they are, for what compression would not make much smaller."""
        return self._ddl("uncompressed")

    def _ddl(self, blobs: str) -> str:
        packed = {"BLOB": f" USING COMPRESSION {blobs}"}
        columns = ", ".join(f'"{c.name}" {c.type}{packed.get(c.type, "")}' for c in self.columns)
        return f'CREATE TABLE "{self.name}" ({columns})'

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(c.name for c in self.columns)

    @property
    def quoted_names(self) -> tuple[str, ...]:
        """The same as SQL identifiers."""
        return tuple(f'"{c.name}"' for c in self.columns)

    def insertion(self, names: tuple[str, ...]) -> str:
        """The INSERT of the columns `names` from `batch`; the other columns are NULL."""
        listed = ", ".join(f'"{n}"' for n in names)
        return f'INSERT INTO "{self.name}" ({listed}) SELECT {listed} FROM batch'  # noqa: S608 (a table of the model)
