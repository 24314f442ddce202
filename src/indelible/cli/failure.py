"""How every command fails: one line that says what, one that says what to do, one exit code."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass

import click

from indelible.cli.terminal import colour, json_text, visible
from indelible.errors import IndelibleError, TamperedError
from indelible.model.canonical import Json

_NAMES = {1: "failed", 2: "usage", 3: "tampered", 4: "auth", 5: "incomplete", 6: "findings"}
INTERRUPTED = 130
_NO_RIGHT = (errno.EACCES, errno.EPERM)


@dataclass(frozen=True, slots=True)
class Failure:
    """What is said of a failure, whatever raised it."""

    message: str
    exit_code: int = 1
    fix: str = ""
    where: str = ""


def failure_of(error: Exception) -> Failure:
    """Return what to say of *error*."""
    if isinstance(error, TamperedError):
        return Failure(str(error), error.exit_code, error.hint, error.where)
    if isinstance(error, IndelibleError):
        return Failure(str(error), error.exit_code, error.hint)
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "indelible"
        return Failure(_lowered(error.format_message()), 2, f"{command} --help")
    if isinstance(error, click.ClickException):
        return Failure(_lowered(error.format_message()), error.exit_code)
    if isinstance(error, OSError) and error.strerror:
        subject = f"{error.filename}: " if error.filename else ""
        fix = "do it as the owner of that file, or as root" if error.errno in _NO_RIGHT else ""
        return Failure(f"{subject}{error.strerror.lower()}", 1, fix)
    return Failure(
        f"unexpected {type(error).__name__}: {error}",
        1,
        "this is a fault of ours: run it again with INDELIBLE_TRACEBACK=1 and report what it says",
    )


def say(failure: Failure, *, as_json: bool) -> None:
    """Print *failure*: for people to stderr, as JSON to stdout."""
    if as_json:
        error: dict[str, Json] = {
            "code": _NAMES.get(failure.exit_code, "failed"),
            "exitCode": failure.exit_code,
            "message": failure.message,
            "fix": failure.fix or None,
        }
        if failure.where:
            error["where"] = failure.where
        print(json_text({"error": error}))
        return
    print(f"{colour('error:', 'red', sys.stderr)} {visible(failure.message)}", file=sys.stderr)
    if failure.where:
        print(f"  where: {visible(failure.where)}", file=sys.stderr)
    if failure.fix:
        print(f"  fix: {visible(failure.fix)}", file=sys.stderr)


def wants_traceback() -> bool:
    """Whether the operator asked to see where an unexpected error came from."""
    return bool(os.environ.get("INDELIBLE_TRACEBACK"))


def _lowered(message: str) -> str:
    """Return click's sentence in our style: lower case, no full stop."""
    return message[:1].lower() + message[1:].rstrip(".")
