"""Messages in, events out: every request once, and every end with its own request."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.capture.observe import NO_REPLY
from indelible.capture.outline import Outline
from indelible.model.event import (
    Completed,
    ErrorType,
    Notice,
    Outcome,
    Received,
    Unparseable,
    Unreadable,
)
from tests.capture.messages import (
    TOOLS,
    Wire,
    call,
    cancelled,
    failure,
    notification,
    reply,
    request,
)


def ends(wire: Wire) -> list[tuple[int, str, str | None]]:
    return [
        (e.number, e.outcome.value, e.error_type.value if e.error_type else None)
        for e in wire.completed
    ]


def test_a_request_and_its_reply_are_one_call() -> None:
    wire = Wire()
    (seen,) = wire.client(call(1, "peek", a=2), size=77)
    assert isinstance(seen, Received)
    assert (seen.direction, seen.method, seen.tool, seen.args) == (
        "client",
        "tools/call",
        "peek",
        {"a": 2},
    )
    assert (seen.args_bytes, seen.at_us, seen.jsonrpc_id) == (77, wire.at.wall_us, 1)
    wire.now += 5_000
    (end,) = wire.server(reply(1, content=[]), size=33)
    assert (end.number, end.outcome, end.result, end.result_bytes, end.duration_us) == (
        seen.number,
        Outcome.OK,
        {"content": []},
        33,
        6_000,
    )
    assert wire.close() == []


@pytest.mark.parametrize(
    ("answer", "error_type", "error"),
    [
        (reply(1, isError=True, content=[{"type": "text", "text": "no"}]), "tool_error", "no"),
        (reply(1, isError=True, content=[{"text": "a"}, 5, {"text": "b"}]), "tool_error", "a\nb"),
        (reply(1, isError=True), "tool_error", ""),
        (failure(1, "bad params"), "rpc_error", "bad params"),
        ({"id": 1, "error": "not an object"}, "rpc_error", ""),
        ({"id": 1, "error": {"message": ["x"]}}, "rpc_error", ""),
        ({"id": 1, "error": {"message": "m"}, "result": {}}, "rpc_error", "m"),
    ],
)
def test_errors_of_tool_and_protocol_are_told_apart(answer, error_type, error) -> None:
    wire = Wire()
    wire.client(call(1, "peek"))
    (end,) = wire.server(answer)
    assert end.outcome is Outcome.ERROR
    assert end.error_type is ErrorType(error_type)
    assert end.error == error


@pytest.mark.parametrize("result", [{"isError": "true"}, {"isError": 1}, None, [], "text", 7])
def test_only_true_is_an_error(result) -> None:
    wire = Wire()
    wire.client(call(1, "peek"))
    (end,) = wire.server({"id": 1, "result": result})
    assert end.outcome is Outcome.OK
    assert end.result == result


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (1, 1),
        (1, 1.0),
        (1.0, 1),
        (1.5, 1.5),
        (-0.0, -0.0),
        ("1", "1"),
        ("é", "é"),
        ((1 << 53) + 1, 1 << 53),  # as JavaScript reads and writes it
        (10**400, 10**400),
        (True, True),
        ([1], [1]),
        ("", ""),
        ("\ud800", "\ud800"),
    ],
)
def test_a_reply_meets_its_request_by_id(asked, answered) -> None:
    wire = Wire()
    wire.client(call(asked, "peek"))
    wire.server(reply(answered))
    assert ends(wire) == [(0, "ok", None)]


@pytest.mark.parametrize(("asked", "answered"), [(1, "1"), ("1", 1), (1, True), (1, 2), (1, None)])
def test_another_id_is_another_call(asked, answered) -> None:
    wire = Wire()
    wire.client(call(asked, "peek"))
    assert wire.server(reply(answered)) == []
    wire.close()
    assert ends(wire) == [(0, "unknown", "abandoned")]


def test_each_direction_has_its_own_ids() -> None:
    wire = Wire()
    wire.client(call(1, "peek"))
    (asked,) = wire.server(request(1, "sampling/createMessage"))
    assert (asked.direction, asked.effect, asked.effect_source) == ("server", "write", "method")
    (answered,) = wire.client(reply(1, role="assistant"))
    assert answered.number == asked.number
    (end,) = wire.server(reply(1))
    assert end.number == 0
    assert [type(one) for one in wire.client(reply(1))] == [Notice]
    assert ends(wire) == [(1, "ok", None), (0, "ok", None)]


def test_calls_under_one_id_are_answered_in_their_order() -> None:
    wire = Wire()
    for tool in ("first", "second", "third"):
        wire.client(call(1, tool))
    for _ in range(4):
        wire.server(reply(1))
    assert ends(wire) == [(0, "ok", None), (1, "ok", None), (2, "ok", None)]


@pytest.mark.requirement("wrap.batch")
def test_every_call_of_a_batch_is_one_call() -> None:
    wire = Wire()
    batch: list[Any] = [call(1, "a"), notification("notifications/x"), call(2, "b"), 7, [], {}]
    wire.client(batch, size=600)
    assert [(r.tool, r.args_bytes) for r in wire.received] == [("a", 100), ("b", 100)]
    wire.server([reply(2), failure(1, "no")])
    assert ends(wire) == [(1, "ok", None), (0, "error", "rpc_error")]
    strays = [event.text for event in wire.events if isinstance(event, Unparseable)]
    assert strays == [b"7", b"[]", b"{}"]


@pytest.mark.requirement("wrap.id-less")
@pytest.mark.parametrize("without", [{}, {"id": None}], ids=["absent", "null"])
def test_a_call_without_an_id_is_closed_at_once(without) -> None:
    wire = Wire()
    message = {"method": "tools/call", "params": {"name": "wipe"}, **without}
    seen, end = wire.client(message)
    assert isinstance(seen, Received)
    assert (end.number, end.outcome, end.error_type) == (
        seen.number,
        Outcome.UNKNOWN,
        ErrorType.ABANDONED,
    )
    assert end.error == NO_REPLY
    assert end.duration_us is None
    assert wire.close() == []


def test_a_notification_is_no_call_unless_it_has_an_id() -> None:
    wire = Wire()
    (told,) = wire.client(notification("notifications/initialized"))
    (progress,) = wire.server(notification("notifications/progress", progress=1))
    assert [type(told), type(progress)] == [Notice, Notice]
    (seen,) = wire.client({"id": 5, "method": "notifications/wipe"})
    assert (seen.method, seen.method_known) == ("notifications/wipe", False)


@pytest.mark.requirement("wrap.cancelled")
@pytest.mark.parametrize(
    ("more", "text"),
    [({"reason": "tired"}, "cancelled: tired"), ({}, "cancelled"), ({"reason": 5}, "cancelled")],
)
def test_a_cancelled_call_ends_then_and_a_late_reply_changes_nothing(more, text) -> None:
    wire = Wire()
    wire.client(call(1, "peek"))
    wire.client(call(2, "peek"))
    (end,) = wire.client(cancelled(1, **more))
    assert (end.number, end.error_type, end.error) == (0, ErrorType.CANCELLED, text)
    assert wire.server(reply(1)) == []
    wire.server(reply(2))
    assert ends(wire) == [(0, "error", "cancelled"), (1, "ok", None)]


def test_only_the_one_who_asked_can_cancel() -> None:
    wire = Wire()
    wire.client(call(1, "peek"))
    wire.server(cancelled(1))
    wire.client(cancelled("1"))
    wire.client(notification("notifications/cancelled"))
    assert [type(one) for one in wire.events[1:]] == [Notice] * 3
    wire.server(reply(1))
    assert ends(wire) == [(0, "ok", None)]


def test_tools_are_known_once_the_server_has_listed_them() -> None:
    wire = Wire()
    wire.client(call(0, "wipe"))
    wire.client(request(1, "tools/list"))
    wire.client(request(2, "prompts/list"))
    wire.server(reply(2, tools=[{"name": "not a tool"}]))
    wire.server(reply(1, tools=[*TOOLS, 7, {"name": 8}, {}]))
    for tool in ("peek", "write", "wipe", "plain", "not a tool"):
        wire.client(call(tool, tool))
    known = [(r.tool, r.tool_registered, r.effect, r.effect_source) for r in wire.received]
    assert known[0] == ("wipe", False, "undeclared", "none")
    assert known[3:] == [
        ("peek", True, "read", "annotation"),
        ("write", True, "write", "annotation"),
        ("wipe", True, "destructive", "annotation"),
        ("plain", True, "undeclared", "none"),
        ("not a tool", False, "undeclared", "none"),
    ]
    (end,) = wire.server(reply("wipe"))
    assert end.keep_result
    (end,) = wire.server(reply("peek"))
    assert not end.keep_result


def test_a_client_cannot_teach_tools() -> None:
    wire = Wire()
    wire.server(request(1, "tools/list"))
    wire.client(reply(1, tools=[{"name": "wipe", "annotations": {"readOnlyHint": True}}]))
    (seen,) = wire.client(call(2, "wipe"))
    assert not seen.tool_registered


def test_client_server_and_protocol_are_those_of_the_handshake() -> None:
    wire = Wire()
    info = {"name": "desk", "version": "3", "secret": "x"}
    wire.client(request(1, "initialize", protocolVersion="2026-07-28", clientInfo=info))
    wire.server(
        reply(1, protocolVersion="2025-06-18", serverInfo={"name": "crm", "version": "9.1"})
    )
    (seen,) = wire.client(call(2, "peek"))
    assert seen.connection.client == {"name": "desk", "version": "3"}
    assert seen.connection.server_version == "9.1"
    assert seen.connection.protocol_version == "2025-06-18"
    same = wire.received[-1].connection
    wire.client(call(3, "peek"))
    assert wire.received[-1].connection is same, "redacted once as long as nothing changes"


def test_without_a_handshake_each_request_says_it_in_meta() -> None:
    wire = Wire()
    prefix = "io.modelcontextprotocol/"
    meta = {
        f"{prefix}clientInfo": {"name": "desk"},
        f"{prefix}protocolVersion": "2026-07-28",
        "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01",
    }
    (seen,) = wire.client(request(1, "tools/call", name="peek", arguments={"a": 1}, _meta=meta))
    assert seen.connection.client == {"name": "desk"}
    assert seen.connection.protocol_version == "2026-07-28"
    assert seen.trace == "ab" * 16
    assert seen.args == {"a": 1}
    (other,) = wire.client(request(2, "resources/read", uri="file:///x", _meta=meta))
    assert other.args == {"uri": "file:///x"}


def test_a_message_too_large_to_be_read_is_a_call_with_unreadable_arguments() -> None:
    wire = Wire()
    outline = Outline()
    outline.feed(b'{"method":"tools/call","params":{"name":"peek","arguments":{}},"id":4}')
    (seen,) = wire.observer.outlined("client", outline, 99, wire.at)
    assert (seen.tool, seen.args, seen.args_bytes) == ("peek", Unreadable.TOO_LARGE, 99)
    answer = Outline()
    answer.feed(b'{"result":{"isError":true,"content":[]},"id":4}')
    (end,) = wire.observer.outlined("server", answer, 50, wire.at)
    assert (end.outcome, end.error_type) == (Outcome.ERROR, ErrorType.TOOL_ERROR)
    assert end.result is Unreadable.TOO_LARGE
    broken = Outline()
    broken.feed(b'{"error":{"code":-1,"message":"no"},"id":4}')
    assert wire.observer.outlined("server", broken, 50, wire.at) == []


IDS = st.sampled_from([1, 2, "1", 1.0, None, True, [1], {"a": 1}])
MESSAGES = (
    st.builds(call, IDS, st.sampled_from(["peek", "wipe"]))
    | st.builds(request, IDS, st.sampled_from(["ping", "initialize", "tools/list", "odd", ""]))
    | st.builds(reply, IDS)
    | st.builds(failure, IDS, st.text(max_size=5))
    | st.builds(cancelled, IDS)
    | st.builds(notification, st.just("notifications/x"))
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "method", "params", "result", "error", "_meta", "name"]),
                inner,
            )
        ),
    )
)
SCRIPTS = st.lists(
    st.tuples(st.sampled_from(["client", "server"]), MESSAGES | st.lists(MESSAGES, max_size=4)),
    max_size=30,
)


def is_request(message: Any) -> bool:
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        return False
    return not message["method"].startswith("notifications/") or message.get("id") is not None


def requests_in(message: Any) -> int:
    if isinstance(message, list):
        return sum(map(requests_in, message))
    return is_request(message)


@pytest.mark.requirement("model.two-records")
@given(SCRIPTS)
def test_whatever_they_send_every_request_has_one_beginning_and_one_end(script) -> None:
    wire = Wire()
    asked = 0
    for sender, message in script:
        asked += requests_in(message)
        wire._see(sender, message, 10)
        assert len(wire.received) == asked
        left = {r.number for r in wire.received} - {c.number for c in wire.completed}
        opened = wire.observer.open_calls("client") + wire.observer.open_calls("server")
        assert {r.number for r in opened} == left
    wire.close()
    assert Counter(r.number for r in wire.received) == Counter(c.number for c in wire.completed)
    began: set[int] = set()
    for event in wire.events:
        if isinstance(event, Received):
            began.add(event.number)
        assert not isinstance(event, Completed) or event.number in began


@given(st.integers(0, 3))
def test_a_denied_call_is_taken_back_alone(which) -> None:
    wire = Wire()
    for _ in range(4):
        wire.client(call(1, "wipe"))
    end = wire.observer.deny(wire.received[which], "not kept")
    assert (end.number, end.error_type) == (which, ErrorType.DENIED)
    assert [r.number for r in wire.observer.open_calls("client")] == [
        n for n in range(4) if n != which
    ]


def test_a_request_to_listen_ends_when_its_stream_opens_and_the_stream_when_it_closes() -> None:
    wire = Wire()
    for id_ in (1, 2, 3):
        wire.client(request(id_, "subscriptions/listen"))
        wire.server(acknowledged(id_))
    wire.client(call(4, "peek"))
    wire.server(acknowledged(4))  # no request to listen
    assert ends(wire) == [(0, "ok", None), (1, "ok", None), (2, "ok", None)]
    _, closed = wire.client(cancelled(1))
    assert (closed.kind, closed.method, closed.jsonrpc_id) == ("closed", "subscriptions/listen", 1)
    (closed,) = wire.server(reply(2))
    assert (closed.kind, closed.jsonrpc_id) == ("closed", 2)
    unknown, closed = wire.close()
    assert (unknown.error_type, closed.jsonrpc_id) == (ErrorType.ABANDONED, 3)
    assert wire.server(reply(3)) == []


def acknowledged(id_: Any) -> dict[str, Any]:
    meta = {"io.modelcontextprotocol/subscriptionId": id_}
    return notification("notifications/subscriptions/acknowledged", _meta=meta)
