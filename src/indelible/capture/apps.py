"""The apps of a server: each that it builds from now on is followed at its ASGI seam."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indelible.capture.caller import Caller
    from indelible.capture.recorder import Recorder
    from indelible.config.sections import IdentitySection

BUILDERS = ("streamable_http_app", "sse_app", "http_app")
"""Public methods by which the SDKs build an app; `run` calls them too."""

ANONYMOUS = (
    "nobody who asks over HTTP can be identified: every actor will be `anonymous`"
    " (the server verifies no tokens, and no other source is configured under [identity])"
)


class Apps:
    """Follows the ASGI apps of one server.

    Args:
        recorder: Where records go.

        caller: Says who asks.

        section: Where that is looked for.

        server_version: What records say of the server.

        warn: Told once if nobody can be identified.
    """

    def __init__(
        self,
        recorder: Recorder,
        caller: Caller,
        section: IdentitySection,
        server_version: str,
        warn: Callable[[str], None],
    ) -> None:
        self._recorder = recorder
        self._caller = caller
        self._section = section
        self._server_version = server_version
        self._warn = warn
        self.is_asking: Callable[[], bool] | None = None
        """Says whether the server waits for an answer; only where no hook sees all replies."""

        self._seam: Any = None
        self._has_warned = False

    def watch(self, server: Any) -> None:
        """Have every app that *server* builds followed: its builders are wrapped, on it alone."""
        for name in BUILDERS:
            build = getattr(server, name, None)
            if callable(build):
                setattr(server, name, self._following(build))

    def follow(self, app: Any) -> Any:
        """Return *app*, followed: a Starlette app itself, any other wrapped."""
        from indelible.capture.actor import identifies  # noqa: PLC0415 — only where there is HTTP
        from indelible.capture.asgi import AuditASGI  # noqa: PLC0415
        from indelible.capture.http_calls import seam  # noqa: PLC0415

        if self._seam is None:
            identity = self._caller.identity
            self._seam = seam(self._recorder, identity, self._server_version, self.is_asking)
        if not self._has_warned and not identifies(self._section, verifies_tokens=_verifies(app)):
            self._has_warned = True
            self._warn(ANONYMOUS)
        add = getattr(app, "add_middleware", None)
        if add is None:
            return AuditASGI(app, self._seam)
        add(AuditASGI, seam=self._seam)
        return app

    def _following(self, build: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(build)
        def built(*args: Any, **kwargs: Any) -> Any:
            return self.follow(build(*args, **kwargs))

        return built


def _verifies(app: Any) -> bool:
    """Return whether an app of an MCP SDK verifies tokens: all of them do it in this way."""
    found = (getattr(entry, "cls", None) for entry in getattr(app, "user_middleware", ()))
    return any(getattr(one, "__name__", "") == "AuthenticationMiddleware" for one in found)
