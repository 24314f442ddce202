"""`wrap` put together: a child, a relay between it and the client, and the records of both."""

from __future__ import annotations

import gc
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from indelible.capture.assemble import Emitter, open_emitter
from indelible.capture.child import (
    Ending,
    exit_like,
    spawn,
    take_signals_again,
    wait,
    why_not_started,
)
from indelible.capture.observe import Observer
from indelible.capture.policy import FailurePolicy
from indelible.capture.process import clock_us, now, os_actor
from indelible.capture.setup import Setup, rules_of
from indelible.capture.stdio import Descriptors, Relay
from indelible.deliver.spool import ROLL_BYTES
from indelible.model.event import Actor, Connection, Origin, ServerExit, ServerStart

DRAIN_S = 1.0
"""How long we wait for the server's last output once the server itself has ended."""

LAST_WORDS_S = 1.0
"""How long we wait for a client to read our last answers, with everything on record."""

_LAUNCHERS = frozenset(
    ["npx", "npm", "exec", "bunx", "uvx", "uv", "run", "pipx", "node", "deno", "bun", "env", "sh"]
)
_LAUNCHER_PATTERN = re.compile(r"python[0-9.]*")
_NO_VALUE = re.compile(
    r"--|-[ABEISmqsuy]|--(?:yes|quiet|silent|verbose|offline|isolated|bun|experimental-.*)"
    r"|--(?:no|allow|inspect)(?:-.*)?"
)
"""Flags of launchers that take no value, or, as ``-m``, the server's name for one."""

_VERSION_OR_SUFFIX = re.compile(r"(?<=.)@.*$|\.(?:py|js|mjs|ts|exe|cmd)$")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class WrapOptions:
    """How to wrap one server."""

    argv: list[str]
    state: Path
    server: str
    policy: FailurePolicy
    setup: Setup | None = None
    """What is configured, if that is more than the above."""
    ndjson: str | None = None
    """Where records go besides: ``stderr``, ``fd:N`` or a file."""
    roll_bytes: int = ROLL_BYTES


def server_name(argv: list[str]) -> str:
    """Return a name for the server that *argv* starts, for when the operator gave none.

    A word after a flag may be its value, and that a secret: it names nothing.
    """
    is_value = False
    for word in argv:
        name = _VERSION_OR_SUFFIX.sub("", word.rstrip("/").rsplit("/", 1)[-1])
        launcher = name in _LAUNCHERS or _LAUNCHER_PATTERN.fullmatch(name)
        if word.startswith("-"):
            is_value = "=" not in word and not _NO_VALUE.fullmatch(word)
        elif is_value:
            is_value = False
        elif not launcher and _NAME.fullmatch(name):
            return name
    return "server"


def run(options: WrapOptions, warn: Callable[[str], None]) -> int:
    """Run the server of *options* between our stdin and stdout; return its exit code.

    Args:
        warn: Says something to the operator: on stderr, since stdout is the protocol's.

    Raises:
        UsageError: If NDJSON cannot go where the options say.
    """
    _open_missing_stdio()
    sink = None
    if options.ndjson is not None:
        from indelible.deliver.sink import open_sink  # noqa: PLC0415 — rarely asked for

        sink = open_sink(options.ndjson, warn)
    emitter = open_emitter(
        options.state,
        Origin(options.server, "stdio", "wrap", options.setup.version if options.setup else None),
        policy=options.policy,
        warn=warn,
        roll_bytes=options.roll_bytes,
        sink=sink,
        rules=rules_of(options.setup, options.server, warn),
    )
    emitter.recorder.keep([ServerStart(clock_us(), options.argv)])
    ending, relay = _run_child(options.argv, emitter, _actor(options.setup), warn)
    emitter.recorder.keep([ServerExit(clock_us(), ending.exit_code, ending.signal, ending.usage)])
    emitter.close()
    take_signals_again()
    if relay is not None:
        last = threading.Thread(target=relay.last_words, name="indelible-last", daemon=True)
        last.start()
        last.join(LAST_WORDS_S)
    emitter.drain()
    return exit_like(ending)


def _actor(setup: Setup | None) -> Actor:
    """Return who asks: whoever runs us, unless the configuration wants no such answer."""
    loaded = setup.loaded if setup is not None else None
    is_wanted = loaded is None or "os-user" in loaded.config.identity.actor
    return os_actor() if is_wanted else Actor()


def _run_child(
    argv: list[str], emitter: Emitter, actor: Actor, warn: Callable[[str], None]
) -> tuple[Ending, Relay | None]:
    try:
        process = spawn(argv)
    except OSError as error:
        code, why = why_not_started(argv, error)
        warn(why)
        return Ending(code, None), None
    emitter.start()
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
    observer = Observer(Connection(actor=actor, session=(emitter.session, "process")), streams={})
    relay = Relay(descriptors, observer, emitter.recorder, now)
    up = threading.Thread(target=relay.client_to_server, name="indelible-up", daemon=True)
    down = threading.Thread(target=relay.server_to_client, name="indelible-down", daemon=True)
    gc.freeze()  # what start-up made stays: collections need not walk it
    up.start()
    down.start()
    ending = wait(process)
    down.join(DRAIN_S)
    relay.abandon(f"the server ended with {ending} before it answered")
    return ending, relay


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
