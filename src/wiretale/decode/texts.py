"""A column of texts of which few are different: addresses, reasons."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Texts:
    """Element i is `values[codes[i]]`, None where the code is negative. Used like an array of objects."""

    def __init__(self, codes: NDArray[np.int32], values: list[str]) -> None:
        self.codes, self.values = codes, values
        self._code_of: dict[str | None, int] = {}

    @classmethod
    def absent(cls, count: int) -> "Texts":
        """None, so many times."""
        return cls(np.full(count, -1, np.int32), [])

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> str | None:
        code = int(self.codes[row])
        return self.values[code] if code >= 0 else None

    def __setitem__(self, rows: Any, texts: str | Iterable[str | None]) -> None:
        self.codes[rows] = self._code(texts) if isinstance(texts, str) else [self._code(text) for text in texts]

    def _code(self, text: str | None) -> int:
        if not self._code_of:
            self._code_of = {None: -1, **{value: code for code, value in enumerate(self.values)}}
        code = self._code_of.setdefault(text, len(self.values))
        if text is not None and code == len(self.values):
            self.values.append(text)
        return code

    def tolist(self) -> list[str | None]:
        """One object for each element."""
        return [self.values[code] if code >= 0 else None for code in self.codes.tolist()]
