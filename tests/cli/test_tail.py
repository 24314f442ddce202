"""Following a trail: each call once, whatever happens to its records meanwhile."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from indelible.cli.commands import run
from indelible.cli.following import OVERLAP_US, Following, signature
from indelible.query.parse import parse
from indelible.query.trail import Trail as Reader
from tests.query.trail import Trail, Writer

LIMIT_S = 60


class Watch:
    """Follows with the clock of the trail."""

    def __init__(self, trail: Trail, wanted: str = "-kind:read", count: int = 0) -> None:
        self.reader = Reader.open(trail.state, os.geteuid(), clock_us=lambda: trail.now_us)
        self._following = Following(self.reader, parse(wanted), now_us=lambda: trail.now_us)
        self.first = self._tools(self._following.begin(count))

    def look(self) -> list[str]:
        self.reader.refresh()
        return self._tools(self._following.news())

    @staticmethod
    def _tools(lines) -> list[str]:
        return [f"{one.entry['tool']}{'…' if one.is_open else ''}" for one in lines]


@pytest.fixture
def watch(trail: Trail) -> Iterator:
    watches: list[Watch] = []

    def go(*words, **named) -> Watch:
        watches.append(Watch(trail, *words, **named))
        return watches[-1]

    yield go
    for one in watches:
        one.reader.close()


@pytest.mark.requirement("tail.each-once")
@pytest.mark.parametrize("collects", [(), (0,), (1,), (2,), (3,), (0, 1, 2, 3)])
def test_each_call_is_shown_once_while_it_moves_into_the_log(
    trail: Trail, watch, collects: tuple[int, ...]
) -> None:
    writer = Writer(trail)
    writer.call("old")
    following = watch(count=1)
    assert following.first == ["old"]
    shown = []
    for step in range(4):
        writer.call(f"new_{step}")
        if step in collects:
            trail.collect()
        shown += following.look()
        shown += following.look()
    writer.end()
    trail.collect()
    shown += following.look()
    assert shown == [f"new_{step}" for step in range(4)]


def test_a_long_call_is_shown_as_running_and_when_it_ends(trail: Trail, watch) -> None:
    writer = Writer(trail)
    before = writer.received("before")
    following = watch(count=5)
    assert following.first == ["before…"]
    slow = writer.received("slow")
    assert following.look() == []
    trail.tick(3)
    assert following.look() == ["slow…"]
    assert following.look() == []
    trail.collect()
    trail.tick(10 * OVERLAP_US / 1e6)
    writer.call("other")
    assert following.look() == ["other"]
    writer.completed(slow)
    writer.completed(before)
    assert sorted(following.look()) == ["before", "slow"]
    trail.collect()
    assert following.look() == []


def test_a_filter_on_the_end_finds_calls_that_began_before(trail: Trail, watch) -> None:
    writer = Writer(trail)
    of = writer.received("slow")
    following = watch("outcome:error")
    trail.tick(10 * OVERLAP_US / 1e6)
    assert following.look() == []
    writer.completed(of, "error", errorType="timeout")
    writer.call("fine")
    assert following.look() == ["slow"]


def test_the_state_shows_when_something_was_recorded_or_sealed(trail: Trail) -> None:
    writer = Writer(trail)
    seen = {signature(trail.state)}
    for change in (lambda: writer.call("x"), trail.collect, lambda: writer.received("y")):
        change()
        seen.add(signature(trail.state))
    assert len(seen) == 4
    assert signature(trail.state) in seen


def test_tail_shows_the_newest_last_and_json_one_a_line(trail: Trail, capsys) -> None:
    writer = Writer(trail)
    for number in range(5):
        writer.call(f"tool_{number}\x1b[2J")
    writer.received("open")
    assert run(["--state", str(trail.root), "tail", "-n", "3"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    _head, day, *rows = out.splitlines()
    assert day == "-- 2026-11-24 UTC --"
    names = ["crm/tool_3\\x1b[2J", "crm/tool_4\\x1b[2J", "crm/open"]
    assert [row.split()[2] for row in rows] == names
    assert "running" in rows[-1]
    assert run(["--state", str(trail.root), "tail", "-n", "2", "--json", "tool:tool*"]) == 0
    found = [json.loads(row)["tool"] for row in capsys.readouterr().out.splitlines()]
    assert found == ["tool_3\x1b[2J", "tool_4\x1b[2J"]


@pytest.fixture
def followed(trail: Trail) -> Iterator[subprocess.Popen[str]]:
    Writer(trail).call("first")
    words = ["--state", str(trail.root), "tail", "-f", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "indelible", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], LIMIT_S)
    assert ready, "nothing was printed"
    return json.loads(process.stdout.readline())["tool"]


def test_it_follows_until_it_is_interrupted(trail: Trail, followed) -> None:
    assert next_line(followed) == "first"
    trail.now_us = time.time_ns() // 1000
    Writer(trail).call("second")
    assert next_line(followed) == "second"
    followed.send_signal(signal.SIGINT)
    assert (followed.wait(LIMIT_S), followed.stderr.read()) == (130, "")


def test_it_ends_when_its_reader_goes_away(followed) -> None:
    assert next_line(followed) == "first"
    followed.stdout.close()
    assert (followed.wait(LIMIT_S), followed.stderr.read()) == (0, "")
