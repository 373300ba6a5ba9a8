"""A column of texts of which few are different: addresses, reasons."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Codes(dict[str | None, int]):
    """The code of each text, with the next one for a new text, which joins `values`."""

    def __init__(self, values: list[str]) -> None:
        super().__init__({value: code for code, value in enumerate(values)})
        self[None] = -1
        self._texts = values

    def __missing__(self, text: str) -> int:
        self[text] = code = len(self._texts)
        self._texts.append(text)
        return code


class Texts:
    """Element i is `values[codes[i]]`, None where the code is negative. Used like an array of objects."""

    def __init__(self, codes: NDArray[np.int32], values: list[str]) -> None:
        self.codes, self.values = codes, values
        self._codes: _Codes | None = None  # made when a text is put

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
        if self._codes is None:
            self._codes = _Codes(self.values)
        if isinstance(texts, str):
            self.codes[rows] = self._codes[texts]
        else:
            self.codes[rows] = np.fromiter(map(self._codes.__getitem__, texts), np.int32)

    def tolist(self) -> list[str | None]:
        """One object for each element."""
        return [self.values[code] if code >= 0 else None for code in self.codes.tolist()]
