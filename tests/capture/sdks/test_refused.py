"""Records that cannot be kept, over stdio, on the hook of each SDK."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.capture.sdks.talking import HELLO, Lines, Trail, command, environment, message, tool
from tests.hostile.session import session, until

HOOKS = ["mcp1", "mcp2"]
NEVER_RUN = "not run, because its audit record could not be written"


@pytest.mark.requirement("audit.refused")
@pytest.mark.parametrize("stack", HOOKS)
def test_over_stdio_nothing_runs_that_cannot_be_recorded(stack: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory: nothing can be kept here\n")
    words = command(stack, "stdio", tmp_path / "file" / "state", "compliance", "--no-collection")
    with session(words, tmp_path / "stderr", **environment()) as running:
        client = Lines(running)
        for one in (
            message("initialize", 1, **HELLO),
            tool(2, "mark", path=str(tmp_path / "ran")),
            tool("two", "mark", path=str(tmp_path / "ran")),
        ):
            reply = client.ask(one)
            assert (reply["id"], reply["error"]["code"]) == (one["id"], -32_000)
            assert NEVER_RUN in reply["error"]["message"]
        client.tell(message("notifications/initialized"), tool(None, "mark", path="x"))
        running.end_input()
        assert running.rest() == b""
    assert {path.name for path in tmp_path.iterdir()} == {"file", "stderr"}
    assert (tmp_path / "stderr").read_text().count("records cannot be kept") == 1


@pytest.mark.requirement("audit.full-disk")
@pytest.mark.parametrize("stack", HOOKS)
def test_on_a_full_disk_calls_go_on_and_a_gap_says_how_many(stack: str, tmp_path: Path) -> None:
    trail = Trail(tmp_path / "state")
    words = command(stack, "stdio", tmp_path / "state", "dev", "--no-collection")
    with session(words, tmp_path / "stderr", **environment()) as running:
        client = Lines(running)
        client.ask(message("initialize", 0, **HELLO))
        client.tell(message("notifications/initialized"))
        client.ask(tool(1, "narrow", size=16 << 10))
        for id_ in range(2, 60):
            assert "result" in client.ask(tool(id_, "echo", text="z" * 400))
        assert "result" in client.ask(tool(60, "narrow", size=0))
        assert "result" in client.ask(tool(61, "echo", text="again"))
        running.end_input()
        until(lambda: trail.of("gap"))
    kept = [one["jsonrpcId"] for one in trail.calls() if one["method"] == "tools/call"]
    assert kept == sorted(set(kept))
    assert {1, 2, 61} <= set(kept)
    lost = 62 - len(kept) - 1  # but for the first message, all were calls
    assert lost > 10
    gaps = trail.of("gap")  # several: a short record may still have had room
    # What is counted is records that could not be kept, be it a call's first or its second.
    assert lost <= sum(gap["proceeded"] for gap in gaps) <= 2 * (lost + len(gaps))
    assert {gap["refused"] for gap in gaps} == {0}
    assert trail.one(61)["outcome"] == "ok"
