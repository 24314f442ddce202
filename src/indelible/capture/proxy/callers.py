"""Who asks, worked out once for all requests that say the same of it.

A `Connection` that is the same object is also redacted once: that, and not the
proxy's own work, is most of what a call would cost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from indelible.capture.actor import Asked, Identity, Verified
from indelible.capture.context import session_of
from indelible.capture.exchange import headers_of, peer_of
from indelible.capture.protocol import Declared, client_info, protocol_version
from indelible.capture.proxy.sessions import Session
from indelible.config.sections import IdentitySection
from indelible.model.canonical import Json
from indelible.model.event import Connection, Transport

MAX_REMEMBERED = 4_096
_ALWAYS = ("mcp-session-id", "mcp-protocol-version", "authorization")


class _Said(NamedTuple):
    """Everything that decides a `Connection`."""

    lines: tuple[tuple[str, ...], ...]
    peer: tuple[str, bool] | None
    """The address, and whether a port was named."""
    trace: str | None
    client: tuple[tuple[str, Json], ...]
    agreed: str | None
    server_version: str
    transport: Transport
    process: str


class Callers:
    """Says who asks, and remembers it.

    Args:
        identity: Works it out.

        section: Which headers it looks at.
    """

    def __init__(self, identity: Identity, section: IdentitySection) -> None:
        self.identity = identity
        named = (
            section.headers.id,
            section.headers.name,
            section.headers.tenant,
            section.headers.api_key,
            section.headers.forwarded_for,
        )
        self._wanted = (*_ALWAYS, *sorted({name.lower() for name in named if name}))
        self._known: dict[_Said, tuple[Connection, Verified | None]] = {}

    def connection(
        self,
        scope: dict[str, Any],
        session: Session,
        verified: Verified | None,
        said: Declared | None,
        *,
        trace: str | None,
        server_version: str,
        transport: Transport,
        process: str,
    ) -> Connection:
        """Return who sends a request, in which session, to what.

        Args:
            said: What the client says of itself in it.

            process: Names the emitter's process run.
        """
        headers = headers_of(scope)
        peer, version = scope["client"], headers("mcp-protocol-version")
        client = (client_info(said.info) if said is not None else None) or session.client
        agreed = (
            (protocol_version(said.version) if said is not None else None)
            or (protocol_version(version[0]) if version else None)
            or session.protocol_version
        )
        key = _Said(
            tuple(tuple(headers(name)) for name in self._wanted),
            (peer[0], peer[1] != 0) if peer else None,
            trace if session.is_nameless else None,
            tuple(client.items()) if client is not None else (),
            agreed,
            server_version,
            transport,
            process,
        )
        known = self._known.get(key)
        if known is not None and known[1] == verified:
            return known[0]
        made = Connection(
            actor=self.identity.of_request(Asked(scope["headers"], peer_of(scope), verified)),
            client=client,
            session=session_of(headers, trace, process),
            server_version=server_version,
            protocol_version=agreed,
            transport=transport,
        )
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[key] = made, verified
        return made
