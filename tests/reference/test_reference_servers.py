"""The official servers, asked by the official inspector, directly and through wrap."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.reference.reference_servers import Inspector, server_command

ADA = '[{"name":"Ada","entityType":"person","observations":["wrote notes"]}]'
NOBODY = '[{"entityName":"Nobody","contents":["anything"]}]'
DOCUMENT = "demo://resource/static/document/architecture.md"


@dataclass(frozen=True)
class Case:
    """One request of one server, and how it must be on record."""

    server: str
    method: str
    words: str = ""
    args: tuple[str, ...] = ()
    outcome: str = "ok"

    @property
    def request(self) -> list[str]:
        words = ["--method", self.method, *self.words.split()]
        return [*words, *(["--tool-arg", *self.args] if self.args else [])]

    @property
    def tool(self) -> str | None:
        return self.words.split()[1] if self.method == "tools/call" else None

    def __str__(self) -> str:
        return f"{self.server} {self.method} {self.words} {self.outcome}"


def call(server: str, tool: str, *args: str, outcome: str = "ok") -> Case:
    return Case(server, "tools/call", f"--tool-name {tool}", args, outcome)


CASES = [
    Case("everything", "tools/list"),
    Case("everything", "resources/list"),
    Case("everything", "resources/templates/list"),
    Case("everything", "resources/read", f"--uri {DOCUMENT}"),
    Case("everything", "prompts/list"),
    Case("everything", "prompts/get", "--prompt-name simple-prompt"),
    call("everything", "echo", "message=grüße ✓ 日本 \U0001f511"),
    call("everything", "get-sum", "a=2", "b=3"),
    call("everything", "get-sum", "a=two", "b=3", outcome="error"),
    call("everything", "get-tiny-image"),
    call("everything", "trigger-long-running-operation", "duration=1", "steps=3"),
    Case("filesystem", "tools/list"),
    call("filesystem", "read_text_file", "path={root}/notes.txt"),
    call("filesystem", "write_file", "path={root}/out.txt", "content=line one"),
    call("filesystem", "list_directory", "path={root}"),
    call("filesystem", "read_text_file", "path=/etc/passwd", outcome="error"),
    Case("memory", "tools/list"),
    call("memory", "create_entities", f"entities={ADA}"),
    call("memory", "read_graph"),
    call("memory", "add_observations", f"observations={NOBODY}", outcome="error"),
]


@dataclass(frozen=True)
class Bench:
    """A directory with what the servers work on, laid anew for each run."""

    directory: Path

    @property
    def root(self) -> Path:
        return self.directory / "root"

    def ask(self, case: Case, *wrapper: str) -> tuple[int, bytes]:
        self.root.mkdir(exist_ok=True)
        (self.root / "notes.txt").write_text("eins\nzwei: grüße\n", encoding="utf-8")
        (self.root / "out.txt").unlink(missing_ok=True)
        memory = self.directory / "memory.jsonl"
        memory.unlink(missing_ok=True)
        arguments = [str(self.root)] if case.server == "filesystem" else []
        code, stdout, _ = Inspector(self.directory).ask(
            [word.replace("{root}", str(self.root)) for word in case.request],
            [*wrapper, *server_command(case.server, *arguments)],
            MEMORY_FILE_PATH=str(memory),
        )
        return code, stdout


def indelible(*words: str) -> list[str]:
    return [sys.executable, "-m", "indelible", *words]


def recorded(state: Path, query: str = "") -> list[dict[str, object]]:
    done = subprocess.run(
        indelible("query", *([query] if query else []), "--state", str(state), "--json"),
        capture_output=True,
        check=True,
        timeout=60,
    )
    entries = json.loads(done.stdout)
    assert isinstance(entries, list)
    return entries


@pytest.mark.requirement("wrap.reference-servers")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_inspector_prints_the_same_through_wrap(case: Case, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    state = tmp_path / "state"
    dash = ["--"] if case.server == "everything" else []  # it works with and without
    wrapper = indelible("wrap", "--state", str(state), "--server", case.server, *dash)

    direct = bench.ask(case)
    wrapped = bench.ask(case, *wrapper)

    assert direct == wrapped
    assert direct[1], "the inspector printed nothing to compare"
    assert direct[0] == (5 if case.outcome == "error" else 0)

    entries = [e for e in recorded(state, f"method:{case.method}") if e["server"] == case.server]
    asked = [entry for entry in entries if case.tool is None or entry["tool"] == case.tool]
    assert asked, "the request is not on record"
    assert {case.outcome} == {entry["outcome"] for entry in asked}
    if case.tool:
        assert len(asked) == 1
