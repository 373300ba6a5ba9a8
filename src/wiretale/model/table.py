"""What a table is: columns with name, type, unit, meaning and source. DDL and documentation derive from these."""

from dataclasses import dataclass
from typing import Literal

Stage = Literal["raw", "derived"]


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
        columns = ", ".join(f'"{c.name}" {c.type}' for c in self.columns)
        return f'CREATE TABLE "{self.name}" ({columns})'

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(c.name for c in self.columns)
