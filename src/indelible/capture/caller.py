"""Who asks, in which session, under which ids: for one server, whichever hook sees the message.

It holds what the hooks share; what is decided where is in `actor` and `context`, which
are pure.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from contextvars import Token
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indelible.capture.context import (
    CURRENT,
    Correlation,
    Running,
    annotate,
    given,
    session_of,
)
from indelible.capture.exchange import headers_of, peer_of, scope_of
from indelible.capture.process import os_actor
from indelible.capture.recorder import Recorder
from indelible.model.canonical import Json
from indelible.model.event import Actor, Received

if TYPE_CHECKING:
    from indelible.capture.actor import Identity
    from indelible.config.sections import IdentitySection


class Caller:
    """Says who asks, and ties what a call does to its record.

    Args:
        recorder: Keeps the records; it knows the ids of the calls.

        section: Where to look for who asks.

        state: Where the key of fingerprints is, if any are made.

        warn: Told where there can be none.
    """

    def __init__(
        self,
        recorder: Recorder,
        section: IdentitySection,
        state: Path,
        warn: Callable[[str], None],
    ) -> None:
        self._recorder = recorder
        self._section = section
        self._state = state
        self._warn = warn
        self._identity: Identity | None = None
        self._of_process = os_actor() if "os-user" in section.actor else Actor()

    @property
    def process(self) -> str:
        """Names this process run; in the child of a fork, the child's."""
        return self._recorder.process

    @property
    def identity(self) -> Identity:
        """Who asks over HTTP; made when it is first wanted: a stdio server never asks."""
        if self._identity is None:
            from indelible.capture.actor import Identity  # noqa: PLC0415
            from indelible.capture.tags import tag_key  # noqa: PLC0415

            # Made once: at first for keys that are expected, of tokens when there is one.
            key = functools.cache(functools.partial(tag_key, self._state, self._warn))
            if "api-key" in self._section.actor:
                key()
            self._identity = Identity(self._section, key)
        return self._identity

    def actor(self, request: Any, token: Any) -> Actor:
        """Return who asks.

        Args:
            request: The Starlette request that brought the message; None on stdio.

            token: The access token that the SDK has verified for it.
        """
        if request is None and token is None:
            return self._of_process
        from indelible.capture.actor import Asked, Verified  # noqa: PLC0415 — loaded by now

        verified = None
        if token is not None:
            verified = Verified(
                getattr(token, "client_id", None),
                getattr(token, "subject", None),
                getattr(token, "claims", None) or {},
                getattr(token, "token", None),
            )
        scope = scope_of(request)
        return self.identity.of_request(Asked(scope.get("headers") or [], peer_of(scope), verified))

    def session(self, request: Any, params: Json) -> tuple[str, str]:
        """Return the session of a message: its id, and what that was derived from."""
        process = self._recorder.process
        if request is None:
            return process, "process"
        headers = headers_of(scope_of(request))
        return session_of(headers, given(headers, params).trace, process)

    def correlated(self, call: Received, request: Any, params: Json) -> Received:
        """Return *call* with the ids that its HTTP request brings along."""
        if request is None:
            return call  # what its `_meta` says it has already
        found = given(headers_of(scope_of(request)), params)
        return call._replace(
            trace=found.trace,
            request_id=found.request_id,
            has_odd_request_id=found.is_odd,
        )

    def follow(self, call: Received) -> Token[Running | None]:
        """Make *call*, which is on record, the one that the running code belongs to.

        Give what is returned to `CURRENT.reset` when the call has ended.
        """
        running = self._running(call)
        if running is not None:
            annotate(sys.modules, running)
        return CURRENT.set(running)

    def correlation(self, call: Received) -> Correlation | None:
        """Return what ties to its record what *call* causes; None where it is not on record."""
        running = self._running(call)
        return running.correlation() if running is not None else None

    def _running(self, call: Received) -> Running | None:
        call_id = self._recorder.call_id(call.number)
        return None if call_id is None else Running(call, call_id, self._recorder.is_clean)
