"""Start a collection that outlives us: a short process of its own, killable at any time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

_PASSED_ON = ("HOME", "PATH", "LANG", "PYTHONPATH")
_PASSED_ON_PREFIXES = ("XDG_", "INDELIBLE_")


def collection_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the part of *environment* that a collection needs: no secret of the server's."""
    return {
        name: value
        for name, value in environment.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }


def start_collection(state: Path) -> bool:
    """Start ``indelible collect --once`` on *state*, detached; return whether it was started.

    A session of its own, so that a client that kills our process group does not
    kill it; nothing of ours stays open in it. Not started where another user
    owns the state: its records are not ours to seal.
    """
    if not _is_ours(state):
        return False
    command = [sys.executable, "-P", "-m", "indelible", "--state", str(state), "collect", "--once"]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=collection_environment(os.environ),
            start_new_session=True,
        )
    except OSError:
        # No process to be had now. The records are safe in the spool, and the next
        # emitter or reader collects them.
        return False
    try:
        threading.Thread(target=process.wait, name="indelible-reap", daemon=True).start()
    except RuntimeError:
        # The interpreter is ending and starts no more threads: init reaps the child.
        process.returncode = 0
    return True


def _is_ours(state: Path) -> bool:
    try:
        return os.stat(state).st_uid == os.geteuid()
    except OSError:
        return False
