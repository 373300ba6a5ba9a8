"""Wireshark's filter engine as a running process: sharkd takes many filters, where tshark takes one and starts anew."""

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any


class Sharkd:
    """`with Sharkd(capture) as wireshark: wireshark.frames("tcp")`."""

    def __init__(self, capture: Path) -> None:
        self._process = subprocess.Popen(
            ["sharkd", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._asked = 0
        assert self._ask("load", file=str(capture))["result"]["status"] == "OK"

    def frames(self, text: str) -> list[int] | None:
        """Numbers of the frames that match; None if Wireshark takes this for no filter."""
        checked = self._ask("check", filter=text)
        if "error" in checked:
            return None
        return [frame["num"] for frame in self._ask("frames", filter=text)["result"]]

    def objection(self, text: str) -> str | None:
        """Why Wireshark takes this for no filter; None if it does."""
        answer = self._ask("check", filter=text)
        return str(answer["error"]["message"]) if "error" in answer else None

    def _ask(self, method: str, **parameters: str) -> dict[str, Any]:
        self._asked += 1
        request = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": parameters}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> "Sharkd":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
