"""The ASGI seam: what no other hook sees is on record once, and not a byte is changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.capture.actor import Identity
from indelible.capture.asgi import AuditASGI
from indelible.capture.exchange import KEY
from indelible.capture.http_calls import MAX_KEPT_BYTES, seam
from indelible.capture.policy import COMPLIANCE
from indelible.config.sections import HeadersSection, IdentitySection
from tests.capture.rig import Rig
from tests.deliver.spools import records

SECTION = IdentitySection(
    actor=("token", "header"),
    trusted_proxies=("10.0.0.0/8",),
    headers=HeadersSection(id="x-user"),
)
Messages = list[dict[str, Any]]
CALL = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "tools/call",
    "params": {"name": "wipe", "arguments": {"x": "SECRET"}},
}


def answer(status: int, body: bytes = b"", *, sees: bool = False) -> Any:
    """Return an app that reads its request, answers, and may say that it has recorded it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        if sees:
            scope[KEY].is_seen = True
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


def scope(method: str = "POST", **headers: str) -> dict[str, Any]:
    lines = [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]
    return {
        "type": "http",
        "method": method,
        "path": "/mcp",
        "query_string": b"",
        "headers": lines,
        "client": ("10.0.0.1", 4711),
    }


def exchange(rig: Rig, app: Any, what: dict[str, Any], *bodies: bytes) -> Messages:
    """Run one exchange through the seam; return what the client gets."""
    got: Messages = []
    parts = list(bodies) or [b""]

    async def receive() -> dict[str, Any]:
        if not parts:
            return {"type": "http.disconnect"}
        body = parts.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(parts)}

    async def send(message: dict[str, Any]) -> None:
        got.append(message)

    followed = AuditASGI(app, seam(rig.recorder, Identity(SECTION), "1.0"))
    asyncio.run(followed(what, receive, send))
    return got


def kept(rig: Rig) -> list[dict[str, Any]]:
    """Return header and body of each record, one dictionary a record."""
    return [json.loads(r.header) | json.loads(r.body) for r in records(rig.directory)]


@pytest.fixture
def rig(tmp_path) -> Rig:
    return Rig(tmp_path / "state")


@pytest.mark.requirement("asgi.rejections")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 413, 415, 421])
def test_what_is_refused_is_on_record_as_denied(rig: Rig, status: int) -> None:
    exchange(rig, answer(status), scope(), json.dumps(CALL).encode())
    received, completed = kept(rig)
    assert (received["kind"], received["method"]) == ("received", "http/POST")
    assert received["tool"] == "wipe"
    assert received["jsonrpcId"] == 7
    assert received["args"] == {"path": "/mcp", "mcpMethod": "tools/call", "mcpName": "wipe"}
    assert (completed["outcome"], completed["errorType"]) == ("error", "denied")
    assert completed["error"].startswith(f"HTTP {status} ")
    assert completed["result"] == {"status": status}


@pytest.mark.requirement("asgi.rejections")
def test_a_refusal_is_on_record_before_the_client_has_it(rig: Rig) -> None:
    at_end: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        at_end.append(len(kept(rig)))

    followed = AuditASGI(answer(401), seam(rig.recorder, Identity(SECTION), "1.0"))
    asyncio.run(followed(scope(), receive, send))
    assert at_end == [0, 2]


@pytest.mark.requirement("asgi.once")
@pytest.mark.parametrize("status", [200, 404, 400])
def test_what_a_message_hook_has_recorded_is_not_recorded_again(rig: Rig, status: int) -> None:
    exchange(rig, answer(status, sees=True), scope(), json.dumps(CALL).encode())
    assert kept(rig) == []


@pytest.mark.requirement("asgi.once")
def test_two_seams_around_one_app_record_once(rig: Rig) -> None:
    one = seam(rig.recorder, Identity(SECTION), "1.0")
    exchange(rig, AuditASGI(answer(401), one), scope())
    assert [record["kind"] for record in kept(rig)] == ["received", "completed"]


@pytest.mark.requirement("asgi.rejections")
def test_a_refused_actor_is_never_called_verified(rig: Rig) -> None:
    exchange(rig, answer(403), scope(authorization="Bearer not-hex", x_user="ann"))
    assert kept(rig)[0]["actor"] == {"id": "ann", "provenance": "asserted", "ip": "10.0.0.1"}
    assert "not-hex" not in json.dumps(kept(rig))


def test_a_dropped_notification_is_no_success(rig: Rig) -> None:
    said = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    exchange(rig, answer(202), scope(mcp_protocol_version="2026-07-28"), said)
    assert kept(rig)[0]["args"]["mcpMethod"] == "notifications/initialized"
    assert kept(rig)[1]["errorType"] == "denied"


def test_an_accepted_notification_of_an_older_revision_needs_no_record(rig: Rig) -> None:
    said = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    exchange(rig, answer(202), scope(mcp_protocol_version="2025-06-18"), said)
    exchange(rig, answer(200), scope("GET", accept="*/*"))
    assert kept(rig) == []


