"""Messages that readers understand differently, ids that nearly meet, and calls without end."""

from __future__ import annotations

import pytest

from indelible.capture import calls as calls_module
from indelible.capture.calls import MAX_KEPT_BYTES, Tools
from indelible.capture.observe import GIVEN_UP, SUPERSEDED
from indelible.capture.outline import Outline
from indelible.model.event import ErrorType, Outcome, Received, Unparseable
from tests.capture.messages import TOOLS, Wire, call, cancelled, reply, request

INIT = {"clientInfo": {"name": "evil", "version": "6"}, "protocolVersion": "2024-11-05"}


def taught() -> Wire:
    wire = Wire()
    wire.client(request("t", "tools/list"))
    wire.server(reply("t", tools=TOOLS))
    return wire


@pytest.mark.requirement("wrap.not-json")
@pytest.mark.parametrize(
    "message",
    [
        {"id": 1, "Method": "tools/call", "params": {"name": "wipe"}},
        {"id": 1, "method": "ping", "METHOD": "tools/call", "params": {"name": "wipe"}},
        {"id": 1, "method": "tools/call", "params": {"Name": "wipe", "name": "peek"}},
        {"id": 1, "method": "tools/call", "params": {"name": "wipe", "NAME": "peek"}},
        {"id": 1, "method": "tools/call", "param\u017f": {"name": "wipe"}},
        {"ID": 1, "method": "tools/call", "params": {"name": "peek"}, "Params": {"name": "wipe"}},
    ],
    ids=str,
)
def test_keys_that_only_some_readers_know_are_read_at_their_worst(message) -> None:
    wire = taught()
    (seen,) = wire.client(message)
    assert isinstance(seen, Received)
    assert (seen.method, seen.tool, seen.effect) == ("tools/call", "wipe", "destructive")
    assert seen.args == message
    (end,) = wire.server(reply(1))
    assert end.number == seen.number


@pytest.mark.parametrize(
    "line",
    [
        b'{"id":1,"method":"ping","Method":"tools/call","params":{"name":"wipe"}}',
        b'{"method":"tools/call","param\\u017f":{"name":"peek","NAME":"wipe"},"Id":1}',
    ],
)
def test_an_outline_is_read_at_its_worst_too(line) -> None:
    wire = taught()
    outline = Outline()
    outline.feed(line)
    (seen,) = wire.observer.outlined("client", outline, 99, wire.at)
    assert isinstance(seen, Received)
    assert (seen.method, seen.tool) == ("tools/call", "wipe")
    (end,) = wire.server(reply(1))
    assert end.number == seen.number


def test_a_reply_with_keys_of_another_case_is_a_reply() -> None:
    wire = Wire()
    wire.client(call(1, "peek"))
    (end,) = wire.server({"ID": 1, "Error": {"message": "no"}})
    assert (end.outcome, end.error) == (Outcome.ERROR, "no")


@pytest.mark.requirement("wrap.not-json")
@pytest.mark.parametrize(
    "message",
    [{"id": 1, "method": ["tools/call"]}, {}, {"id": 1}, [], [[]], {"level": "info"}, [7]],
    ids=str,
)
def test_json_that_is_no_message_does_not_pass_unrecorded(message) -> None:
    (event,) = Wire().client(message, size=21)
    assert isinstance(event, Unparseable)
    assert (event.direction, event.lines, event.size_bytes) == ("client", 1, 21)


@pytest.mark.requirement("wrap.batch")
def test_calls_in_batches_in_batches_are_calls() -> None:
    wire = Wire()
    wire.client([[[call(1, "wipe")], call(2, "peek")]])
    assert [seen.tool for seen in wire.received] == ["wipe", "peek"]
    deep: object = [call(3, "wipe")]
    for _ in range(50):
        deep = [deep]
    (event,) = wire.client(deep)
    assert isinstance(event, Unparseable)


def test_a_name_that_is_no_text_is_kept_as_text() -> None:
    (seen,) = Wire().client(request(1, "tools/call", name=["wipe"], arguments={}))
    assert isinstance(seen, Received)
    assert (seen.tool, seen.tool_registered) == ('["wipe"]', False)


def test_a_server_does_not_say_who_the_client_is() -> None:
    wire = Wire()
    wire.client(request(1, "initialize", clientInfo={"name": "desk"}))
    wire.server(request(1, "initialize", **INIT))
    assert wire.observer.connection.client == {"name": "desk"}
    assert wire.observer.connection.protocol_version is None


def test_large_ids_meet_exactly_if_they_can() -> None:
    wire = Wire()
    for id_ in (1 << 53, (1 << 53) + 1):
        wire.client(call(id_, "peek"))
    wire.server(reply((1 << 53) + 1))
    wire.server(reply(1 << 53))
    assert [end.number for end in wire.completed] == [1, 0]
    wire.client(call((1 << 53) + 1, "peek"))
    (end,) = wire.server(reply(1 << 53))
    assert end.number == 2
    assert wire.server(reply(1 << 53)) == []
    assert wire.close() == []


@pytest.mark.requirement("wrap.cancelled")
def test_a_number_of_another_type_cancels_nothing() -> None:
    wire = Wire()
    wire.client(call(8, "peek"))
    wire.client(cancelled(8.0))
    wire.client(call(8.0, "peek"))
    (end,) = wire.client(cancelled(8.0))
    assert end.number == 1
    (end,) = wire.server(reply(8))
    assert (end.number, end.outcome) == (0, Outcome.OK)


def test_open_calls_are_bounded_in_number_and_size(monkeypatch) -> None:
    monkeypatch.setattr(calls_module, "MAX_OPEN", 3)
    wire = Wire()
    for n in range(5):
        wire.client(call(n, "peek", a="x"), size=MAX_KEPT_BYTES + n)
    left = wire.observer.open_calls("client")
    assert [one.number for one in left] == [2, 3, 4]
    assert all(one.args is None for one in left)
    assert [(e.number, e.error_type, e.error) for e in wire.completed] == [
        (0, ErrorType.ABANDONED, GIVEN_UP),
        (1, ErrorType.ABANDONED, GIVEN_UP),
    ]


def test_a_tool_that_is_known_can_change_when_no_more_can_be_learned(monkeypatch) -> None:
    monkeypatch.setattr(calls_module, "MAX_TOOLS", 1)
    tools = Tools()
    tools.learn({"tools": [TOOLS[0], TOOLS[1]]})
    tools.learn({"tools": [{**TOOLS[0], "annotations": {"destructiveHint": True}}]})
    assert tools.effect("peek") == ("destructive", "annotation")
    assert tools.find("write") is None


def test_a_message_that_turns_out_to_be_another_ends_and_expects_no_reply() -> None:
    wire = taught()
    outline = Outline()
    outline.feed(b'{"id":1,"method":"ping"')
    first = wire.observer.begun("client", outline, 23, wire.at)
    assert wire.observer.is_still(first, outline)
    outline.feed(b',"method":"tools/call","params":{"name":"wipe"}}')
    assert not wire.observer.is_still(first, outline)
    end = wire.observer.superseded(first, wire.at)
    assert (end.outcome, end.error) == (Outcome.UNKNOWN, SUPERSEDED)
