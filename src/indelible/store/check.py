"""`verify`: every stored file of a state, read and judged; nothing is written.

It takes no lock. A collection that goes on meanwhile is no finding: what it adds after
we began is left out of the verdict. Rules: docs/reference/format.md sections 7 and 9.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from indelible.errors import FormatError, StateError, TamperedError
from indelible.model.frame import parse_spool_name
from indelible.seal.density import Density
from indelible.seal.note import Checkpoint, VerifierKey, open_checkpoint, split_text
from indelible.seal.notes import Notes, RawNotes, judge_notes
from indelible.seal.verify import Finding, LogJudge, Verdict
from indelible.store import check_files, check_spools, recovery, segments, spools
from indelible.store.check_bodies import BodyCheck
from indelible.store.segments import Segment
from indelible.store.spools import SpoolView
from indelible.store.state import LogPaths, State

Progress = Callable[[int, int], None]
"""Called with the leaves done and the leaves there are."""

LEVEL = "L0"

_STABLE_TRIES = 20
_STEP = 1000


@dataclass(slots=True)
class LogReport:
    """What was found in one log."""

    name: str
    origin: str = ""
    findings: list[Finding] = field(default_factory=list)
    """The first wrong place first."""
    notes: list[str] = field(default_factory=list)
    leaves: int = 0
    segments: int = 0
    bodies: int = 0
    unsealed: int = 0
    """Records in spools that are not in the log."""
    oldest_unsealed_us: int | None = None
    pinned: bool = False
    """Whether the caller gave the public key; else it is only what the state says it is."""
    checkpoint: bytes | None = None
    """The newest checkpoint, as stored: keep it elsewhere and hand it in next time."""
    exists: bool = True
    """Whether there is anything of it: a key, a leaf, a signed note or a spool."""

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        found = {one.verdict for one in self.findings}
        for verdict in (Verdict.TAMPERED, Verdict.INCOMPLETE):
            if verdict in found:
                return verdict
        return Verdict.INTACT


@dataclass(slots=True)
class Report:
    """What was found in a state."""

    logs: list[LogReport] = field(default_factory=list)
    now_us: int = 0
    level: str = LEVEL

    @property
    def verdict(self) -> Verdict:
        """The worst of the logs'."""
        found = {one.verdict for one in self.logs}
        for verdict in (Verdict.TAMPERED, Verdict.INCOMPLETE):
            if verdict in found:
                return verdict
        return Verdict.INTACT

    @property
    def findings(self) -> list[Finding]:
        """All findings: tampering first, each log's first wrong place first."""
        every = [one for log in self.logs for one in log.findings]
        return sorted(every, key=lambda one: one.verdict is not Verdict.TAMPERED)

    @property
    def is_empty(self) -> bool:
        """Whether there is no log at all here, nothing that tells of one, and nothing wrong."""
        return not self.findings and not any(one.exists for one in self.logs)

    @property
    def unsealed(self) -> int:
        """Records in spools that are not in a log."""
        return sum(one.unsealed for one in self.logs)

    @property
    def limits(self) -> str:
        """What this level does not prove, in one sentence."""
        oldest = [one.oldest_unsealed_us for one in self.logs if one.oldest_unsealed_us is not None]
        age = max(0, self.now_us - min(oldest)) // 1_000_000 if oldest else 0
        records = "1 record" if self.unsealed == 1 else f"{self.unsealed} records"
        return (
            f"{self.level}: rewrite, rollback, tail cut and forged unsealed records by this user "
            f"not detectable; {records} unsealed for {_duration(age)}"
        )


def check(
    state: State,
    *,
    user: int,
    now_us: int,
    key: VerifierKey | None = None,
    checkpoint: bytes | None = None,
    progress: Progress | None = None,
) -> Report:
    """Verify every log of *state*.

    Args:
        user: The effective uid: whose spools are read.

        now_us: Microseconds since 1970.

        key: The public key the caller trusts; its name says for which class.

        checkpoint: A checkpoint the caller holds; the log must still contain it.

        progress: Called now and then.

    Raises:
        StateError: If something cannot be read for want of rights, or of a disk.

        FormatError: If *checkpoint* is no checkpoint.
    """
    report = Report(now_us=now_us)
    held = Checkpoint.parse(split_text(checkpoint)) if checkpoint is not None else None
    wanted = {one.rpartition("/")[2] for one in (key and key.name, held and held.origin) if one}
    try:
        known = {*state.classes(), *state.classes_outside(), *state.classes_with_keys()}
        for name in sorted({*known, *wanted}):
            mine = key if key is not None and key.name.endswith(f"/{name}") else None
            log = _Check(state, state.log(name), user=user, pinned=mine, progress=progress)
            if held is not None and checkpoint is not None and held.origin.endswith(f"/{name}"):
                log.held = checkpoint
            report.logs.append(log.run())
        if report.logs:
            report.logs[0].notes.extend(check_files.unknown(state))
    except OSError as exc:
        hint = "Verify as the owner of the state, or as root."
        raise StateError(f"cannot read all of the state: {exc}", hint=hint) from exc
    return report


