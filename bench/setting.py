"""How a run is set: its size, its scratch directory, and the commands that are measured."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ECHO = [sys.executable, str(HERE / "servers/echo.py")]
RELAY = [sys.executable, str(HERE / "relay.py"), *ECHO]
BYTE_PROXY = [sys.executable, str(HERE / "byte_proxy.py")]
INDELIBLE = [sys.executable, "-m", "indelible"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One run."""

    scratch: Path
    pin: bool
    """Whether the whole run stays on one CPU."""
    quick: bool
    rows: int = 1_000_000
    """How many calls `query` asks of."""
    made: dict[str, object] = field(default_factory=dict)
    """What a part has made that others use too."""

    def scale(self, full: int, quick: int) -> int:
        """Return how many rounds or calls there are to be."""
        return quick if self.quick else full

    def environment(self) -> dict[str, str]:
        """Return the children's environment: none of the caller's settings, a home of its own.

        The package is that of this checkout, installed or not.
        """
        root = HERE.parent
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.scratch),
            "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}",
        }

    def wrap(self, state: str) -> list[str]:
        """Return the echo server's command, wrapped, with a state of its own."""
        options = ["--state", str(self.scratch / state), "--server", "echo"]
        return [*INDELIBLE, "wrap", *options, "--", *ECHO]

    def proxy(self, upstream: str, state: str) -> list[str]:
        """Return the command of a proxy before *upstream*, with a state of its own."""
        options = ["--state", str(self.scratch / state), "--server", "echo"]
        where = ["--upstream", upstream, "--listen", "127.0.0.1:0"]
        return [*INDELIBLE, "proxy", *where, *options]
