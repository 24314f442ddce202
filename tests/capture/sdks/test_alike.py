"""The same traffic through `indelible wrap` and through `audit()`: the same entries."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.capture.sdks.talking import (
    MODERN,
    Lines,
    command,
    environment,
    message,
    started,
    tool,
)
from tests.capture.sdks.test_steps import going_on, listen, well_and_badly
from tests.hostile.session import query, session, wrapped

OWN = frozenset(
    [
        "recordId",
        "callId",
        "writer",
        "seq",
        "timestamp",
        "durationMs",
        "capturedBy",
        "log",
        "leaves",
    ]
)
"""What no two runs have alike, or what says who looked."""

BYTES = frozenset(["argsBytes", "resultBytes"])
"""What only `wrap` sees."""


def traffic(client: Lines, stack: str) -> None:
    well_and_badly(client)
    client.tell(tool(19, "slow"))
    client.tell(message("notifications/cancelled", requestId=19, reason="enough"))
    client.tell(message("notifications/cancelled", requestId=4_713))
    going_on(client, stack)
    named = tool(31, "echo", text="hi")
    named["params"]["_meta"] = {"x-request-id": "order-7", "traceparent": TRACEPARENT}
    client.ask(named)
    odd = tool(32, "echo", text="hi")
    odd["params"]["_meta"] = {"x-request-id": "a\nb"}
    client.ask(odd)


TRACEPARENT = f"00-{'a1' * 16}-{'b2' * 8}-01"


def modern_traffic(client: Lines) -> None:
    client.ask(message("server/discover", 1, _meta=MODERN))
    for id_ in (31, 32):
        client.tell(listen(id_))
        assert client.session.hear()["method"] == "notifications/subscriptions/acknowledged"
    client.tell(message("notifications/cancelled", requestId=31))
    client.ask(message("tools/list", 4, _meta=MODERN))


def compared(entry: dict[str, Any]) -> str:
    """Return an entry without what has to differ, as text."""
    kept = {key: value for key, value in entry.items() if key not in OWN | BYTES}
    session = kept.get("session") or {}
    kept["session"] = session.get("from")
    if kept.get("requestId") == entry.get("callId"):
        kept.pop("requestId", None)
    if kept.get("method") == "initialize":
        # Only whoever runs in the server knows its version before it says it.
        kept = {k: v for k, v in kept.items() if k not in ("serverVersion", "protocolVersion")}
    if kept.get("errorType") in ("tool_error", "rpc_error"):
        # Inside, the exception behind it is known: the server may tell the client less.
        del kept["error"], kept["redactions"]
    if kept["kind"] == "closed":
        assert kept.pop("params").keys() == {"openMs"}
    return json.dumps(kept, sort_keys=True)


def entries(state: Path) -> Counter[str]:
    own = ("server.start", "server.exit", "read")
    return Counter(compared(one) for one in query(state) if one["kind"] not in own)


@pytest.mark.requirement("wrap.like-audit")
@pytest.mark.parametrize(
    ("stack", "how"), [("mcp1", "handshake"), ("mcp2", "handshake"), ("mcp2", "modern")]
)
def test_wrap_and_audit_put_the_same_on_record(stack: str, how: str, tmp_path: Path) -> None:
    bare = command(stack, "stdio", tmp_path / "unused", "--bare")
    through = wrapped(tmp_path / "state", "--server", "crm", command=bare)
    for scratch in ("audited", "wrapped"):
        (tmp_path / scratch).mkdir()
    with (
        started(stack, "stdio", tmp_path / "audited") as inside,
        session(through, tmp_path / "wrapped" / "stderr", **environment()) as outside,
    ):
        for running in (inside, outside):
            client = Lines(running)
            if how == "modern":
                modern_traffic(client)
            else:
                traffic(client, stack)
            running.end()
    seen, ours = entries(tmp_path / "state"), entries(tmp_path / "audited" / "state")
    assert seen
    assert sorted((seen - ours).elements()) == sorted((ours - seen).elements())
