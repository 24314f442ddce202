"""``indelible tail``: the newest calls, oldest first, and with ``-f`` those that come."""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

import click

from indelible.cli.asking import Asked, TermsCommand, asked, terms_argument, time_options
from indelible.cli.failure import INTERRUPTED
from indelible.cli.following import Following, Line, signature
from indelible.cli.moment import Zone, day
from indelible.cli.options import (
    SUMMARIES,
    collect_option,
    state_option,
    utc_option,
)
from indelible.cli.reading import Place, fresh_place
from indelible.cli.table import Layout, streamed
from indelible.cli.terminal import json_text
from indelible.model.flat import Fields, text
from indelible.query.trail import Trail

POLL_S = 0.25
"""How often the state is looked at: a few stats each time, and nothing is read without a change."""


@click.command(
    cls=TermsCommand,
    short_help=SUMMARIES["tail"],
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@terms_argument
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option(
    "-n", "--lines", "count", type=click.IntRange(min=0), default=50, show_default=True,
    metavar="N", help="Begin with the newest N.",
)  # fmt: skip
@time_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one entry a line.")
@utc_option
@collect_option
@state_option
def tail(
    *,
    terms: tuple[str, ...],
    follow: bool,
    count: int,
    since: str | None,
    until: str | None,
    as_json: bool,
    utc: bool,
    no_collect: bool,
    state: Path | None,
) -> int:
    """Show the newest calls, the newest last; with -f, go on with what comes.

    The TERMs are those of query. A call is shown when it has ended, in the order
    of the ends; one that runs for longer than two seconds is shown as running
    before. Ctrl-C ends it with 130, a reader that goes away (| head) with 0.

    \b
      indelible tail -f outcome:error
      indelible tail -f -n 0 --json is:destructive | jq -c '[.actor.id, .tool, .args]'
    """  # noqa: D301 — click wants the backspace itself
    question = asked(terms, since, until)
    place = fresh_place(state, sealing=not no_collect)
    try:
        with place.trail() as trail:
            screen = Screen(Zone(utc=utc), as_json=as_json)
            return _tail(place, trail, question, screen, count=count, follow=follow)
    except BrokenPipeError:
        _let_go()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


class Screen:
    """Where lines go: a table whose columns stay as they are, or JSON.

    Args:
        zone: In which times are shown.

        as_json: Whether it is JSON.
    """

    def __init__(self, zone: Zone, *, as_json: bool) -> None:
        self._zone = zone
        self._as_json = as_json
        self._layout: Layout | None = None
        self._day = ""

    def show(self, lines: list[Line]) -> None:
        """Print *lines*, and see to it that they are out."""
        for line in lines:
            if self._as_json:
                print(json_text(line.entry))
            else:
                self._print(line, [one.entry for one in lines])
        sys.stdout.flush()

    def _print(self, line: Line, others: list[Fields]) -> None:
        if self._layout is None:
            self._layout = streamed(others, self._zone)
            print(self._layout.head())
        moment = self._zone.moment(text(line.entry, "timestamp"))
        if moment is not None and day(moment) != self._day:
            self._day = day(moment)
            print(f"-- {self._day} --")
        print(self._layout.row(line.entry, unfinished="running"))


def _tail(
    place: Place, trail: Trail, question: Asked, screen: Screen, *, count: int, follow: bool
) -> int:
    following = Following(trail, question.wanted, now_us=_now_us)
    before = signature(place.state)
    lines = following.begin(count)
    place.put_on_record("tail", question.words, len(lines))
    screen.show(lines)
    while follow:
        _wait(POLL_S)
        seen = signature(place.state)
        if seen != before:
            trail.refresh()
            before = seen
            screen.show(following.news())
        else:
            screen.show(following.running())
    return place.exit_code


def _wait(seconds: float) -> None:
    """Wait, and end at once where the reader of our output goes away.

    Raises:
        BrokenPipeError: If it did.
    """
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        events = poll.poll(seconds * 1000)
    except (OSError, ValueError, AttributeError):  # stdout is no descriptor
        time.sleep(seconds)
        return
    if any(event & select.POLLERR for _, event in events):
        raise BrokenPipeError
    if events:
        time.sleep(seconds)


def _let_go() -> None:
    """Let what is still to be written go nowhere; Python would complain of it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _now_us() -> int:
    return time.time_ns() // 1000
