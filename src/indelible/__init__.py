"""Indelible: the audit trail for MCP servers."""

from __future__ import annotations

import os
import sys
from typing import TypeVar

__all__ = ["audit"]

Server = TypeVar("Server")


def audit(
    server: Server,
    *,
    state: str | os.PathLike[str] | None = None,
    name: str | None = None,
    profile: str = "dev",
) -> Server:
    """Put every call that *server* receives on record, and return the same server.

    Args:
        server: An `MCPServer` or a low-level `Server` of the MCP SDK 2.x.

        state: The state directory; by default ``$INDELIBLE_STATE_DIR``, else
            the XDG state directory.

        name: How records name the server; by default its own name.

        profile: ``dev`` goes on when a record cannot be kept and records the
            gap; ``compliance`` refuses what may change anything instead.

    Raises:
        UsageError: If *server* cannot be audited, or *profile* is unknown.

        StateError: If nothing says where the state directory is.
    """
    # Imported here: `import indelible` stays free of what only a server needs.
    from indelible.capture.policy import PROFILES  # noqa: PLC0415
    from indelible.capture.sdk import attach  # noqa: PLC0415
    from indelible.errors import UsageError  # noqa: PLC0415
    from indelible.place import state_directory  # noqa: PLC0415

    if profile not in PROFILES:
        known = ", ".join(sorted(PROFILES))
        raise UsageError(f"unknown profile {profile!r}", hint=f"profiles: {known}")
    directory = state_directory(state, os.environ)
    attach(server, state=directory, name=name, policy=PROFILES[profile], warn=_warn)
    return server


def _warn(text: str) -> None:
    sys.stderr.write(f"indelible: {text}\n")
