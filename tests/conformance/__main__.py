"""`python -m tests.conformance`: the client suites whole, alone and with the proxy in between.

`make test` runs what differs in kind. This takes two minutes, and each suite starts
all its clients at once.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.conformance.suite import client, count

LEGS = [("0.1", ""), ("0.2", "2025-11-25"), ("0.2", "2026-07-28")]


def main() -> int:
    """Run every leg; return how many differ."""
    different = 0
    for version, revision in LEGS:
        chosen = ["--suite", "all", *(["--spec-version", revision] if revision else [])]
        scratch = Path(tempfile.mkdtemp(prefix="indelible-conformance-"))
        direct, through = (
            client(version, module, *chosen, scratch=scratch) for module in ("client", "proxied")
        )
        found = ", ".join(f"{count(direct, one)} {one}" for one in ("SUCCESS", "FAILURE"))
        print(f"{version} {revision}: {found} (in {scratch}); through the proxy: ", end="")
        gone, new = direct - through, through - direct
        print(f"lacks {dict(gone)}, has {dict(new)}" if gone or new else "the same")
        different += bool(gone or new)
    return different


if __name__ == "__main__":
    sys.exit(main())
