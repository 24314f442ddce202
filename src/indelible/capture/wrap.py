"""`wrap` put together: a child, a relay between it and the client, and the records of both."""

from __future__ import annotations

import gc
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from indelible.capture.assemble import Emitter, clock_us, monotonic_us, open_emitter, os_actor
from indelible.capture.child import Ending, exit_like, spawn, wait, why_not_started
from indelible.capture.observe import Instant, Observer
from indelible.capture.policy import FailurePolicy
from indelible.capture.stdio import Descriptors, Relay
from indelible.deliver.spool import ROLL_BYTES
from indelible.model.event import Connection, Origin, ServerExit, ServerStart

DRAIN_S = 1.0
"""How long we wait for the server's last output once the server itself has ended."""

_LAUNCHERS = frozenset(
    ["npx", "npm", "exec", "bunx", "uvx", "uv", "run", "pipx", "node", "deno", "bun", "env", "sh"]
)
_LAUNCHER_PATTERN = re.compile(r"python[0-9.]*")
_VERSION_OR_SUFFIX = re.compile(r"(?<=.)@.*$|\.(?:py|js|mjs|ts|exe|cmd)$")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class WrapOptions:
    """How to wrap one server."""

    argv: list[str]
    state: Path
    server: str
    policy: FailurePolicy
    roll_bytes: int = ROLL_BYTES


def server_name(argv: list[str]) -> str:
    """Return a name for the server that *argv* starts, for when the operator gave none."""
    for word in argv:
        name = _VERSION_OR_SUFFIX.sub("", word.rstrip("/").rsplit("/", 1)[-1])
        launcher = name in _LAUNCHERS or _LAUNCHER_PATTERN.fullmatch(name)
        if not word.startswith("-") and not launcher and _NAME.fullmatch(name):
            return name
    return "server"


def run(options: WrapOptions, warn: Callable[[str], None]) -> int:
    """Run the server of *options* between our stdin and stdout; return its exit code.

    Args:
        warn: Says something to the operator: on stderr, since stdout is the protocol's.
    """
    _open_missing_stdio()
    emitter = open_emitter(
        options.state,
        Origin(options.server, "stdio", "wrap"),
        policy=options.policy,
        warn=warn,
        roll_bytes=options.roll_bytes,
    )
    emitter.recorder.keep([ServerStart(clock_us(), options.argv)])
    ending = _run_child(options.argv, emitter, warn)
    emitter.recorder.keep([ServerExit(clock_us(), ending.exit_code, ending.signal)])
    emitter.close()
    return exit_like(ending)


def _run_child(argv: list[str], emitter: Emitter, warn: Callable[[str], None]) -> Ending:
    try:
        process = spawn(argv)
    except OSError as error:
        code, why = why_not_started(argv, error)
        warn(why)
        return Ending(code, None)
    emitter.collect_leftovers()
    # The heavy half of redaction loads while the server starts.
    threading.Thread(target=emitter.cleaner.load, name="indelible-load").start()
    assert process.stdin is not None
    assert process.stdout is not None
    descriptors = Descriptors(
        from_client=os.dup(0),
        to_client=os.dup(1),
        from_server=process.stdout.fileno(),
        to_server=os.dup(process.stdin.fileno()),
    )
    process.stdin.close()
    _take_stdio()
    observer = Observer(Connection(actor=os_actor(), session=(emitter.session, "process")))
    relay = Relay(descriptors, observer, emitter.recorder, _now)
    up = threading.Thread(target=relay.client_to_server, name="indelible-up", daemon=True)
    down = threading.Thread(target=relay.server_to_client, name="indelible-down", daemon=True)
    gc.freeze()  # what start-up made stays: collections need not walk it
    up.start()
    down.start()
    ending = wait(process)
    down.join(DRAIN_S)
    relay.abandon(f"the server ended with {ending} before it answered")
    return ending


def _now() -> Instant:
    return Instant(clock_us(), monotonic_us())


def _open_missing_stdio() -> None:
    """Open what we were started without, lest a file of ours be taken for the client's pipe."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: fd
            os.set_inheritable(null, True)  # noqa: FBT003 — it has no keyword


def _take_stdio() -> None:
    """Keep the protocol's descriptors to the relay: a stray print goes to stderr."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
