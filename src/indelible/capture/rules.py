"""The configuration at work: what is kept of each call, and what becomes of it on failure.

Every event passes here before it becomes a record, whichever hook it comes from, but
only where something is configured: without that, `Recorder` has no `Rules`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import NamedTuple

from indelible.capture.policy import FailurePolicy, OnFailure, failure_policy
from indelible.config.load import Loaded, sha256
from indelible.config.sections import Level, Results, ToolRule
from indelible.config.watch import Watch
from indelible.model.event import Completed, Configured, Effect, Event, Notice, Received

LOOK_EVERY_US = 5_000_000
"""How often a call has us look whether the file has changed."""

MAX_REMEMBERED = 10_000
_KEYS = ("effect", "level", "result", "failure", "target")


class Decision(NamedTuple):
    """What holds for one tool."""

    effect: Effect | None
    """What the operator says it may do; None where they do not say."""
    level: Level
    results: Results
    failure: OnFailure | None
    """None where its effect decides."""
    target: tuple[str, ...] | None
    """Where in the arguments it stands what a call is done to."""


class Rules:
    """What a configuration says, applied to events. Not safe for threads: the recorder is.

    Args:
        loaded: The configuration.

        server: The server's name, for patterns like ``server/tool``.

        watch: Says when the configuration has changed.

        warn: Told when it has.
    """

    def __init__(
        self, loaded: Loaded, server: str, *, watch: Watch, warn: Callable[[str], None]
    ) -> None:
        self._server = server
        self._watch = watch
        self._warn = warn
        self._said = ""
        self._looked_us = 0
        self._open: dict[int, Decision] = {}
        self._now: dict[int, Decision] = {}
        self._take(loaded)

    def apply(self, events: list[Event], at_us: int) -> list[Event]:
        """Return *events* as they are to be kept; the configuration itself comes first if new.

        Args:
            at_us: Microseconds since 1970.
        """
        if not 0 <= at_us - self._looked_us < LOOK_EVERY_US:
            self._look(at_us)
        self._now = {}
        kept: list[Event] = [] if self._said == self._sha256 else [Configured(at_us, self._sha256)]
        for event in events:
            if isinstance(event, Received):
                decision = self._decide(event)
                if decision.level != "none":
                    self._now[event.number] = self._open[event.number] = decision
                    kept.append(_begun(event, decision))
            elif isinstance(event, Completed) and event.number in self._open:
                decision = self._now[event.number] = self._open.pop(event.number)
                kept.append(_ended(event, decision))
            elif isinstance(event, Notice):
                kept += _told(event, self._config.capture.undeclared)
            else:
                kept.append(event)
        return kept

    def on_failure(self, event: Event, effect: Effect) -> OnFailure:
        """Return what becomes of *event*, which could not be kept.

        Args:
            effect: What its call may do.
        """
        if isinstance(event, (Received, Completed)):
            decision = self._now.get(event.number)
            if decision is not None and decision.failure is not None:
                return decision.failure
        return self._policy.of(effect)

    def said(self) -> None:
        """Take it that the configuration is on record."""
        self._said = self._sha256

    def forget(self, number: int) -> None:
        """Forget a call that was refused: it has no end."""
        self._open.pop(number, None)

    def redraw(self) -> None:
        """Say the configuration again: we are the child of a fork, and a new writer."""
        self._said = ""

    def _look(self, at_us: int) -> None:
        first, self._looked_us = self._looked_us == 0, at_us
        loaded = None if first else self._watch.look()
        if loaded is None:
            return
        before = self._config
        self._take(loaded)
        self._warn(f"configuration read again: {loaded.source.file}")
        now = self._config
        if (before.state, before.server, before.identity) != (now.state, now.server, now.identity):
            self._warn("what is new of state, server and identity holds from the next start on")

    def _take(self, loaded: Loaded) -> None:
        self._config = loaded.config
        self._policy: FailurePolicy = failure_policy(loaded.config.failure)
        self._sha256 = sha256(loaded.config)
        self._decisions: dict[tuple[str | None, Effect], Decision] = {}

    def _decide(self, event: Received) -> Decision:
        known = (event.tool, event.effect)
        decision = self._decisions.get(known)
        if decision is None:
            if len(self._decisions) >= MAX_REMEMBERED:
                self._decisions.clear()
            decision = self._decisions[known] = self._made(*known)
        return decision

    def _made(self, tool: str | None, declared: Effect) -> Decision:
        rule = _merged([r for r in self._config.tools if self._matches(r.glob, tool)])
        effect: Effect = rule.effect or declared
        capture = self._config.capture
        level: Level = rule.level or getattr(capture, effect)
        by_effect: Results = "redacted" if effect == "destructive" else "summary"
        return Decision(
            effect=rule.effect,
            level=level,
            results=(rule.result or capture.results or by_effect) if level == "result" else "none",
            failure=OnFailure(rule.failure) if rule.failure is not None else None,
            target=_path(rule.target),
        )

    def _matches(self, glob: str, tool: str | None) -> bool:
        if tool is None:
            return False
        return fnmatchcase(tool, glob) or fnmatchcase(f"{self._server}/{tool}", glob)


def _begun(event: Received, decision: Decision) -> Received:
    """Return a call as it is to be kept."""
    if decision.effect is not None:
        event = event._replace(effect=decision.effect, effect_source="config")
    if decision.level == "metadata":
        return event._replace(level="metadata", args=None)
    if decision.level == "args":
        event = event._replace(level="args")
    return event if decision.target is None else event._replace(target=decision.target)


def _ended(event: Completed, decision: Decision) -> Completed:
    """Return the end of a call as it is to be kept."""
    if decision.results == "none":
        return event._replace(result=None, keep_result=False)
    keep = decision.results == "redacted"
    return event if event.keep_result is keep else event._replace(keep_result=keep)


def _told(event: Notice, level: Level) -> list[Event]:
    """Return what nobody answers as it is to be kept: without what it says, or not at all."""
    if event.kind == "closed":
        return [event]  # how long a stream was open, and nothing that anybody said
    if level == "none":
        return []
    wanted = ("result",) if event.kind == "stray" else ("args", "result")
    return [event if level in wanted else event._replace(content=None)]


def _merged(rules: list[ToolRule]) -> ToolRule:
    """Return one rule of those that match a tool: of each key the first that says something."""
    merged = ToolRule("")
    for rule in reversed(rules):
        said = {name: v for name in _KEYS if (v := getattr(rule, name)) is not None}
        merged = dataclasses.replace(merged, **said)
    return merged


def _path(target: str | None) -> tuple[str, ...] | None:
    """Return the path that ``{args.a.b}`` stands for."""
    if target is None:
        return None
    return tuple(target.removeprefix("{args.").removesuffix("}").split("."))
