"""The example: one call, followed from its record to the application's log to a trace."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.session import INDELIBLE

EXAMPLE = Path(__file__).parents[2] / "examples" / "followed_call" / "app.py"


@pytest.mark.requirement("followed.example")
def test_one_call_is_followed_from_its_record_to_a_log_line_to_a_trace(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), state], check=True, capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    (logged,) = [line.split() for line in lines if line.startswith("log ")]
    spans = [line.split(maxsplit=3) for line in lines if line.startswith("span ")]
    own = {span[1]: (span[2], json.loads(span[-1].partition("{")[1] + span[-1].partition("{")[2]))
           for span in spans if span[1] == "query"}  # fmt: skip
    trace, said = own["query"]

    asked = [*INDELIBLE, "query", "--state", state, "--json", "tool:find"]
    found = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    (entry,) = json.loads(found)

    assert logged[1:3] == [entry["requestId"], entry["callId"]]
    assert said["indelible.request.id"] == entry["requestId"]
    assert said["indelible.call.id"] == entry["callId"]
    if entry["trace"] is not None:
        assert trace == entry["trace"] == entry["requestId"]
    sdk = [span for span in spans if "find" in span[-1] or "tools/call" in " ".join(span)]
    assert any(entry["callId"] in " ".join(span) for span in sdk)
