"""TAB in real shells: commands, options, fields, and the values of a field that has few."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from indelible.cli.commands import run

TRY = """
source "$1"
compopt() { :; }
COMP_LINE="$2" COMP_POINT=${#2}
_indelible_completion indelible
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which `indelible` is this one."""
    program = tmp_path / "bin" / "indelible"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m indelible "$@"\n')
    program.chmod(0o700)
    return f"{program.parent}{os.pathsep}{os.environ['PATH']}"


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.requirement("completion.bash")
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("indelible ses", ["session"]),
        ("indelible query outc", ["outcome:"]),
        ("indelible query outcome:", ["error", "ok", "unknown"]),
        ("indelible query tool:x outcome:e", ["error"]),
        ("indelible query -outcome:ok,e", ["ok,error"]),
        ("indelible query is:unf", ["unfinished"]),
        ("indelible tail -f errorType:ti", ["timeout"]),
        ("indelible query --oldest", ["--oldest-first"]),
        ("indelible export --format p", ["parquet"]),
        ("indelible index ", ["rebuild", "status"]),
        ("indelible query nothing:", [""]),
    ],
)
def test_bash_completes(
    line: str, wanted: list[str], path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "script").write_text(script("bash", capsys))
    done = subprocess.run(
        ["bash", "--norc", "-c", TRY, "bash", str(tmp_path / "script"), line],
        env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert (done.stdout.split("\n")[:-1], done.stderr) == (wanted, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_takes_its_script(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = script(shell, capsys)
    assert "_INDELIBLE_COMPLETE" in text
    if shutil.which(shell) is None:
        pytest.skip(f"platform: no {shell} here")
    (tmp_path / "script").write_text(text)
    done = subprocess.run(
        [shell, "-n", str(tmp_path / "script")], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("instruction", ["tcsh_complete", "bash_source", "bash", "x"])
def test_an_instruction_of_no_script_says_nothing(
    instruction: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_INDELIBLE_COMPLETE", instruction)
    assert run([]) == 1
    assert capsys.readouterr() == ("", "")
