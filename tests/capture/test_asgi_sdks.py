"""Real servers over real HTTP: what is refused, who asked, and which call runs."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.capture.sdks.server import STACKS
from tests.capture.sdks.talking import (
    HELLO,
    Posts,
    Trail,
    command,
    environment,
    message,
    python_of,
    tool,
)
from tests.hostile.session import session, until

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ASKED = Path(__file__).with_name("asked.py")


@contextmanager
def serving(started: list[str], tmp_path: Path) -> Iterator[Posts]:
    with session(started, tmp_path / "stderr", **environment()) as running:
        yield Posts(int(running.line()))
        running.kill_group()


def request(port: int, method: str, path: str, body: bytes | None, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


@pytest.mark.requirement("asgi.rejections")
@pytest.mark.parametrize("stack", STACKS)
def test_every_sdk_what_is_refused_before_it_is_a_message_is_on_record_once(
    stack: str, tmp_path: Path
) -> None:
    trail = Trail(tmp_path / "state")
    started = command(stack, "http", tmp_path / "state", "dev", "--no-collection")
    both = "application/json, text/event-stream"
    kind = {"Content_Type": "application/json", "Accept": both}
    call = json.dumps(tool(7, "echo", text="hi")).encode()
    statuses: list[tuple[str, int]] = []
    with serving(started, tmp_path) as client:
        client.ask(message("initialize", 1, **HELLO))
        known = client.headers["Mcp-Session-Id"]
        client.tell(message("notifications/initialized"))

        def one(method: str, path: str, body: bytes | None, **headers: str) -> None:
            statuses.append((method, request(client.port, method, path, body, **headers)))

        one("POST", "/mcp", call, Content_Type="application/json", Accept="text/plain")
        one("POST", "/mcp", call, Content_Type="text/plain", Accept=both, Mcp_Session_Id=known)
        one("POST", "/mcp", b"{not json", **kind, Mcp_Session_Id=known)
        one("POST", "/mcp", call, **kind, Mcp_Session_Id="0" * 32)
        one("PUT", "/mcp", call, **kind)
        # The one or the other is refused by each SDK: as a stranger's, or as without a session.
        one("POST", "/mcp", call, **kind, Host="evil.example")
        one("POST", "/mcp", call, **kind, Origin="http://evil.example")
        one("GET", "/nowhere", None)
        one("DELETE", "/mcp", None, Mcp_Session_Id=known)
        until(lambda: trail.calls()[-1].get("outcome"))
    refused = [entry for entry in trail.calls() if entry["method"].startswith("http/")]
    told = [
        (entry["method"].removeprefix("http/"), entry["end"]["result"]["status"])
        for entry in refused
    ]
    assert told == statuses
    assert [status for _, status in statuses[:-1] if status < 400] == []
    assert {(e["outcome"], e["errorType"]) for e in refused[:-1]} == {("error", "denied")}
    assert (refused[-1]["method"], refused[-1]["outcome"]) == ("http/DELETE", "ok")
    assert refused[-1]["session"]["from"] == "header"
    assert {e["actor"]["provenance"] for e in refused} == {"unknown"}
    assert known not in json.dumps(trail.entries())


@pytest.mark.requirement("actor.no-stale-token")
@pytest.mark.parametrize("stack", ["mcp1", "mcp2"])
def test_who_asks_is_told_by_the_token_of_this_very_request(stack: str, tmp_path: Path) -> None:
    trail = Trail(tmp_path / "state")
    started = [python_of(stack), str(ASKED), stack, str(tmp_path / "state")]
    with serving(started, tmp_path) as client:
        client.headers["Authorization"] = "Bearer ann.1"
        client.ask(message("initialize", 1, **HELLO))
        client.tell(message("notifications/initialized"))
        client.ask(tool(2, "which"))
        client.headers["Authorization"] = "Bearer ann.2"
        client.ask(tool(3, "which"))
        client.headers["Authorization"] = "Bearer stranger"
        assert client.post(tool(4, "which"))[0] == 401
    names = {id_: trail.one(id_)["actor"].get("name") for id_ in (1, 2, 3)}
    assert names == {1: "ann 1", 2: "ann 1", 3: "ann 2"}
    assert trail.one(3)["actor"] == {
        "id": "ann",
        "provenance": "verified",
        "name": "ann 2",
        "issuer": "https://idp.example",
        "clientId": "cli",
        "ip": "127.0.0.1",
    }
    (refused,) = [one for one in trail.calls() if one["method"] == "http/POST"]
    assert refused["actor"]["id"].startswith("fingerprint:")
    assert refused["actor"]["provenance"] == "asserted"


@pytest.mark.requirement("correlation.in-the-call")
@pytest.mark.parametrize("name", ["which", "which_async"])
@pytest.mark.parametrize("stack", ["mcp1", "mcp2"])
def test_the_code_of_a_tool_knows_the_ids_of_its_record(
    stack: str, name: str, tmp_path: Path
) -> None:
    trail = Trail(tmp_path / "state")
    started = [python_of(stack), str(ASKED), stack, str(tmp_path / "state")]
    told: dict[int, Any] = {}
    with serving(started, tmp_path) as client:
        client.headers["Authorization"] = "Bearer ann.1"
        client.ask(message("initialize", 1, **HELLO))
        client.tell(message("notifications/initialized"))
        extra: list[dict[str, str]] = [
            {},
            {"X_Request_Id": "req-42"},
            {"traceparent": PARENT},
            {"X_Request_Id": "req 42; drop"},
        ]
        for id_, headers in enumerate(extra, start=2):
            _, reply = client.post(tool(id_, name), **headers)
            assert reply is not None
            told[id_] = json.loads(reply["result"]["content"][0]["text"])
    for id_, call in told.items():
        record = trail.one(id_)
        assert call["call_id"] == record["id"]
        assert call["request_id"] == record.get("requestId", record["id"])
        assert call["tool"] == name
    assert told[3]["request_id"] == "req-42"
    assert told[4]["request_id"] == told[4]["trace"] == PARENT.split("-")[1]
    assert told[5]["request_id"] == told[5]["call_id"]
    assert {"path": "requestId", "rule": "request-id"} in trail.one(5)["redactions"]
