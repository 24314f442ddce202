"""What the tests of the command line share: a trail, and the command run on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from indelible.cli.commands import run
from tests.query.trail import Trail


@pytest.fixture
def trail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trail:
    monkeypatch.setenv("COLUMNS", "120")
    return Trail(tmp_path / "state")


@pytest.fixture
def ran(trail: Trail, capsys: pytest.CaptureFixture[str]):
    def go(*words: str) -> tuple[int, str, str]:
        code = run(["--state", str(trail.root), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return go
