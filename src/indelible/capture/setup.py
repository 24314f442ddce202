"""What an emitter is started with: arguments and flags over the configuration, if there is one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from indelible.capture.policy import PROFILES, FailurePolicy
from indelible.config.find import is_configured, working_directory
from indelible.errors import UsageError
from indelible.place import state_directory

if TYPE_CHECKING:
    from indelible.capture.rules import Rules
    from indelible.config.load import Loaded
    from indelible.config.sections import Config

Flags: TypeAlias = dict[tuple[str, ...], tuple[str, str]]
"""Value and flag of each key that was given."""


class Setup(NamedTuple):
    """How to record one server."""

    state: Path
    server: str | None
    """Its name, where somebody gave one."""
    policy: FailurePolicy
    loaded: Loaded | None = None
    """The configuration; None where nothing is configured."""

    @property
    def version(self) -> str | None:
        """The server's version, where it is configured."""
        return self.loaded.config.server.version if self.loaded else None


def set_up(
    environment: Mapping[str, str],
    *,
    config: str | os.PathLike[str] | Config | None = None,
    state: str | os.PathLike[str] | None = None,
    server: str | None = None,
    profile: str | None = None,
) -> Setup:
    """Return how to record a server; what is given here is stronger than the configuration.

    Args:
        config: A file to take instead of looking for one, or a configuration to
            take as it is, whatever files and variables say.

    Raises:
        ConfigError: If the configuration cannot be used.

        UsageError: If *profile* is unknown.

        StateError: If nothing says where the state directory is.
    """
    if profile is not None and profile not in PROFILES:
        known = ", ".join(sorted(PROFILES))
        raise UsageError(f"unknown profile {profile!r}", hint=f"profiles: {known}")
    flags: Flags = {
        ("state", "directory"): (os.fspath(state) if state is not None else "", "--state"),
        ("server", "name"): (server or "", "--server"),
        ("failure", "profile"): (profile or "", "--profile"),
    }
    given = {path: flag for path, flag in flags.items() if flag[0]}
    loaded = _loaded(environment, config, given)
    if loaded is None:
        directory = state_directory(state, environment)
        return Setup(directory, server, PROFILES[profile or "dev"])
    from indelible.capture.policy import failure_policy  # noqa: PLC0415

    found = loaded.config
    directory = state_directory(found.state.directory, environment)
    return Setup(directory, found.server.name, failure_policy(found.failure), loaded)


def rules_of(setup: Setup | None, server: str, warn: Callable[[str], None]) -> Rules | None:
    """Return the rules of a configuration for *server*; None where nothing is configured."""
    if setup is None or setup.loaded is None:
        return None
    if setup.loaded.source.by_place:
        warn(f"configured by {setup.loaded.source.file}, found from the working directory")
    from indelible.capture.rules import Rules  # noqa: PLC0415 — only where something is configured
    from indelible.config.watch import Watch  # noqa: PLC0415

    watch = Watch(setup.loaded, now_s=time.time, warn=warn)
    return Rules(setup.loaded, server, watch=watch, warn=warn)


def _loaded(
    environment: Mapping[str, str],
    config: str | os.PathLike[str] | Config | None,
    flags: Flags,
) -> Loaded | None:
    named = config if isinstance(config, (str, os.PathLike)) else None
    directory = working_directory()
    if config is None or named is not None:
        path = os.fspath(named) if named is not None else None
        if not is_configured(path, environment, directory):
            return None
    from indelible.config.load import load, loaded_from  # noqa: PLC0415 — only where there is one

    if config is not None and not isinstance(config, (str, os.PathLike)):
        return loaded_from(config, flags)
    return load(named, environment=environment, directory=directory, flags=flags)
