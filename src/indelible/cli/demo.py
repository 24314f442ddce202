"""``indelible demo``: the whole story in half a minute, on real code paths only.

It records a real MCP server through `wrap`, tampers with the trail three times
and gets caught three times. Everything happens in one temporary directory, and
each step is checked; a step that deviates ends the demo with exit 1.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

from indelible.cli.options import SUMMARIES
from indelible.cli.terminal import colour, visible
from indelible.errors import IndelibleError

PAUSE_S = 0.6
_STEPS = 5
_COMMAND_TIMEOUT_S = 60
_PIPED_COLUMNS = 117
_CAUGHT_ROWS = 2


@click.command(short_help=SUMMARIES["demo"])
@click.option("--ci", is_flag=True, help="No pauses.")
@click.option("--keep", is_flag=True, help="Keep the directory, to look around in it.")
def demo(ci: bool, keep: bool) -> None:  # noqa: FBT001
    """Record a real MCP server, tamper with the trail, get caught.

    Offline, in a temporary directory of its own. Every step is checked: exit 0
    means that all went as told.

    \b
      indelible demo
      indelible demo --ci --keep
    """  # noqa: D301 — click wants the backspace itself
    if importlib.util.find_spec("mcp") is None:
        raise IndelibleError(
            "the demo needs the MCP SDK", hint="in a checkout: pip install '.[demo]'"
        )
    directory = Path(tempfile.mkdtemp(prefix="indelible-demo-"))
    story = Story(directory, pause_s=0 if ci or not sys.stdout.isatty() else PAUSE_S)
    try:
        story.tell()
    finally:
        if keep:
            click.echo(f"kept: {directory}   look around: indelible --state {story.state} query")
        else:
            shutil.rmtree(directory, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Output:
    """What one of our own commands printed, and its exit code."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Story:
    """The five steps, told and checked."""

    directory: Path
    pause_s: float

    @property
    def state(self) -> Path:
        """The state directory of the demo."""
        return self.directory / "state"

    def tell(self) -> None:
        """Go through all steps.

        Raises:
            IndelibleError: If a step deviates.
        """
        started = time.monotonic()
        _step(1, "starting a real MCP server (crm, 5 tools) behind `indelible wrap` …")
        self._record()
        self._show_records()
        self._search_for_secrets()
        self._tamper()
        self._conclude(time.monotonic() - started)

    def _record(self) -> None:
        """Steps 1 and 2: two sessions of the SDK's own client with the wrapped server."""
        from indelible.cli import demo_calls  # noqa: PLC0415 — after the first output

        command = [
            *_ours(), "wrap", "--state", str(self.state), "--server", "crm", "--",
            *demo_calls.server_command(),
        ]  # fmt: skip
        errors = self.directory / "server-stderr.txt"
        answers = demo_calls.call(command, demo_calls.FIRST_SESSION, errors=errors)
        expect(
            [answer.what for answer in answers] == ["ok", "ok", "ok", "ok", "error"],
            f"first session answered {[(a.tool, a.what, a.said) for a in answers]}",
        )
        _step(2, "an agent calls its tools, with secrets in what it sends …")
        self._seal()
        self._keep_aside("then")
        more = demo_calls.call(command, demo_calls.SECOND_SESSION, errors=errors)
        expect(
            [answer.what for answer in more] == ["ok", "ok", "lost"],
            f"second session answered {[(a.tool, a.what, a.said) for a in more]}",
        )
        for answer in [*answers, *more]:
            click.echo(f"       {answer.tool:<16} {answer.what:<6} {visible(answer.said)[:70]}")
        click.echo("       the server was killed in the last call; its client got an error at once")
        self._seal()

    def _show_records(self) -> None:
        """Step 3, first half: the calls as they were recorded."""
        _step(3, "what is on record")
        self._pause()
        output = self._run("query", "tool:*")
        expect(output.code == 0, f"query exited with {output.code}: {output.stderr}")
        _quote(output.stdout)
        calls = json.loads(self._run("query", "tool:*", "--json").stdout)
        expect(len(calls) == 8, f"{len(calls)} calls on record, not 8")
        unfinished = json.loads(self._run("query", "is:unfinished", "--json").stdout)
        tools = [entry["tool"] for entry in unfinished]
        expect(tools == ["merge_contacts"], f"unfinished calls are {tools}")
        click.echo("       the call that killed its server is on record too: merge_contacts")
        for entry in calls:
            if entry["tool"] in ("add_contact", "import_contacts"):
                click.echo(f"       {entry['tool']}: {visible(json.dumps(entry['args']))}")

    def _search_for_secrets(self) -> None:
        """Step 3, second half: none of the planted secrets is in any byte on disk."""
        from indelible.cli import demo_calls  # noqa: PLC0415 — loaded already

        files = [path for path in self.directory.rglob("*") if path.is_file()]
        stored = {path: path.read_bytes() for path in files}
        for name, secret in demo_calls.SECRETS.items():
            for path, data in stored.items():
                expect(secret.encode() not in data, f"{name} stands in {path}")
        sealed = b"".join(data for path, data in stored.items() if "bodies" in path.parts)
        expect(b"[REDACTED]" in sealed, "nothing was redacted")
        size = sum(map(len, stored.values()))
        click.echo(
            f"       {len(demo_calls.SECRETS)} planted secrets, looked for in all "
            f"{size:,} bytes of {len(files)} files: none is there"
        )
        self._pause()

    def _tamper(self) -> None:
        """Step 4: intact, then three ways to tamper, each caught."""
        _step(4, "an insider gets at the files")
        intact = self._run("verify")
        expect(
            intact.code == 0, f"verify exited with {intact.code}: {intact.stdout}{intact.stderr}"
        )
        expect("intact" in intact.stdout, f"verify said {intact.stdout!r}")
        click.echo("     $ indelible verify")
        _quote(intact.stdout)
        self._keep_aside("now")
        for told, tamper, place in (
            ("edits one sealed record: the delete was a find", self._edit, "segments/"),
            ("cuts the newest records off the log", self._cut, "the log ends after"),
            ("puts back the whole state of a minute ago", self._roll_back, "checkpoint"),
        ):
            click.echo(f"     the insider {told} …")
            self._pause()
            tamper()
            caught = self._run("verify")
            expect(caught.code == 3, f"verify exited with {caught.code}: {caught.stdout}")
            expect(place in caught.stdout, f"verify did not name {place!r}: {caught.stdout}")
            click.echo("     $ indelible verify")
            _quote(caught.stdout, _CAUGHT_ROWS)
            click.echo(f"       {colour('caught', 'green', sys.stdout)}: exit 3")
            self._put_back("now")
        again = self._run("verify")
        expect(again.code == 0, f"put back as it was, verify exited with {again.code}")

    def _conclude(self, seconds: float) -> None:
        """Step 5: what this proved, and what it did not."""
        _step(5, f"done in {seconds:.0f} s, every step checked")
        click.echo(
            "       proved       calls are on record before they run; the secrets are not; an\n"
            "                    edit, a cut tail and a rollback are found, with their place\n"
            "       not proved   here all files belong to one user (level L0): whoever can write\n"
            "                    the log, its key and the copied checkpoint can write all anew.\n"
            "                    A collector under another user or on another host, and a\n"
            "                    witness, close that.\n"
            "       next         indelible wrap --server NAME -- YOUR SERVER'S COMMAND"
        )

    def _seal(self) -> None:
        """Collect until nothing is left unsealed and no detached collection runs any more."""
        until = time.monotonic() + _COMMAND_TIMEOUT_S
        while time.monotonic() < until:
            self._run("collect", "--once")
            status = json.loads(self._run("status", "--json").stdout)
            sealed = not status["unsealed"]["records"] and not status["writers"]["live"]
            if sealed and not _is_in_use(self.state):
                return
            time.sleep(0.1)
        raise IndelibleError("demo: records stay unsealed", hint="indelible status")

    def _edit(self) -> None:
        segment = self._segment()
        before, tool, after = segment.read_bytes().rpartition(b'"tool":"delete_contact"')
        expect(tool, "no record of delete_contact to edit")
        segment.write_bytes(before + b'"tool":"find_contact"' + after)

    def _cut(self) -> None:
        segment = self._segment()
        lines = segment.read_bytes().splitlines(keepends=True)
        commits = [n for n, one in enumerate(lines) if one.startswith(b'{"commit":')]
        expect(len(commits) > 1, "one batch only: nothing to cut")
        segment.write_bytes(b"".join(lines[: commits[-2] + 1]))

    def _roll_back(self) -> None:
        self._put_back("then")

    def _segment(self) -> Path:
        return min((self.state / "log" / "default" / "segments").iterdir())

    def _keep_aside(self, name: str) -> None:
        """Copy the state: an insider's backup. The copied checkpoints outside are not in it."""
        shutil.copytree(self.state, self.directory / name)

    def _put_back(self, name: str) -> None:
        shutil.rmtree(self.state)
        shutil.copytree(self.directory / name, self.state)

    def _run(self, *words: str) -> Output:
        """Run one of our own commands, as a user would."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("INDELIBLE_")
        }
        columns = shutil.get_terminal_size((_PIPED_COLUMNS, 0)).columns - 7
        done = subprocess.run(
            [*_ours(), "--state", str(self.state), *words],
            env=environment | {"COLUMNS": str(columns)},
            capture_output=True,
            encoding="utf-8",
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
        return Output(done.returncode, done.stdout, done.stderr)

    def _pause(self) -> None:
        time.sleep(self.pause_s)


def expect(held: object, otherwise: str) -> None:
    """Go on if *held*.

    Raises:
        IndelibleError: If not, with what was found instead.
    """
    if not held:
        raise IndelibleError(f"demo: {otherwise}", hint="a fault of ours: please report it")


def _is_in_use(state: Path) -> bool:
    """Return whether another process names *state*: one that may still write to it."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:  # it has ended meanwhile
                continue
            if os.fsencode(state) in command:
                return True
    return False


def _ours() -> list[str]:
    return [sys.executable, "-m", "indelible"]


def _step(number: int, told: str) -> None:
    click.echo(f"{colour(f'{number}/{_STEPS}', 'bold', sys.stdout)}  {told}")


def _quote(output: str, limit: int | None = None) -> None:
    """Print what a command printed, moved in; that command has made it visible."""
    rows = output.splitlines()
    for row in rows[:limit]:
        click.echo(f"       {row}".rstrip())
    if limit is not None and len(rows) > limit:
        click.echo(f"       … {len(rows) - limit} more lines")
