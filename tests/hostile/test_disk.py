"""A disk that is really full, and a spool that was torn."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.capture.messages import TOOLS, call, request
from tests.hostile.session import calls, collect, kinds, query, until, verify, wrapped

BALLAST_BYTES = 3 << 20
NEVER_RUN = "not run, because its audit record could not be written"


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own. Mounting takes rights that not every machine gives."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "none", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"privilege: cannot mount: {mounted.stderr.decode().strip()}")
    yield place
    until(lambda: not subprocess.run(["umount", str(place)], check=False).returncode)


def fill(disk: Path) -> Path:
    """Leave no room on *disk*; removing what is returned makes room again."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as out:
        size = 1 << 16
        while size:
            try:
                out.write(b"x" * size)
            except OSError:
                size //= 2
    return ballast


@pytest.mark.requirement("wrap.full-disk")
def test_dev_reads_on_writes_into_the_reserve_and_then_refuses(disk, start) -> None:
    state = disk / "state"
    server = start(wrapped(state))
    tools = server.ask(request("list", "tools/list"))["result"]["tools"]
    assert [tool["name"] for tool in tools] == [tool["name"] for tool in TOOLS]
    reserve = state / "reserve"
    ballast = fill(disk)
    for n in range(300):  # the spool's last page may still have room
        assert "result" in server.ask(call(n, "peek")), "reading goes on"
    assert reserve.exists(), "reading may not use the reserve"
    written = 0
    while "result" in (answer := server.ask(call(f"w{written}", "wipe"))):
        written += 1
        assert written < 20_000
    assert not reserve.exists()
    assert written > 300, "the reserve kept many"
    assert answer["id"] == f"w{written}"
    assert NEVER_RUN in answer["error"]["message"]
    assert NEVER_RUN in server.ask(call("w", "write"))["error"]["message"]
    assert "result" in server.ask(call("r", "peek"))
    ballast.unlink()
    assert "result" in server.ask(call("after", "wipe"))
    assert server.end() == (0, b"")
    until(lambda: not list((state / "spool" / "default").iterdir()))  # collected, detached
    gaps = kinds(state, "gap")
    assert {gap["reason"] for gap in gaps} == {"write-failed"}
    assert sum(gap["refused"] for gap in gaps) == 2
    assert sum(gap["proceeded"] for gap in gaps) > 1
    recorded = calls(state)
    assert recorded[-1]["jsonrpcId"] == "after"
    assert sum(entry["tool"] == "wipe" for entry in recorded) == written + 1
    assert "records cannot be kept" in server.stderr.read_text()
    assert verify(state) == 5, "intact, but some calls are known to be missing"


@pytest.mark.requirement("wrap.full-disk")
def test_compliance_refuses_what_it_cannot_record(disk, start) -> None:
    state = disk / "state"
    server = start(wrapped(state, "--profile", "compliance"))
    server.ask(request("list", "tools/list"))
    ballast = fill(disk)
    tried = 0
    while "result" in (answer := server.ask(call(tried, "wipe"))):
        tried += 1
        assert tried < 100, "the spool's last page has no more room than that"
    assert NEVER_RUN in answer["error"]["message"]
    assert (state / "reserve").exists()
    assert "result" in server.ask(call("read", "peek")), "reading may use the reserve"
    ballast.unlink()
    assert "result" in server.ask(call("after", "wipe"))
    assert server.end() == (0, b"")
    collect(state)
    assert sum(gap["refused"] for gap in kinds(state, "gap")) == 1
    assert {e["jsonrpcId"] for e in calls(state)} >= {"read", "after", *range(tried)}
    assert verify(state) == 5, "intact, but some calls are known to be missing"


@pytest.mark.requirement("wrap.full-disk")
def test_where_the_state_cannot_be_made_the_policy_decides(start, tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for profile, runs in (("dev", True), ("compliance", False)):
        server = start(wrapped(tmp_path / "file" / "state", "--profile", profile))
        answer = server.ask(call(1, "peek"))
        assert ("result" in answer) is runs
        assert server.end() == (0, b"")
        assert "cannot make the state directory" in server.stderr.read_text()


@pytest.mark.requirement("spool.torn-tail")
@pytest.mark.parametrize("left", [1, 5, 15, 60])
def test_a_half_written_last_frame_is_repaired_and_recorded(left, wrap, state) -> None:
    server = wrap()
    assert server.ask(call(1, "peek"))["id"] == 1
    assert server.ask(call(2, "hold"))["method"] == "notifications/held"
    (spool,) = (state / "spool" / "default").iterdir()
    whole = spool.read_bytes()
    assert server.ask(call(3, "peek"))["id"] == 3
    server.process.kill()
    server.rest()
    server.process.wait(30)
    torn_off = spool.read_bytes()[len(whole) :][:left]
    assert len(torn_off) == left
    os.truncate(spool, len(whole) + left)
    collect(state)
    (torn,) = kinds(state, "recovered")
    assert (torn["reason"], torn["bytes"]) == ("torn-spool", left)
    kept = list((state / "log" / "default" / "quarantine").iterdir())
    assert [path.read_bytes() for path in kept] == [torn_off]
    assert [(e["jsonrpcId"], e["outcome"]) for e in calls(state)] == [(1, "ok"), (2, "unknown")]
    assert verify(state) == 0
    assert len(query(state)) == 5
