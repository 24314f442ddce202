"""The way in. It looks at one word and imports nothing else: `wrap` starts with every server."""

# ruff: noqa: PLC0415
from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """Run the command line *argv*, by default the process's own; return the exit code."""
    words = sys.argv[1:] if argv is None else argv
    try:
        if words[:1] == ["wrap"]:
            from indelible.cli.wrap import main as wrap

            return wrap(words[1:])
        from indelible.cli.commands import run

        return run(words)
    except KeyboardInterrupt:  # while something was being imported
        return 130
