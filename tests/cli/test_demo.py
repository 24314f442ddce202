"""The demo is the end-to-end test: real server, real client, real tampering, no network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from indelible.cli import demo as module
from indelible.cli.commands import run
from indelible.cli.demo import Output, Story, expect
from indelible.errors import IndelibleError
from indelible.store.reader import LogReader

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
FLAT = jsonschema.Draft202012Validator(json.loads((REFERENCE / "flat.schema.json").read_text()))
RECORD = jsonschema.Draft202012Validator(json.loads((REFERENCE / "record.schema.json").read_text()))

NO_NETWORK = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.bind") and isinstance(arguments[1], tuple):
        raise PermissionError(f"the demo is offline: {event} {arguments[1]}")

sys.addaudithook(refuse)
"""


@pytest.mark.requirement("demo.offline")
def test_the_whole_story(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "sitecustomize.py").write_text(NO_NETWORK)
    (tmp_path / "tmp").mkdir()
    paths = [str(tmp_path / "lib"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "indelible", "demo", "--ci"],
        check=False, capture_output=True, text=True, timeout=120, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    for step in ("1/5", "2/5", "3/5", "4/5", "5/5", "none is there", "merge_contacts"):
        assert step in done.stdout
    assert done.stdout.count("caught: exit 3") == 3
    assert "\x1b" not in done.stdout
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_a_real_session_leaves_meets_the_published_schemas(tmp_path: Path) -> None:
    story = Story(tmp_path, 0)
    story._record()
    kinds = set()
    reader = LogReader(story.state / "log" / "default")
    for index, line in reader.leaves():
        header = json.loads(line)["header"]
        salted = reader.body(index, line)
        assert salted is not None
        RECORD.validate({"header": header, "body": json.loads(salted[1])})
        kinds.add(header["kind"])
    assert kinds >= {"received", "completed", "server.start", "server.exit"}
    entries = json.loads(story._run("query", "--json", "--limit", "999").stdout)
    for entry in entries:
        FLAT.validate(entry)
    times = [entry["timestamp"] for entry in entries]
    assert times == sorted(times, reverse=True)
    effects = {entry["tool"]: entry["effect"] for entry in entries if entry.get("tool")}
    assert effects == {
        "find_contact": "read",
        "add_contact": "write",
        "import_contacts": "write",
        "delete_contact": "destructive",
        "merge_contacts": "destructive",
    }


def test_a_deviation_is_an_error() -> None:
    expect(True, "never said")
    with pytest.raises(IndelibleError, match="demo: the log was empty"):
        expect([], "the log was empty")


def test_without_the_sdk_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    assert run(["demo"]) == 1
    assert "fix: in a checkout: pip install '.[demo]'" in capsys.readouterr().err


def test_tampering_that_is_not_caught_fails_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").mkdir()
    monkeypatch.setattr(Story, "_run", lambda *_: Output(0, "intact", ""))
    monkeypatch.setattr(Story, "_edit", lambda _: None)
    with pytest.raises(IndelibleError, match="verify exited with 0"):
        Story(tmp_path, 0)._tamper()
