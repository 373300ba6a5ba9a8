"""What a source says of itself when it stops: becomes one row of the table `source`."""

from wiretale.light import dataclass, field

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from typing import Any


@dataclass(slots=True)
class SourceReport:
    """Columns as in `model.raw.SOURCE`; `detail` is stored as JSON."""

    source: str
    level: str | None
    ran: bool
    reason: str | None = None
    remedy: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    items: int = 0
    lost: int = 0
    clock_error_ns: int | None = None
    detail: "dict[str, Any]" = field(default_factory=dict)
