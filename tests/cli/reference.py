"""The command line's reference page, made from what `--help` says.

``python -m tests.cli.reference`` writes it again.
"""
# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path

import click

from indelible.cli.commands import indelible
from indelible.cli.options import HELP_NAMES, SUMMARIES
from indelible.cli.wrap import HELP

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
WIDTH = 88

HEAD = """\
# The command line

Data goes to stdout, everything else to stderr.
`--json` prints JSON to stdout and nothing else, errors too: `{"error": {"code", "exitCode", "message", "fix"}}`.
An error is one line that says what, and one that says what to do.
`-h` is the same as `--help` in every command.
`NO_COLOR` is honoured; there is no colour where stdout is no terminal.
Whatever a record holds is shown with control, bidirectional and invisible characters spelt out (`\\x1b`, `\\u202e`); JSON is exact.

Times for people are in the zone of the machine (`TZ`), which stands in the head of the table; `--utc` shows them in UTC.
JSON, CSV and exports always have UTC.

`query`, `tail`, `show`, `session`, `export` and `status` first seal what is new, unless the state is another user's or read-only or has no signing key: then they only read, and say so.
All but `status` leave a record of the reading in the trail: who read, by which command, asking for what, how many entries.
`query` and `tail` do not show these records unless a `kind:` is asked for; `export` leaves nothing out.
With `--no-collect` nothing at all is written; use it on a copy that is to stay as it is.
`verify` never collects, repairs or writes.

TERMs: [the query grammar](query.md).
The form of an entry is [flat.schema.json](flat.schema.json); that of a stored record [record.schema.json](record.schema.json).

## Exit codes

| code | meaning |
|---|---|
| 0 | done; an empty list too |
| 1 | failed |
| 2 | the command or the query cannot be understood |
| 3 | tampering was found |
| 4 | reserved: not allowed |
| 5 | done, but incomplete: records or a body are known to be missing |
| 6 | something matches (`query --fail-on match`) |
| 130 | interrupted |

`wrap` ends with the code of the server it runs; 127 or 126 if that cannot be started.
Reading commands show what they can of a log that was tampered with, and end with 3.
More in [exit codes](exit-codes.md).
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD, "## indelible\n", _block(_help(indelible, "indelible"))]
    for name in SUMMARIES:
        command = indelible.get_command(click.Context(indelible), name)
        assert command is not None
        text = HELP if name == "wrap" else _help(command, f"indelible {name}")
        parts += [f"## indelible {name}\n", _block(text)]
        for inner in getattr(command, "commands", {}).values():
            path = f"indelible {name} {inner.name}"
            parts += [f"### {path}\n", _block(_help(inner, path))]
    return "\n".join(parts)


def _help(command: click.Command, path: str) -> str:
    context = click.Context(
        command, info_name=path, terminal_width=WIDTH, **HELP_NAMES | command.context_settings
    )
    return command.get_help(context)


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
