"""A configuration file that may change while we run. Looked at, never waited for."""

from __future__ import annotations

import os
from collections.abc import Callable

from indelible.config.find import Stamp, stamp_of
from indelible.config.load import Loaded, load_again
from indelible.errors import ConfigError

SETTLED_S = 1.0
"""A file that was written less than this ago may be half written: the next look takes it."""


class Watch:
    """Reads a configuration again when its file has changed.

    Args:
        loaded: What holds now.

        now_s: Seconds since 1970.

        warn: Told once of each new version that cannot be used.
    """

    def __init__(
        self, loaded: Loaded, *, now_s: Callable[[], float], warn: Callable[[str], None]
    ) -> None:
        self._source = loaded.source
        self._seen: Stamp | None = loaded.source.stamp
        self._now_s = now_s
        self._warn = warn

    def look(self) -> Loaded | None:
        """Return the new configuration, or None where nothing is new or it cannot be used."""
        path = self._source.file
        if path is None:
            return None
        try:
            state = os.stat(path)
        except OSError as error:
            self._refuse(None, f"{path}: {(error.strerror or 'gone').lower()}")
            return None
        stamp = stamp_of(state)
        if stamp == self._seen or 0 <= self._now_s() - state.st_mtime < SETTLED_S:
            return None
        try:
            loaded = load_again(self._source)
        except ConfigError as error:
            self._refuse(stamp, str(error))
            return None
        self._seen = loaded.source.stamp
        return loaded

    def _refuse(self, stamp: Stamp | None, why: str) -> None:
        if stamp != self._seen:
            self._warn(f"the configuration stays as it was: {why}")
        self._seen = stamp
