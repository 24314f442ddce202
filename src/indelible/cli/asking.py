"""The question that `query`, `tail` and `export` share: terms, and a stretch of time.

Records of reading (`kind:read`) are no answer to what was called: they are left out
unless the question names a kind itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from indelible.cli.completion import complete_term
from indelible.errors import UsageError
from indelible.query.filter import Filter, both, format_filter, quoted
from indelible.query.parse import parse

READINGS = "-kind:read"
_NEGATED = re.compile(r"-(?=[A-Za-z_][\w.*]*:|\()")
"""A term turned round, which looks like an option to click."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: as it was put, and as it is answered."""

    shown: str
    """The terms as they were understood, in their one canonical form; empty where all is asked."""
    words: tuple[str, ...]
    """The terms as they were given, for the record of reading."""
    said: Filter
    """What the terms say."""
    hidden: Filter
    """What is left out besides: the records of reading, unless they were asked for."""

    @property
    def wanted(self) -> Filter:
        """What is looked for."""
        return both(self.said, self.hidden)


class TermsCommand(click.Command):
    """A command that takes terms: a leading ``-`` before ``field:`` turns one round."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words, and know terms and a lone ``-h`` from options."""
        ours = args[: args.index("--")] if "--" in args else args
        if "-h" in ours:
            click.echo(ctx.get_help())
            ctx.exit()
        words = [_NEGATED.sub("!", word) for word in ours]
        return super().parse_args(ctx, words + args[len(ours) :])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete options, and terms that are turned round, which begin as options do."""
        found = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-") and not incomplete.startswith("--"):
            found += complete_term(ctx, self.params[0], incomplete)
        return found


def terms_argument(command: _Command) -> _Command:
    """Give a command its terms."""
    return click.argument(
        "terms",
        nargs=-1,
        metavar="[TERM]...",
        type=click.UNPROCESSED,
        shell_complete=complete_term,
    )(command)


def time_options(command: _Command) -> _Command:
    """Give a command ``--since`` and ``--until``."""
    for name, told in (("until", "before"), ("since", "from")):
        command = click.option(
            f"--{name}",
            metavar="TIME",
            help=f"Only {told} this time on: 24h, 7d, yesterday, 2026-11-20, 2026-11-20T14:00Z."
            if name == "since"
            else "Only up to the end of this time; the same forms.",
        )(command)
    return command


def asked(
    terms: Sequence[str], since: str | None, until: str | None, *, readings: bool = False
) -> Asked:
    """Return the question.

    Args:
        readings: Whether the records of reading belong to the answer anyhow.

    Raises:
        UsageError: If a term or a time is not in the grammar.
    """
    for term in terms:
        if term.startswith("--"):
            raise click.NoSuchOption(term)
        if re.fullmatch(r"-n\d*", term):
            raise UsageError(f"no such option {term!r}", hint=f"--limit {term[2:] or 'N'}")
    said = parse(" ".join(terms))
    for name, value in (("since", since), ("until", until)):
        if value is not None:
            said = both(said, _time(name, value))
    hidden = Filter() if readings or "kind" in said.fields else parse(READINGS)
    return Asked(format_filter(said), tuple(terms), said, hidden)


def spelt_out(words: Sequence[str]) -> str:
    """Return a command line that a shell takes back as it was."""
    return shlex.join(words)


def _time(name: str, value: str) -> Filter:
    """Return the term for an option's value, which is one word to the grammar."""
    is_word = re.fullmatch(r"[\w:.+-]+", value) is not None
    try:
        return parse(f"{name}:{value}" if is_word else f"{name}:{quoted(value)}")
    except UsageError as error:
        raise UsageError(f"--{name}: {error}", hint=error.hint) from error
