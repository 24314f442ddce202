"""Cancels and kills at random, and what a hostile client sends: on every SDK's hook."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.capture.sdks.server import STACKS
from tests.capture.sdks.talking import HELLO, Lines, Trail, message, started, tool
from tests.hostile.session import calls, collect, until, verify

SECRET = "AKIAIOSFODNN7EXAMPLE"
ROUNDS = 2
CALLS = 30


@pytest.mark.requirement("audit.sdk-killed")
@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize("stack", STACKS)
def test_random_cancels_and_a_kill_double_nothing_and_leave_nothing_open(
    stack: str, seed: int, tmp_path: Path
) -> None:
    chance = random.Random(f"{stack} {seed}")
    state = tmp_path / "state"
    trail = Trail(state)
    sent: list[int] = []
    with started(stack, "stdio", tmp_path) as running:
        client = Lines(running)
        client.ask(message("initialize", 0, **HELLO))
        client.tell(message("notifications/initialized"))
        # The SDK 1.x dies of some cancellations, with us or without: that is a kill as well.
        with contextlib.suppress(BrokenPipeError):
            talk(client, chance, sent)
        least = chance.randrange(CALLS)
        until(lambda: len(trail.calls()) >= least or running.process.poll() is not None)
        if running.process.poll() is None:
            running.kill_group()
        running.process.wait(30)
    collect(state)
    found = [one for one in calls(state) if one["method"] == "tools/call"]
    ids = [one["jsonrpcId"] for one in found]
    assert len(ids) == len(set(ids)), "a call is on record twice"
    assert set(ids) <= set(sent)
    assert all(one["outcome"] in ("ok", "error", "unknown") for one in found)
    assert all(one["outcome"] != "ok" for one in found if one["tool"] in ("slow", "crash"))
    assert verify(state) == 0


def talk(client: Lines, chance: random.Random, sent: list[int]) -> None:
    """Call tools, and cancel calls at random: open ones, ended ones, cancelled ones."""
    for id_ in range(1, CALLS):
        name = chance.choice(["echo", "slow", "crash", "tell"])
        client.tell(tool(id_, name, **({"text": "x"} if name == "echo" else {})))
        sent.append(id_)
        if chance.random() < 0.5:
            client.tell(message("notifications/cancelled", requestId=chance.choice(sent)))


@pytest.mark.requirement("audit.sdk-hostile")
@pytest.mark.parametrize("stack", STACKS)
def test_what_a_hostile_client_sends_is_on_record_once_and_redacted(
    stack: str, tmp_path: Path
) -> None:
    trail = Trail(tmp_path / "state")
    deep: Any = "x"
    for _ in range(60):
        deep = [deep]
    with started(stack, "stdio", tmp_path) as running:
        client = Lines(running)
        client.ask(message("initialize", 0, **HELLO))
        client.tell(message("notifications/initialized"))
        client.ask(tool(1, "echo", text=SECRET, password="hunter2-hunter2"))
        client.ask(tool(2, "echo", text="y" * 2_000_000))
        client.ask(tool(3, "echo", text="ok", deep=deep))
        client.ask(tool(4, f"absent {SECRET}"))
        client.ask(message(f"odd/{SECRET}", 5))
        client.tell(message(f"notifications/{SECRET}", token=SECRET))
        client.tell(f'{{"broken": "{SECRET}"\n'.encode())
        client.tell(b'{"jsonrpc":"2.0","id":6,"method":"ping","params":{"x":"\xff\xfe"}}\n')
        for odd in (1.5, True, [7], {"a": 1}, 1 << 70):
            client.tell(
                {"jsonrpc": "2.0", "id": odd, "method": "ping", "params": {"secret": SECRET}}
            )
        client.tell([tool(8, "echo", text=SECRET)])
        client.tell({"jsonrpc": "2.0", "id": 9, "result": {"key": SECRET}})
        client.ask(tool(f"id {SECRET}", "crash", secret=SECRET))
        client.ask(message("ping", 10))
        running.end_input()
        until(lambda: any(one.get("jsonrpcId") == 10 for one in trail.entries()))
    entries = trail.entries()
    text = json.dumps(entries)
    assert SECRET not in text
    assert "hunter2-hunter2" not in text
    ids = [one.get("jsonrpcId") for one in trail.calls() if one["direction"] == "client"]
    named = [id_ for id_ in ids if type(id_) is int]  # True is 1, and another id
    assert [named.count(id_) for id_ in (1, 2, 3, 4, 5, 10)] == [1] * 6
    assert len(trail.of("stray")) == 1
    assert len(trail.of("unparseable")) >= 2