class _Check:
    """The verification of one log; made, run once, and thrown away."""

    def __init__(
        self,
        state: State,
        paths: LogPaths,
        *,
        user: int,
        pinned: VerifierKey | None,
        progress: Progress | None,
    ) -> None:
        self.held: bytes | None = None
        self._state = state
        self._paths = paths
        self._user = user
        self._pinned = pinned
        self._progress = progress
        self._report = LogReport(paths.name, pinned=pinned is not None)

    def run(self) -> LogReport:
        """Read everything and judge it."""
        for path, what in check_files.strangers(self._state, self._paths):
            self._add(path, what)
        try:
            raw, moving = self._stable_notes()
        except TamperedError as exc:
            self._add(Path(exc.where), str(exc))
            return self._report
        views = list(spools.unsealed(self._state, self._paths.name, self._user))
        has_keys = any(one.exists() for one in (self._paths.key, self._paths.vkey))
        is_new = recovery.is_new(self._paths, raw)
        self._report.exists = bool(views) or has_keys or not is_new
        key = self._key(raw)
        self._report.notes.extend(check_files.remarks(self._state, self._paths))
        if key is not None:
            self._report.origin = key.name
            self._report.checkpoint = raw.outside or raw.inside
            notes = self._judge_notes(raw, key, moving=moving)
            judge = LogJudge(notes, self._due(notes, key))
            self._read_log(judge, notes)
            moving = moving or recovery.read_notes(self._paths) != raw
            self._merge(judge, notes, moving=moving)
            self._compare_files(notes)
            self._spools(views, judge.density)
        else:
            self._spools(views, Density())
        self._refused()
        self._remark()
        return self._report

    def _stable_notes(self) -> tuple[RawNotes, bool]:
        """Return the notes as they stood together, and whether a collection kept moving them."""
        raw = recovery.read_notes(self._paths)
        for _ in range(_STABLE_TRIES):
            again = recovery.read_notes(self._paths)
            if again == raw:
                return raw, False
            raw = again
        return raw, True

    def _key(self, raw: RawNotes) -> VerifierKey | None:
        new = recovery.is_new(self._paths, raw)
        key, wrong, notes = check_files.verifier(self._paths, self._pinned, is_new=new)
        for path, what in wrong:
            self._add(path, what)
        self._report.notes.extend(notes if not new else [])
        if key is None and not new:
            self._add(self._paths.vkey, "no key to verify with")
        if key is not None and not key.name.endswith(f"/{self._paths.name}"):
            self._add(self._paths.vkey, f"key of another log: {key.name}")
        if self._pinned is not None and new:
            self._add(self._paths.directory, f"there is no log of {self._pinned.name} here")
        return key if not new or self._pinned else None

    def _judge_notes(self, raw: RawNotes, key: VerifierKey, *, moving: bool) -> Notes:
        notes = judge_notes(raw, key, moving=moving)
        for name, what in notes.wrong:
            self._add(recovery.note_path(self._paths, name), what)
        if notes.intent is not None:
            self._report.notes.append(
                f"{self._label(self._paths.intent)}: a collection is going on or was cut short; "
                "the next one goes on from there"
            )
        if notes.writers is not None and notes.writers.outside:
            if not self._paths.outside_vkey.exists():
                self._add(self._paths.outside_vkey, "the public key is missing")
        elif notes.writers is not None and notes.outside is None:
            self._report.notes.append("no checkpoint is kept outside the state directory")
        return notes

    def _due(self, notes: Notes, key: VerifierKey) -> list[tuple[int, str, bytes]]:
        due = [
            (size, self._label(recovery.note_path(self._paths, name)), root)
            for size, (name, root) in notes.roots.items()
            if size > 0
        ]
        if self.held is not None:
            try:
                held = open_checkpoint(self.held, key)
            except FormatError as exc:
                finding = Finding(Verdict.TAMPERED, "the checkpoint you hold", str(exc))
                self._report.findings.append(finding)
            else:
                due.append((held.size, "the checkpoint you hold", held.root))
        return [one for one in due if one[0] > 0]

    def _read_log(self, judge: LogJudge, notes: Notes) -> None:
        body_check = BodyCheck(self._paths.bodies, self._label(self._paths.bodies), judge)
        listing = segments.list_segments(self._paths.segments)
        self._report.segments = len(listing)
        done = first = 0
        for number, segment in enumerate(listing):
            label, first = self._label(segment.path), segment.first
            data = self._read_segment(segment, label, judge)
            torn = (
                notes.intent is not None
                and number == len(listing) - 1
                and not segment.has_compressed
            )
            for seen in judge.segment(label, first, data or b"", may_be_torn=torn):
                body_check.take(seen, first)
                done += 1
                if self._progress is not None and done % _STEP == 0:
                    self._progress(done, max(notes.size, done))
            if judge.is_broken:
                if number + 1 < len(listing):
                    judge.cut_off(label)
                break
        judge.finish()
        if not judge.is_broken:
            body_check.finish(judge.frontier.size, unfinished=notes.intent is not None)
        elif judge.broken is not None and (likely := body_check.likely(judge.broken, first)):
            judge.name_likely(*likely)
        if self._progress is not None:
            self._progress(done, max(notes.size, done))
        self._report.leaves = judge.frontier.size
        self._report.bodies = body_check.count

    def _read_segment(self, segment: Segment, label: str, judge: LogJudge) -> bytes | None:
        try:
            data = segments.read_segment(segment)
            if segment.has_plain and segment.has_compressed:
                other = Segment(segment.directory, segment.first, False, True)  # noqa: FBT003
                if segments.read_compressed(other) not in (data, None):
                    judge.unreadable(label, "plain and compressed file differ")
                    return None
        except FormatError as exc:
            judge.unreadable(label, str(exc))
            return None
        return data

    def _merge(self, judge: LogJudge, notes: Notes, *, moving: bool) -> None:
        """Take over what the judge found; of a log that moved only what was there before."""
        for path, digest, same in check_files.quarantine(self._paths):
            records = judge.kept.get(digest)
            if not same:
                judge.add(self._label(path), "content is not what its name says")
            elif not records and notes.intent is None and not judge.is_broken:
                judge.add(self._label(path), "no record tells of it", index=judge.frontier.size)
            if records:
                records.pop(0)
        for digest, records in judge.kept.items():
            for index in records:
                what = f"bytes that leaf {index} says are kept are missing: {digest}"
                judge.add(self._label(self._paths.quarantine), what, index=index)
        base = notes.size
        for one in judge.findings:
            if not moving or one.index is None or one.index < base:
                self._report.findings.append(one)
        self._report.notes.extend(judge.remarks)
        if moving:
            text = f"a collection went on meanwhile; the verdict is about the first {base} leaves"
            self._report.notes.append(text)

    def _compare_files(self, notes: Notes) -> None:
        """Compare the files with what `writers` says of them; a wrong one is told once."""
        noted = notes.writers
        if noted is None or noted.sealed is None:
            return
        for path, what in check_files.unlike(self._paths, noted.sealed, noted.size):
            label = self._label(path)
            if not any(one.file.startswith(label) for one in self._report.findings):
                self._add(path, what)

    def _spools(self, views: list[SpoolView], density: Density) -> None:
        """Count what is not in the log yet."""
        found = check_spools.count(views, density)
        self._report.unsealed = found.unsealed
        self._report.oldest_unsealed_us = found.oldest_us
        self._report.notes.extend(f"{self._label(path)}: {what}" for path, what in found.damage)

    def _refused(self) -> None:
        """Say of what spools is not read: records may be in them, and will not be sealed."""
        for path, what in spools.refused(self._paths, self._user):
            told = f"not read: {what}"
            if parse_spool_name(path.name) is not None:
                self._report.exists = True
                finding = Finding(Verdict.INCOMPLETE, self._label(path), told)
                self._report.findings.append(finding)
            else:
                self._report.notes.append(f"{self._label(path)}: {told}")

    def _remark(self) -> None:
        if not self._report.exists:
            self._report.notes.append(f"{self._paths.name}: no log, no key and no records here")
        if not self._report.pinned and self._report.leaves:
            self._report.notes.append(
                "the public key is the one stored beside the log; pin it with --key to prove "
                "that nobody signed everything anew"
            )

    def _add(self, path: Path, what: str) -> None:
        self._report.findings.append(Finding(Verdict.TAMPERED, self._label(path), what))

    def _label(self, path: Path | str) -> str:
        """Return a path as findings name it: within the state where it is there."""
        text = str(path)
        root = f"{self._state.root}{os.sep}"
        return text.removeprefix(root)


def _duration(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
