"""Where the state directory is: the one thing that emitter and collector must agree on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from indelible.errors import UsageError


def state_directory(given: str | None, environment: Mapping[str, str]) -> Path:
    """Return the state directory: *given*, else by the environment, absolute.

    ``$INDELIBLE_STATE_DIR``, else ``$XDG_STATE_HOME/indelible``, else
    ``$HOME/.local/state/indelible`` (XDG Base Directory Specification).

    Raises:
        UsageError: If nothing says where, or a relative path is given by the environment.
    """
    if given:
        return Path(given).absolute()
    if own := environment.get("INDELIBLE_STATE_DIR"):
        return Path(own).absolute()
    if (xdg := environment.get("XDG_STATE_HOME", "")).startswith("/"):
        return Path(xdg) / "indelible"
    if (home := environment.get("HOME", "")).startswith("/"):
        return Path(home) / ".local" / "state" / "indelible"
    raise UsageError(
        "no state directory: HOME is not set", hint="pass --state DIR or set INDELIBLE_STATE_DIR"
    )
