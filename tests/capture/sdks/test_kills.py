"""Cancels and kills at random, and what a hostile client sends: on every SDK's hook."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.capture.sdks.server import STACKS
from tests.capture.sdks.talking import HELLO, Lines, Posts, Trail, message, started, tool
from tests.hostile.session import calls, collect, until, verify

SECRET = "AKIAIOSFODNN7EXAMPLE"
CALLS = 30
AT_ONCE = 20
LARGE = (100_000, 1_000_000, 32_000_000)
PLAIN = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""A locale that is not UTF-8, and a Python that does nothing about it."""


@pytest.mark.requirement("audit.sdk-killed")
@pytest.mark.parametrize("transport", ["stdio", "http"])
@pytest.mark.parametrize("stack", STACKS)
def test_random_cancels_and_a_kill_double_nothing_and_leave_nothing_open(
    stack: str, transport: str, tmp_path: Path
) -> None:
    chance = random.Random(f"{stack} {transport}")
    state = tmp_path / "state"
    trail = Trail(state)
    sent: list[int] = []
    with started(stack, transport, tmp_path) as running:
        client = Lines(running) if transport == "stdio" else Impatient(int(running.line()))
        client.ask(message("initialize", 0, **HELLO))
        client.tell(message("notifications/initialized"))
        # The SDK 1.x dies of some cancellations, with us or without: that is a kill as well.
        with contextlib.suppress(BrokenPipeError):
            talk(client, chance, sent)
        if isinstance(client, Impatient):
            client.pass_time(chance.randrange(CALLS))
        else:
            least = chance.randrange(CALLS)
            until(lambda: len(trail.calls()) >= least or running.process.poll() is not None)
        if running.process.poll() is None:
            running.kill_group()
        running.process.wait(30)
    if isinstance(client, Impatient):
        client.close()
    collect(state)
    found = [one for one in calls(state) if one["method"] == "tools/call"]
    ids = [one["jsonrpcId"] for one in found]
    assert len(ids) == len(set(ids)), "a call is on record twice"
    assert set(ids) <= set(sent)
    assert all(one["outcome"] in ("ok", "error", "unknown") for one in found)
    assert all(one["outcome"] is not None for one in calls(state))
    assert all(one["outcome"] != "ok" for one in found if one["tool"] in ("slow", "crash"))
    assert verify(state) == 0


class Impatient(Posts):
    """Waits for no reply: each message is posted from a thread of its own, one after the other."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._threads = ThreadPoolExecutor(2 * CALLS)
        self._begun = threading.Semaphore(0)

    def tell(self, *messages: Any) -> None:
        for one in messages:
            self._threads.submit(self._post, one)
            self._begun.acquire()

    def _post(self, one: Any) -> None:
        self._begun.release()
        # The server is killed in the middle of it, or the session is over.
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            self.post(one)

    def pass_time(self, count: int) -> None:
        """Open sessions and have them answered: one that the SDK has given up never answers."""
        for id_ in range(count):
            Posts(self.port).ask(message("initialize", f"other {id_}", **HELLO))

    def close(self) -> None:
        self._threads.shutdown()


def talk(client: Lines | Impatient, chance: random.Random, sent: list[int]) -> None:
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
    with started(stack, "stdio", tmp_path, **PLAIN) as running:
        client = Lines(running)
        client.ask(message("initialize", 0, **HELLO))
        client.tell(message("notifications/initialized"))
        client.ask(tool(1, "echo", text=f"{SECRET} Grüße, 日本", password="hunter2-hunter2"))
        for id_, length in enumerate(LARGE, start=200):
            client.session.pour(json.dumps(tool(id_, "size", text="y" * length)).encode() + b"\n")
            assert str(length) in str(client.answer(id_))
        client.ask(tool(2, "huge", count=2_000_000))
        client.ask(tool(11, "odd"))
        at_once = range(100, 100 + AT_ONCE)
        client.tell(*(tool(id_, "together", group="all", count=AT_ONCE) for id_ in at_once))
        replies = client.answers(at_once)
        assert all("all here" in str(reply) for reply in replies)
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
    assert "Grüße, 日本" in json.dumps(entries, ensure_ascii=False)
    ids = [one.get("jsonrpcId") for one in trail.calls() if one["direction"] == "client"]
    named = [id_ for id_ in ids if type(id_) is int]  # True is 1, and another id
    once = (1, 2, 3, 4, 5, 10, 11, 200, 201, 202, *at_once)
    assert [named.count(id_) for id_ in once] == [1] * len(once)
    assert [trail.one(id_)["outcome"] for id_ in at_once] == ["ok"] * AT_ONCE
    assert len(trail.of("stray")) == 1
    assert len(trail.of("unparseable")) >= 2