@pytest.mark.requirement("asgi.streams")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_stream_and_the_end_of_a_session_are_on_record_before_they_are_done(
    rig: Rig, method: str
) -> None:
    at_start: list[list[str]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        at_start.append([record["kind"] for record in kept(rig)])
        await answer(200, b"data: 1\n\n")(scope, receive, send)

    session = "b7c2f7a0c0ffee00b7c2f7a0c0ffee00"
    exchange(rig, app, scope(method, accept="text/event-stream", mcp_session_id=session))
    assert at_start == [["received"]]
    received, completed = kept(rig)
    assert received["method"] == f"http/{method}"
    assert received["session"]["from"] == "header"
    assert session not in json.dumps([received, completed])
    assert (completed["outcome"], completed["resultBytes"]) == ("ok", 9)


@pytest.mark.requirement("asgi.streams")
def test_what_may_not_go_unrecorded_is_answered_with_503(tmp_path) -> None:
    rig = Rig(tmp_path / "state", COMPLIANCE)
    rig.spool.room = 0
    reached: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)

    got = exchange(rig, app, scope("DELETE"))
    assert reached == []
    assert got[0]["status"] == 503
    assert json.loads(got[1]["body"])["error"]["message"].startswith("indelible: not run")


@pytest.mark.requirement("asgi.transparent")
@given(
    st.lists(st.binary(max_size=200), min_size=1, max_size=8),
    st.lists(st.binary(max_size=200), max_size=8),
    st.sampled_from(["GET", "POST", "DELETE", "BREW"]),
    st.sampled_from([200, 202, 204, 401, 503, 599]),
)
def test_every_message_passes_as_it_is_when_it_is(
    tmp_path_factory: Any, sent: list[bytes], answered: list[bytes], method: str, status: int
) -> None:
    rig = Rig(tmp_path_factory.mktemp("rig") / "state")
    came: list[dict[str, Any]] = []
    given_out: Messages = [
        {"type": "http.response.start", "status": status, "headers": [(b"x", b"y")]},
        *({"type": "http.response.body", "body": part, "more_body": True} for part in answered),
        {"type": "http.response.body", "body": b""},
    ]
    in_step: list[bool] = []
    got: Messages = []
    to_come: Messages = [
        {"type": "http.request", "body": part, "more_body": True} for part in sent
    ] + [{"type": "http.disconnect"}]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in to_come.copy():
            came.append(await receive())
        for number, message in enumerate(given_out, start=1):
            await send(message)
            in_step.append(len(got) == number)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        got.append(message)

    waiting = list(to_come)
    followed = AuditASGI(app, seam(rig.recorder, Identity(SECTION), "1.0"))
    asyncio.run(followed(scope(method), receive, send))
    assert all(one is other for one, other in zip(came, to_come, strict=True))
    assert all(one is other for one, other in zip(got, given_out, strict=True))
    assert all(in_step)


def test_a_large_body_is_not_looked_into_nor_held(rig: Rig) -> None:
    part = b"x" * 1_000
    exchange(rig, answer(413), scope(), *[part] * (MAX_KEPT_BYTES // 500))
    assert kept(rig)[0]["args"] == {"path": "/mcp"}
    assert kept(rig)[0]["argsBytes"] == MAX_KEPT_BYTES // 500 * 1_000


def test_an_unread_body_is_named_by_the_headers_that_name_it(rig: Rig) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body"})

    exchange(rig, app, scope(mcp_method="tools/call", mcp_name="wipe"), b"{")
    assert kept(rig)[0]["tool"] == "wipe"


@pytest.mark.parametrize("error", [RuntimeError("boom ann@example.com"), asyncio.CancelledError()])
def test_what_ends_without_an_answer_is_an_error_and_goes_on(
    rig: Rig, error: BaseException
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    with pytest.raises(type(error)):
        exchange(rig, app, scope())
    ending = kept(rig)[1]
    assert ending["outcome"] == "error"
    assert ending["errorType"] in ("exception", "cancelled")
    assert "ann@example.com" not in ending["error"]


def test_what_is_no_http_passes(rig: Rig) -> None:
    passed: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["type"])

    for kind in ("lifespan", "websocket"):
        exchange(rig, app, {"type": kind})
    assert passed == ["lifespan", "websocket"]
    assert kept(rig) == []


@pytest.mark.requirement("asgi.rejections")
def test_nothing_a_stranger_sends_stands_in_a_header_or_is_kept_unredacted(rig: Rig) -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    what = scope(mcp_method=token, mcp_name=token, x_request_id=f"a {token}", mcp_session_id=token)
    what |= {"path": f"/{token}", "query_string": b"token=hunter2", "method": token}
    exchange(rig, answer(404), what, json.dumps({"id": token, "method": token}).encode())
    text = json.dumps(kept(rig))
    assert token not in text
    assert "hunter2" not in text
    assert kept(rig)[0]["method"] == "http/other"
    assert "requestId" not in kept(rig)[0]
    assert {"path": "requestId", "rule": "request-id"} in kept(rig)[0]["redactions"]


FUZZED: Callable[..., Any] = given(
    st.binary(max_size=300) | st.sampled_from([b"[" * 5_000, b'{"a":' * 5_000, b"1" * 5_000]),
    st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=40)), max_size=5),
)


@FUZZED
def test_no_request_breaks_it(tmp_path_factory: Any, body: bytes, lines: Any) -> None:
    rig = Rig(tmp_path_factory.mktemp("rig") / "state")
    what = scope()
    what["headers"] = [*lines, *((b"mcp-protocol-version", value) for _, value in lines)]
    exchange(rig, answer(400), what, body)
    assert [record["kind"] for record in kept(rig)] == ["received", "completed"]
