"""The relay between four pipes: what is refused, and where an answer of ours may stand."""

from __future__ import annotations

import json
import os
import select
import threading

import pytest

from indelible.capture.observe import Observer
from indelible.capture.policy import COMPLIANCE
from indelible.capture.stdio import Descriptors, Relay
from indelible.model.event import Connection, Instant
from tests.capture.messages import TOOLS, call, reply, request
from tests.capture.rig import Rig
from tests.hostile.session import DEADLINE_S, until


class Pipes:
    """A relay in two threads, and the far ends of its pipes."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.from_client, self.client_out = os.pipe()
        self.client_in, to_client = os.pipe()
        from_server, self.server_out = os.pipe()
        self.server_in, to_server = os.pipe()
        self._ours = [self.from_client, to_client, from_server]
        self._theirs = [self.client_out, self.client_in, self.server_out, self.server_in]
        self.relay = Relay(
            Descriptors(self.from_client, to_client, from_server, to_server),
            Observer(Connection()),
            rig.recorder,
            lambda: Instant(rig.now, rig.now),
        )
        self._threads = [
            threading.Thread(target=self.relay.client_to_server),
            threading.Thread(target=self.relay.server_to_client),
        ]
        for thread in self._threads:
            thread.start()
        self._learn()

    def _learn(self) -> None:
        self.client(request("tools", "tools/list"))
        self.server_hears()
        self.server(reply("tools", tools=TOOLS))
        self.client_hears()

    def client(self, *messages: object) -> None:
        os.write(self.client_out, b"".join(json.dumps(m).encode() + b"\n" for m in messages))

    def server(self, message: object) -> None:
        os.write(self.server_out, json.dumps(message).encode() + b"\n")

    def client_hears(self) -> bytes:
        return self._hears(self.client_in)

    def server_hears(self) -> bytes:
        return self._hears(self.server_in)

    def _hears(self, end: int) -> bytes:
        ready, _, _ = select.select([end], [], [], DEADLINE_S)
        assert ready, "nothing came"
        return os.read(end, 65_536)

    def close(self) -> None:
        for end in (self.client_out, self.server_out):
            if end in self._theirs:
                self.drop(end)
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()
        for end in [*self._theirs, *self._ours]:
            os.close(end)

    def drop(self, end: int) -> None:
        self._theirs.remove(end)
        os.close(end)


@pytest.fixture
def pipes(tmp_path):
    rig = Rig(tmp_path / "state", COMPLIANCE)
    made = Pipes(rig)
    yield made
    made.close()
    rig.spool.close()


@pytest.mark.requirement("wrap.full-disk")
def test_a_refused_line_never_reaches_the_server_and_the_others_do(pipes) -> None:
    pipes.rig.spool.room = 1
    pipes.client(call(1, "peek"), call(2, "wipe"), {"method": "notifications/x"})
    answer = json.loads(pipes.client_hears())
    assert (answer["id"], answer["error"]["code"]) == (2, -32_000)
    passed = [json.loads(line) for line in pipes.server_hears().splitlines()]
    assert [message.get("id") for message in passed] == [1, None]


@pytest.mark.requirement("wrap.full-disk")
def test_a_batch_with_a_refused_call_is_refused_whole(pipes) -> None:
    pipes.rig.spool.room = 1
    pipes.client([call(1, "peek"), call(2, "wipe"), {"method": "tools/call", "params": {}}])
    answers = [json.loads(line) for line in pipes.client_hears().splitlines()]
    assert [answer["id"] for answer in answers] == [1, 2]
    assert all("not run" in answer["error"]["message"] for answer in answers)
    pipes.rig.spool.room = None
    pipes.client(call(3, "peek"))
    assert json.loads(pipes.server_hears())["id"] == 3, "nothing of the batch was passed on"
    assert pipes.relay._observer.open_calls("client")[0].jsonrpc_id == 3


def test_an_answer_of_ours_waits_until_the_server_has_ended_its_line(pipes) -> None:
    pipes.client(call(1, "peek"))
    pipes.server_hears()
    line = json.dumps(reply(1, content=[])).encode()
    os.write(pipes.server_out, line[:20])
    assert pipes.client_hears() == line[:20], "a reply flows as it comes"
    pipes.rig.spool.room = 0
    pipes.client(call(2, "wipe"), call(3, "peek"))
    until(lambda: len(pipes.relay._waiting) == 2)
    os.write(pipes.server_out, line[20:] + b'\n{"next":')
    heard = b""
    while not heard.endswith(b'{"next":'):
        heard += pipes.client_hears()
    first, *answers, _ = heard.split(b"\n")
    assert first == line[20:]
    assert [json.loads(one)["id"] for one in answers] == [2, 3]


def test_an_answer_that_waits_is_given_when_the_server_ends_in_mid_line(pipes) -> None:
    os.write(pipes.server_out, b'{"half":')
    assert pipes.client_hears() == b'{"half":'
    pipes.rig.spool.room = 0
    pipes.client(call(2, "wipe"))
    pipes.drop(pipes.client_out)
    pipes._threads[0].join(30)  # the refusal is decided, and waits
    pipes.drop(pipes.server_out)
    pipes._threads[1].join(30)
    pipes.relay.abandon("it is gone")
    pipes.relay.last_words()
    end, answer = pipes.client_hears().split(b"\n", 1)
    assert end == b""
    assert json.loads(answer)["id"] == 2


def test_the_server_sees_the_end_of_its_input_and_the_client_a_closed_pipe(pipes) -> None:
    pipes.drop(pipes.client_out)
    assert pipes.server_hears() == b""


def test_ids_that_are_none_are_answered_with_null(pipes) -> None:
    deep: object = 1
    for _ in range(3):
        deep = [deep]
    pipes.client(call(deep, "peek"))
    pipes.server_hears()
    pipes.drop(pipes.server_out)
    pipes._threads[1].join(30)
    pipes.relay.abandon("it is gone")
    pipes.relay.last_words()
    assert json.loads(pipes.client_hears())["id"] is None
