"""``indelible verify``: every stored byte read and judged. It collects, repairs and writes nothing.

Its words and exit codes: intact (0), incomplete (5), tampered (3); design section 7.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from indelible.cli.options import SUMMARIES, json_option, state_option
from indelible.cli.reading import require_readable
from indelible.cli.terminal import colour, json_text, visible
from indelible.errors import FormatError, StateError, UsageError
from indelible.model.canonical import Json
from indelible.seal.note import Checkpoint, VerifierKey, split_text
from indelible.seal.verify import Finding, Verdict
from indelible.store import files
from indelible.store.check import LogReport, Progress, Report, check
from indelible.store.state import State, resolve

MAX_SHOWN = 5
_COLOURS = {Verdict.INTACT: "green", Verdict.INCOMPLETE: "yellow", Verdict.TAMPERED: "red"}


@click.command(short_help=SUMMARIES["verify"])
@click.option(
    "--key",
    "key_text",
    metavar="VKEY",
    help="The log's public key as you were given it, or a file that holds it.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="A checkpoint that you kept: the log must still contain it.",
)
@json_option
@state_option
def verify(key_text: str | None, checkpoint: Path | None, as_json: bool, state: Path | None) -> int:  # noqa: FBT001
    """Check every sealed byte against the signed checkpoints.

    Reads everything and writes nothing. Exit codes: 0 intact, 5 incomplete
    (records are known to be missing), 3 tampered.

    \b
      indelible verify
      indelible verify --key log.vkey --checkpoint kept.checkpoint
    """  # noqa: D301 — click wants the backspace itself
    place = resolve(state, os.environ)
    key = _key(key_text)
    held = _note(checkpoint)
    user = _owner(place, is_asked=key is not None or held is not None)
    started = time.monotonic()
    with _bar() as progress:
        report = check(
            place,
            user=user,
            now_us=time.time_ns() // 1000,
            key=key,
            checkpoint=held,
            progress=progress,
        )
    if report.is_empty:
        raise StateError(
            f"no log here: {str(place.root)!r}",
            hint="there is no log, key, checkpoint or spool: give the right --state",
        )
    if as_json:
        click.echo(json_text(_as_json(report)))
    else:
        _print(report, time.monotonic() - started)
    return report.verdict.exit_code


def _key(text: str | None) -> VerifierKey | None:
    """Return the key that was given, spelt out or as a file."""
    if text is None:
        return None
    try:
        stored = files.read(Path(text)) if Path(text).is_file() else None
        spelt = stored.decode("utf-8") if stored is not None else text
        return VerifierKey.parse(spelt.strip())
    except (FormatError, UnicodeDecodeError, OSError) as error:
        raise UsageError(
            f"--key is no public key: {error}",
            hint="it looks like indelible.XXXXXXXX/default+XXXXXXXX+…; `indelible status` shows it",
        ) from error


def _note(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        note = files.read(path) or b""
        Checkpoint.parse(split_text(note))
    except FormatError as error:
        raise UsageError(
            f"--checkpoint is no checkpoint: {error}",
            hint="give a copy of log/CLASS/checkpoint that you kept earlier",
        ) from error
    return note


def _owner(state: State, *, is_asked: bool) -> int:
    """Return whose spools are read: the state's owner's.

    Raises:
        StateError: If there is no state, and nothing that says there should be one.
    """
    if state.root.is_dir():
        user = os.stat(state.root).st_uid
        require_readable(state, user)
        return user
    if not is_asked and not state.classes_outside():
        raise StateError(
            f"no state directory at {str(state.root)!r}",
            hint="nothing was recorded here yet, or --state is wrong",
        )
    return os.geteuid()


@contextlib.contextmanager
def _bar() -> Iterator[Progress | None]:
    """Yield what draws a progress bar; None unless somebody watches stderr."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 — only where it is seen
    from rich.progress import Progress as Bar  # noqa: PLC0415

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("verifying", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


def _print(report: Report, seconds: float) -> None:
    for log in report.logs:
        _print_log(log, seconds, named=len(report.logs) > 1)
    if not report.logs:
        click.echo("nothing is sealed yet")
    click.echo(report.limits)
    for log in report.logs:
        for note in log.notes:
            click.echo(f"note  {visible(note)}")
    if report.verdict is Verdict.TAMPERED:
        click.echo(
            "next  change nothing: copy the state and the checkpoints beside it, then look at\n"
            "      who could write there. Nothing was repaired. New records are sealed all the\n"
            "      same unless the end of the log, its keys or its notes are what is wrong."
        )
    if report.verdict is Verdict.INCOMPLETE:
        _print_what_to_do_about_missing_records(report)


def _print_what_to_do_about_missing_records(report: Report) -> None:
    unread = [one for one in report.findings if one.what.startswith("not read: ")]
    if len(unread) < len(report.findings):
        click.echo(
            "next  indelible query kind:gap  tells how many records are missing, and between\n"
            "      which times. They stay missing, and verify goes on saying so."
        )
    if unread:
        click.echo(
            "next  a spool that is not read may hold records: see whose it is and how it came\n"
            "      there; move it away when you know enough."
        )


def _print_log(log: LogReport, seconds: float, *, named: bool) -> None:
    if log.verdict is not Verdict.TAMPERED:
        word = colour(log.verdict.value, _COLOURS[log.verdict], sys.stdout)
        name = f"  {visible(log.name)}" if named else ""
        leaves = f"#0 … #{log.leaves - 1:,}" if log.leaves else "no records"
        click.echo(
            f"{word}{name}  {leaves}  {_count(log.segments, 'segment')}  "
            f"{_count(log.bodies, 'body', 'bodies')}  {seconds:.1f} s"
        )
    findings = sorted(log.findings, key=lambda one: one.verdict is not Verdict.TAMPERED)
    for number, finding in enumerate(findings[:MAX_SHOWN]):
        _print_finding(finding)
        if all(before.index != finding.index for before in findings[:number]):
            _print_last_good(finding)
    if len(log.findings) > MAX_SHOWN:
        click.echo(f"      … and {len(log.findings) - MAX_SHOWN:,} more; --json has them")


def _print_finding(finding: Finding) -> None:
    if finding.verdict is Verdict.TAMPERED:
        word = f"{colour('TAMPERED', 'red', sys.stdout)} at"
    else:
        word = f"{finding.verdict.value} at"
    click.echo(f"{word} {visible(_where(finding))}: {visible(finding.what)}")


def _print_last_good(finding: Finding) -> None:
    """Say where the log was still good, where that is known."""
    if finding.verdict is not Verdict.TAMPERED or finding.index is None:
        return
    if finding.index > 0 and finding.since is not None:
        click.echo(
            f"      last good leaf #{finding.index - 1:,}, collected {visible(finding.since)}"
        )
    elif finding.index == 0:
        click.echo("      no good leaf before it: it begins with the first")


def _where(finding: Finding) -> str:
    """Return file, line and leaf of a finding, as far as it has them."""
    line = f" line {finding.line}" if finding.line is not None else ""
    leaf = f" (leaf #{finding.index:,})" if finding.index is not None else ""
    return f"{finding.file}{line}{leaf}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def _as_json(report: Report) -> dict[str, Json]:
    return {
        "verdict": report.verdict.value,
        "exitCode": report.verdict.exit_code,
        "level": report.level,
        "limits": report.limits,
        "unsealed": report.unsealed,
        "logs": [_log_json(log) for log in report.logs],
    }


def _log_json(log: LogReport) -> dict[str, Json]:
    note = log.checkpoint.decode("utf-8", "replace") if log.checkpoint is not None else None
    return {
        "class": log.name,
        "origin": log.origin or None,
        "verdict": log.verdict.value,
        "leaves": log.leaves,
        "segments": log.segments,
        "bodies": log.bodies,
        "unsealed": log.unsealed,
        "keyPinned": log.pinned,
        "checkpoint": note,
        "findings": [
            {
                "verdict": one.verdict.value,
                "file": one.file,
                "line": one.line,
                "leafIndex": one.index,
                "lastGoodReceivedAt": one.since,
                "what": one.what,
            }
            for one in log.findings
        ],
        "notes": list(log.notes),
    }
