"""Indelible: the audit trail for MCP servers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from indelible.config.sections import Config

__all__ = ["audit"]

Server = TypeVar("Server")


def audit(
    server: Server,
    *,
    state: str | os.PathLike[str] | None = None,
    name: str | None = None,
    profile: str | None = None,
    config: str | os.PathLike[str] | Config | None = None,
    ndjson: str | os.PathLike[str] | None = None,
) -> Server:
    """Put every call that *server* receives on record, and return the same server.

    Args:
        server: An `MCPServer`, a `FastMCP` or a low-level `Server`; or any ASGI
            app, of which what HTTP refuses, opens and ends is recorded. Of an
            app that is not Starlette's, use what is returned in its place.

        state: The state directory; by default what is configured, else
            ``$INDELIBLE_STATE_DIR``, else the XDG state directory.

        name: How records name the server; by default what is configured, else
            its own name.

        profile: ``dev`` goes on when a record cannot be kept and records the
            gap; ``compliance`` refuses what may change anything instead. By
            default what is configured, else ``dev``.

        config: A configuration file, taken instead of the one that would be
            found, or a `Config` of `indelible.config.sections`, taken as it is.

        ndjson: Where each entry goes as a line of JSON besides: ``"stderr"``,
            ``"fd:N"`` or a file. Not stdout, which may be the protocol's.

    Raises:
        UsageError: If *server* cannot be audited, *profile* is unknown, or
            *ndjson* names what cannot be written to.

        ConfigError: If the configuration cannot be used.

        StateError: If nothing says where the state directory is.
    """
    # Imported here: `import indelible` stays free of what only a server needs.
    from indelible.capture.apps_alone import attach_app, is_app  # noqa: PLC0415
    from indelible.capture.process import tell  # noqa: PLC0415
    from indelible.capture.sdk import attach  # noqa: PLC0415
    from indelible.capture.setup import set_up  # noqa: PLC0415

    setup = set_up(os.environ, config=config, state=state, server=name, profile=profile)
    sink = None
    if ndjson is not None:
        from indelible.deliver.sink import open_sink  # noqa: PLC0415 — rarely asked for

        sink = open_sink(ndjson, tell)
    if is_app(server):
        return cast("Server", attach_app(server, setup, tell, sink))
    where, called, policy = setup.state, setup.server, setup.policy
    attach(server, state=where, name=called, policy=policy, warn=tell, sink=sink, setup=setup)
    return server
