"""A raw client: JSON-RPC as lines or over HTTP, no SDK; and what a server put on record of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.deliver.spools import assert_dense, records
from tests.hostile.session import Session, session

ROOT = Path(__file__).parents[3]
SERVER = Path(__file__).with_name("server.py")
META = "io.modelcontextprotocol/"
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"roots": {}, "sampling": {}, "elicitation": {}},
    "clientInfo": {"name": "raw", "version": "1"},
}
MODERN = {
    f"{META}protocolVersion": "2026-07-28",
    f"{META}clientInfo": {"name": "raw", "version": "1"},
    f"{META}clientCapabilities": {},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "roots/list": {"roots": [{"uri": "file:///here"}]},
    "sampling/createMessage": {
        "role": "assistant",
        "content": {"type": "text", "text": "somebody"},
        "model": "none",
    },
    "elicitation/create": {"action": "accept", "content": {"name": "ann"}},
}
"""What the client answers a server that asks."""

Seen = tuple[str, str, Any, str | None, str | None]
"""Of one record or call: kind, method, tool or None, outcome, type of the error."""


def python_of(stack: str) -> str:
    """Return the Python that has the SDK of *stack*."""
    own = ROOT / ".cache" / "sdk" / stack / "bin" / "python"
    return str(ROOT / ".venv" / "bin" / "python" if stack in ("mcp2", "fastmcp4") else own)


def command(stack: str, transport: str, state: Path, *more: str) -> list[str]:
    return [python_of(stack), str(SERVER), stack, transport, str(state), *more]


def message(method: str, id_: Any = None, /, **params: Any) -> dict[str, Any]:
    one: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
    return one if id_ is None else {**one, "id": id_}


def tool(id_: Any, name: str, /, **arguments: Any) -> dict[str, Any]:
    return message("tools/call", id_, name=name, arguments=arguments)


def reply_to(asked: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": asked["id"], "result": ANSWERS[asked["method"]]}


class Lines:
    """A client over stdio. It answers what a server asks, and keeps what it is told."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.told: list[str] = []

    def ask(self, one: dict[str, Any]) -> dict[str, Any]:
        self.session.send(one)
        return self.answer(one["id"])

    def answer(self, id_: Any) -> dict[str, Any]:
        """Return the reply to *id_*; what comes before it is dealt with."""
        return self.answers([id_])[0]

    def answers(self, ids: Iterable[Any]) -> list[dict[str, Any]]:
        """Return the replies to *ids* as they come; what comes before them is dealt with."""
        waiting, replies = list(ids), []
        while waiting:
            heard = self.session.hear()
            if "method" not in heard:
                if heard.get("id") in waiting:
                    waiting.remove(heard["id"])
                    replies.append(heard)
            elif "id" in heard:
                self.session.send(reply_to(heard))
            else:
                self.told.append(heard["method"])
        return replies

    def tell(self, *messages: Any) -> None:
        self.session.send(*messages)

    def listen(self) -> None:
        """Nothing to do: all that a server says comes the one way."""


class Posts:
    """A client over Streamable HTTP."""

    def __init__(self, port: int, path: str = "/mcp") -> None:
        self.port = port
        self.path = path
        self.headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        self.told: list[str] = []

    def post(self, one: Any, **headers: str) -> tuple[int, dict[str, Any] | None]:
        """Post a message; return the status, and the reply if there is one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = one if isinstance(one, bytes) else json.dumps(one).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", self.path, body, {**self.headers, **named})
        response = connection.getresponse()
        if session := response.getheader("mcp-session-id"):
            self.headers["Mcp-Session-Id"] = session
        try:
            return response.status, self._reply(response)
        finally:
            connection.close()

    def _reply(self, response: http.client.HTTPResponse) -> dict[str, Any] | None:
        kind = response.getheader("content-type") or ""
        if "event-stream" not in kind:
            text = response.read()
            return json.loads(text) if text and "json" in kind else None
        for line in response:
            if not line.startswith(b"data:") or not line[5:].strip():
                continue
            heard = json.loads(line[5:])
            if "method" not in heard:
                return heard
            if "id" in heard:
                self.post(reply_to(heard))
            else:
                self.told.append(heard["method"])
        return None

    def listen(self) -> None:
        """Hear what the server says outside of any reply, until it ends."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", self.path, headers=self.headers)
        response = connection.getresponse()

        def hear() -> None:
            # The server is killed in the middle of it.
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                self._reply(response)
            response.close()
            connection.close()

        self._hearing = threading.Thread(target=hear)
        self._hearing.start()

    def close(self) -> None:
        """Wait until the stream has ended, as it does with the server."""
        self._hearing.join(30)

    def ask(self, one: dict[str, Any]) -> dict[str, Any]:
        _, reply = self.post(one)
        assert reply is not None
        return reply

    def tell(self, *messages: Any) -> None:
        for one in messages:
            self.post(one)


LIFE = frozenset(["server.start", "server.exit"])


class Trail:
    """What a server put on record, by the spool it wrote."""

    def __init__(self, state: Path) -> None:
        self.directory = state / "spool" / "default"

    def entries(self) -> list[dict[str, Any]]:
        """Return calls joined with their ends, and all other records, as they came."""
        assert_dense(self.directory)
        read = [{**json.loads(r.body), **json.loads(r.header)} for r in records(self.directory)]
        ends: dict[tuple[str, int], dict[str, Any]] = {}
        for one in read:
            if one["kind"] == "completed":
                key = (one["of"]["writer"], one["of"]["seq"])
                assert key not in ends, f"ended twice: {one}"
                ends[key] = one
        entries = []
        for one in read:
            if one["kind"] == "received":
                end = ends.pop((one["writer"], one["seq"]), {})
                own = {key: end[key] for key in ("outcome", "errorType", "error") if key in end}
                entries.append({**one, **own, "end": end})
            elif one["kind"] != "completed" and one["kind"] not in LIFE:
                entries.append(one)
        assert not ends, f"ends of nothing: {ends}"
        return entries

    def life(self) -> list[dict[str, Any]]:
        """Return what each process said of its own start and end, as it came."""
        read = [{**json.loads(r.body), **json.loads(r.header)} for r in records(self.directory)]
        return [one for one in read if one["kind"] in LIFE]

    def calls(self) -> list[dict[str, Any]]:
        return self.of("received")

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.entries() if one["kind"] == kind]

    def one(self, id_: Any) -> dict[str, Any]:
        """Return the client's call under an id."""
        (found,) = [
            one
            for one in self.calls()
            if one.get("jsonrpcId") == id_ and one["direction"] == "client"
        ]
        return found

    def seen(self, wanted: Callable[[dict[str, Any]], bool] = bool) -> Counter[Seen]:
        return Counter(short(one) for one in self.entries() if wanted(one))


def short(one: dict[str, Any]) -> Seen:
    named = one.get("method") if one.get("method") != "other" else "other"
    kind = one["kind"] if one.get("direction") != "server" else f"server {one['kind']}"
    return (kind, named or "", one.get("tool"), one.get("outcome"), one.get("errorType"))


def environment() -> dict[str, str]:
    return {"PYTHONPATH": os.environ.get("SDK_SOURCE") or str(ROOT / "src")}


def started(
    stack: str, transport: str, scratch: Path, **more: str
) -> contextlib.AbstractContextManager[Session]:
    """Run the server of *stack*, with its state under *scratch*; nobody collects by himself."""
    words = command(stack, transport, scratch / "state", "dev", "--no-collection")
    return session(words, scratch / "stderr", **environment(), **more)
