"""`indelible wrap`: the fast path. A desktop client starts us each time, so nothing heavy here."""

from __future__ import annotations

import os
import sys

from indelible.capture.process import tell
from indelible.capture.setup import set_up
from indelible.capture.wrap import WrapOptions, run, server_name
from indelible.errors import IndelibleError, UsageError

USAGE = "indelible wrap [OPTIONS] [--] CMD ARG…"
HELP = f"""Usage: {USAGE}

Run an MCP server (stdio) and put every call on record.

  --server NAME     how records name the server (default: from CMD)
  --state DIR       where records are kept (default: $INDELIBLE_STATE_DIR, else XDG state)
  --profile NAME    dev: work goes on when a record cannot be kept, and a gap is recorded
                    compliance: what may change anything is refused instead
  --config FILE     the configuration (default: the first of those `indelible config path` lists)
  --ndjson TO       write each entry as a line of JSON besides; TO is stderr, FILE or fd:N

Bytes pass untouched. The exit code is the server's; 127 or 126 if it cannot be started.
"""
_OPTIONS = frozenset(["--server", "--state", "--profile", "--config", "--ndjson"])


def main(argv: list[str]) -> int:
    """Run ``wrap`` with the words after it; return the exit code."""
    try:
        options = parse(argv)
        if options is None:
            _print_help()
            return 0
        return run(options, _warn)
    except IndelibleError as error:
        print(f"error: {_visible(str(error))}", file=sys.stderr)
        if error.hint:
            print(f"  fix: {_visible(error.hint)}", file=sys.stderr)
        return error.exit_code


def _warn(text: str) -> None:
    tell(_visible(text))


def _visible(text: str) -> str:
    """Return *text* with all that a terminal may act on spelt out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _print_help() -> None:
    try:
        sys.stdout.write(HELP)
    except UnicodeEncodeError:  # a locale of ASCII only
        sys.stdout.write(HELP.replace("…", "..."))


def parse(argv: list[str]) -> WrapOptions | None:
    """Return the options that *argv* gives, or None where it asks for help.

    Our options end at ``--`` or at the first word that is none of them: some
    clients swallow ``--``.

    Raises:
        UsageError: If it cannot be understood, or the configuration cannot.
    """
    given: dict[str, str] = {}
    rest = list(argv)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        if word in ("-h", "--help"):
            return None
        name, equals, value = word.partition("=")
        if name not in _OPTIONS:
            raise UsageError(f"unknown option {word!r}", hint=f"usage: {USAGE}")
        if not equals:
            if not rest:
                raise UsageError(f"{name} needs a value", hint=f"usage: {USAGE}")
            value = rest.pop(0)
        if not value:
            raise UsageError(f"{name} is empty", hint=f"usage: {USAGE}")
        given[name] = value
    if not rest or not rest[0]:
        raise UsageError("no command to wrap", hint=f"usage: {USAGE}")
    setup = set_up(
        os.environ,
        config=given.get("--config"),
        state=given.get("--state"),
        server=given.get("--server"),
        profile=given.get("--profile"),
    )
    return WrapOptions(
        argv=rest,
        state=setup.state,
        server=setup.server or server_name(rest),
        policy=setup.policy,
        setup=setup,
        ndjson=given.get("--ndjson"),
    )
