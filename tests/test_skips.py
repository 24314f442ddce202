"""In CI a test that silently does not run is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")

SKIPPED = (
    "import pytest\n@pytest.mark.skip(reason={reason!r})\ndef test_it(): ...\ndef test_b(): ...\n"
)


def run(directory: Path, source: str, *options: str, ci: bool) -> subprocess.CompletedProcess[str]:
    (directory / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (directory / "test_it.py").write_text(source, encoding="utf-8")
    environment = {**os.environ, "CI": "true" if ci else ""}
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", *options]
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.requirement("house.no-unexpected-skip")
@pytest.mark.parametrize("options", [[], ["-n", "1"]], ids=["alone", "with workers"])
@pytest.mark.parametrize(
    "source",
    [
        SKIPPED.format(reason="no node on this machine"),
        "import pytest\npytest.importorskip('no_such_module')\n",
        "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False\n",
    ],
    ids=["skip", "module", "xfail"],
)
def test_an_unexpected_skip_fails_in_ci(tmp_path: Path, source: str, options: list[str]) -> None:
    done = run(tmp_path, source, *options, ci=True)

    assert done.returncode == 1, done.stdout
    assert "unexpected skips" in done.stdout


def test_an_allowed_skip_passes_in_ci(tmp_path: Path) -> None:
    done = run(tmp_path, SKIPPED.format(reason="platform: needs Windows"), ci=True)

    assert done.returncode == 0, done.stdout


def test_any_skip_passes_at_home(tmp_path: Path) -> None:
    done = run(tmp_path, SKIPPED.format(reason="no node on this machine"), ci=False)

    assert done.returncode == 0, done.stdout
