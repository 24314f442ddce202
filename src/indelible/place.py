"""Where the state directory is: the one thing that emitter and collector must agree on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from indelible.errors import StateError


def state_directory(given: str | os.PathLike[str] | None, environment: Mapping[str, str]) -> Path:
    """Return the state directory: *given*, else by *environment*, absolute.

    ``$INDELIBLE_STATE_DIR``, else ``$XDG_STATE_HOME/indelible``, else
    ``~/.local/state/indelible`` (XDG Base Directory Specification, which has
    relative paths ignored). Clients strip environments: without ``HOME`` the
    user database is asked for the home directory.

    Raises:
        StateError: If nothing says where.
    """
    if given:
        return Path(given).absolute()
    if own := environment.get("INDELIBLE_STATE_DIR"):
        return Path(own).absolute()
    if (xdg := environment.get("XDG_STATE_HOME", "")).startswith("/"):
        return Path(xdg) / "indelible"
    home = environment.get("HOME") or _home_of_user()
    if home.startswith("/"):
        return Path(home) / ".local" / "state" / "indelible"
    raise StateError("no state directory", hint="Give --state DIR or set INDELIBLE_STATE_DIR.")


def _home_of_user() -> str:
    import pwd  # noqa: PLC0415 — rarely asked

    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return ""
