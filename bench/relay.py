"""The floor for a wrapper in Python: two threads that copy bytes and look at none of them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading


def pump(source: int, target: int) -> None:
    """Copy *source* to *target* until it ends, then end *target*."""
    while data := os.read(source, 65_536):
        view = memoryview(data)
        while view:
            view = view[os.write(target, view) :]
    os.close(target)


if __name__ == "__main__":
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert child.stdin is not None
    assert child.stdout is not None
    to_child = os.dup(child.stdin.fileno())
    threading.Thread(target=pump, args=(0, to_child), daemon=True).start()
    child.stdin.close()
    pump(child.stdout.fileno(), 1)
    sys.exit(child.wait())
