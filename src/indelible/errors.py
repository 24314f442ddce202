"""Every exception of the package, each with a hint: the operator's next step."""

from __future__ import annotations


class IndelibleError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: What went wrong; lower case, no full stop.

        hint: One sentence that says what to do next, or empty.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(IndelibleError):
    """The command or query cannot be understood as given."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration cannot be used: a bad file, variable or value. Nothing was started."""


class TamperedError(IndelibleError):
    """Stored bytes differ from what was signed; nothing was repaired.

    Args:
        message: What differs.

        where: The first wrong place: file, and line, byte or leaf index.
    """

    exit_code = 3

    def __init__(self, message: str, *, where: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.where = where


class StateError(IndelibleError):
    """The state directory cannot be used: missing, foreign, or not writable."""


class NotKeptError(IndelibleError):
    """A record could not be written, and the failure policy refuses the call."""


class FormatError(IndelibleError):
    """Bytes are not in the format they claim: a frame, a note, a header."""
