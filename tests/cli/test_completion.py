"""TAB in real shells: commands, options, fields, and the values of a field that has few."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from indelible.cli.commands import run

UNPACKED = Path(__file__).parents[2] / ".cache" / "shells"

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


WANTED = [
    ("indelible ses", "session"),
    ("indelible query outc", "outcome:"),
    ("indelible query tool:x outcome:e", "outcome:error"),
    ("indelible tail -f errorType:ti", "errorType:timeout"),
    ("indelible export --format p", "parquet"),
]


@pytest.mark.requirement("completion.zsh-fish")
@pytest.mark.parametrize(("line", "wanted"), WANTED)
def test_fish_completes(
    line: str, wanted: str, path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, environment = shell("usr/bin/fish")
    (tmp_path / "script").write_text(script("fish", capsys))
    places = {"PATH": path, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    done = subprocess.run(
        [command, "--no-config", "-c", f"source {tmp_path}/script; complete -C '{line}'"],
        env=os.environ | environment | places,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert [one.split("\t")[0] for one in done.stdout.splitlines()] == [wanted]


@pytest.mark.requirement("completion.zsh-fish")
def test_zsh_completes(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, environment = shell("bin/zsh")
    (tmp_path / "script").write_text(script("zsh", capsys))
    functions = UNPACKED / "usr/share/zsh/functions"
    modules = next(UNPACKED.glob("usr/lib/*/zsh/*"))
    (tmp_path / "start").write_text(
        f"module_path=({modules})\nfpath=({functions} {functions}/**/*(/N))\n"
        f"autoload -Uz compinit\ncompinit -u -D\nsource {tmp_path}/script\nPS1='> '\n"
    )
    places = {"PATH": path, "HOME": str(tmp_path), "TERM": "dumb", "LANG": "C.UTF-8"}
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command, ["zsh", "-f", "-i"], places | environment)
    try:
        os.write(terminal, f"source {tmp_path}/start; echo READ''Y\n".encode())
        assert "READY" in until(terminal, "READY")
        for line, wanted in WANTED:
            os.write(terminal, f"{line}\t".encode())
            whole = f"{line.rpartition(' ')[0]} {wanted}"
            assert whole in until(terminal, whole)
            os.write(terminal, b"\x15")  # forget the line
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def until(terminal: int, text: str) -> str:
    """Return what a terminal shows until *text* has been shown; all of it where that never is."""
    shown = ""
    while text not in shown and select.select([terminal], [], [], 60)[0]:
        shown += os.read(terminal, 4_096).decode("utf-8", "replace")
    return shown


def shell(program: str) -> tuple[str, dict[str, str]]:
    """Return a shell that `make setup` has unpacked, and what it needs in its environment."""
    if (UNPACKED / program).exists():
        libraries = next(UNPACKED.glob("usr/lib/*-linux-gnu*"))
        return str(UNPACKED / program), {"LD_LIBRARY_PATH": str(libraries)}
    if shutil.which("dpkg-deb") is None:
        pytest.skip("platform: no Debian package tools here")
    raise AssertionError(f"no {program} in {UNPACKED}: make setup")


def test_in_zsh_no_space_follows_a_field(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "open" in script("zsh", capsys)
    found = []
    for word in ("outc", "outcome:e"):
        monkeypatch.setenv("_INDELIBLE_COMPLETE", "zsh_complete")
        monkeypatch.setenv("COMP_WORDS", f"indelible query {word}")
        monkeypatch.setenv("COMP_CWORD", "2")
        assert run([]) == 0
        found.append(capsys.readouterr().out.split())
        monkeypatch.delenv("_INDELIBLE_COMPLETE")
    assert found == [["open", "outcome:", "_"], ["plain", "outcome:error", "_"]]


@pytest.mark.parametrize("instruction", ["tcsh_complete", "bash_source", "bash", "x"])
def test_an_instruction_of_no_script_says_nothing(
    instruction: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_INDELIBLE_COMPLETE", instruction)
    assert run([]) == 1
    assert capsys.readouterr() == ("", "")
