"""The judgement of what was read of a log. Pure: it never trusts and never repairs.

The rules are those of docs/reference/format.md sections 7 and 9. Where the bytes come
from is the caller's affair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from indelible.model.canonical import Json
from indelible.seal.density import Density
from indelible.seal.merkle import Frontier
from indelible.seal.notes import Notes
from indelible.seal.segment import COLLECTOR, Batch, Scanner, Tail, parse_header, parse_leaf

MAX_FINDINGS = 200
"""Findings kept for one log; the first are the ones that matter."""


class Verdict(Enum):
    """What a verification came to."""

    INTACT = "intact"
    INCOMPLETE = "incomplete"
    TAMPERED = "tampered"

    @property
    def exit_code(self) -> int:
        """The exit code that says it."""
        return {"intact": 0, "incomplete": 5, "tampered": 3}[self.value]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, and where."""

    verdict: Verdict
    file: str
    what: str
    line: int | None = None
    """From 1, where the file has lines."""
    index: int | None = None
    """The first leaf it is about."""
    since: str | None = None
    """`receivedAt` of the last good leaf before it."""
    likely: int | None = None
    """The leaf that most likely was changed, where one batch as a whole is wrong."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A batch whose leaves do not give its root."""

    first: int
    line: int
    """Of its first leaf."""
    leaves: list[bytes]


@dataclass(frozen=True, slots=True)
class Seen:
    """A leaf that its batch proves, as far as the bodies' check needs it."""

    index: int
    received_at: str
    body_hash: str
    file: str
    line: int


class LogJudge:
    """Takes the segments of one log in order, then says what was wrong."""

    def __init__(self, notes: Notes, due: list[tuple[int, str, bytes]]) -> None:
        """Make a judge.

        Args:
            due: Sizes at which the log must have a root, by which file, and the root.
        """
        self.frontier = Frontier()
        self.density = Density()
        self.findings: list[Finding] = []
        self.remarks: list[str] = []
        self.kept: dict[str, list[int]] = {}
        """SHA-256 of what the collector says is in quarantine, and the leaves that say so."""
        self.since: str | None = None
        self._notes = notes
        self._due = sorted(due, key=lambda one: one[0])
        self.is_broken = False
        """Whether the chain of segments could not be followed to its end."""
        self.broken: Broken | None = None
        """The batch at which it broke, if that can be looked into."""
        self._broken_at = 0
        self._is_cut_off = False

    def add(
        self,
        file: str,
        what: str,
        *,
        line: int | None = None,
        index: int | None = None,
        verdict: Verdict = Verdict.TAMPERED,
    ) -> None:
        """Add a finding."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(verdict, file, what, line, index, self.since))

    def unreadable(self, file: str, what: str) -> None:
        """Say that a segment cannot be read: nothing after it can be proved."""
        if not self.is_broken:
            self.add(file, what, index=self.frontier.size)
        self.is_broken = True

    def segment(self, file: str, first: int, data: bytes, *, may_be_torn: bool) -> Iterator[Seen]:
        """Judge the next segment; yield the leaves that are proved.

        Args:
            may_be_torn: Whether it is the last one, plain, and `intent` stands.
        """
        if self.is_broken:
            return
        if first != self.frontier.size:
            told = f"segment starts at leaf {first}, the log goes on at {self.frontier.size}"
            self.unreadable(file, f"{told}: one is missing or was put in")
            return
        scanner = Scanner(data, self.frontier)
        for batch in scanner.batches():
            self.frontier = scanner.frontier
            self._compare(file, batch)
            for number, one in enumerate(batch.leaves):
                seen = self._leaf(file, batch.first + number, one, batch.line + number)
                if seen is not None:
                    yield seen
        if scanner.tail is not None:
            self._tail(file, scanner.tail, len(data), may_be_torn=may_be_torn)
        elif not data and not may_be_torn:
            self.unreadable(file, "segment is empty")

    def finish(self) -> None:
        """Judge what only the end of the log shows."""
        for writer, first, last, index in self.density.undeclared():
            what = f"records {first} to {last} of writer {writer} are missing without a gap record"
            self.add("", what, index=index)
        if self.is_broken:
            return
        size = self.frontier.size
        for due, file, _ in self._due:
            if due > size:
                self.add(file, f"says {due} leaves, the log ends after {size}", index=size)
                return
        if self._notes.intent is None and size > self._notes.size:
            told = f"the log holds {size} leaves, its checkpoint says {self._notes.size}"
            self.add("", told, index=self._notes.size)

    def _compare(self, file: str, batch: Batch) -> None:
        """Compare the roots that are due at or before the end of a batch."""
        while self._due and self._due[0][0] <= batch.size:
            due, name, root = self._due.pop(0)
            if due < batch.size:
                what = f"says {due} leaves, where no batch of {file} ends"
                self.add(name, what, line=batch.line, index=batch.first)
            elif root != batch.root:
                what = f"does not have the root that {file} gives at {due} leaves"
                self.add(name, what, index=batch.first)

    def _leaf(self, file: str, index: int, line: bytes, number: int) -> Seen | None:
        leaf = parse_leaf(line)
        header = parse_header(leaf.header) if leaf else None
        if leaf is None or header is None:
            self.add(file, "leaf line cannot be read", line=number, index=index)
            return None
        own = leaf.peer == COLLECTOR
        wrong = self.density.take(header, index, own=own)
        if wrong is not None:
            self.add(file, wrong, line=number, index=index)
        if own or header.get("kind") == "gap":
            self._control(file, header, index, number, own=own)
        self.since = leaf.received_at
        body_hash = header.get("bodyHash")
        if not isinstance(body_hash, str):
            self.add(file, "record without a bodyHash", line=number, index=index)
            return None
        return Seen(index, leaf.received_at, body_hash, file, number)

    def _control(
        self, file: str, header: dict[str, Json], index: int, line: int, *, own: bool
    ) -> None:
        """Take a record that tells of something not kept."""
        kind, digest = header.get("kind"), header.get("sha256")
        if own and isinstance(digest, str):
            self.kept.setdefault(digest, []).append(index)
        what = _incomplete(header)
        if what is not None:
            self.add(file, what, line=line, index=index, verdict=Verdict.INCOMPLETE)
        elif kind == "recovered":
            self.remarks.append(f"leaf {index}: a crash's residue was cut off and kept")

    def _tail(self, file: str, tail: Tail, size: int, *, may_be_torn: bool) -> None:
        if may_be_torn and tail.torn:
            self.remarks.append(
                f"{file}: {size - tail.start} bytes of a write that was cut short; "
                "the next collection moves them to quarantine"
            )
            return
        what = f"{tail.what} (lines {tail.line} to {tail.last_line})"
        if tail.leaves:
            self.broken = Broken(self.frontier.size, tail.line, tail.leaves)
            self._broken_at = len(self.findings)
        self.add(file, what, line=tail.line, index=self.frontier.size)
        if tail.more:
            self.cut_off(f"line {tail.last_line} of {file}")
        self.is_broken = True

    def cut_off(self, where: str) -> None:
        """Remark, once, that what follows *where* cannot be judged."""
        if not self._is_cut_off:
            told = f"nothing after {where} can be judged: each batch stands on the one before it"
            self.remarks.append(told)
        self._is_cut_off = True

    def name_likely(self, index: int, why: str) -> None:
        """Add to the finding about the broken batch which of its leaves was changed."""
        broken, at = self.broken, self._broken_at
        if broken is None or at >= len(self.findings):
            return
        line = broken.line + index - broken.first
        told = f"most likely leaf #{index} (line {line}): {why}"
        known = self.findings[at]
        self.findings[at] = replace(known, what=f"{known.what}; {told}", likely=index)


def _incomplete(header: dict[str, Json]) -> str | None:
    """Return what a control record says is missing, or None if nothing is."""
    kind, reason = header.get("kind"), header.get("reason")
    if kind == "gap" and reason == "missing-seq":
        numbers = f"{header.get('firstSeq')} to {header.get('lastSeq')}"
        return f"records {numbers} of writer {header.get('ofWriter')} never arrived"
    if kind == "gap":
        told = f"{header.get('proceeded', 0)} calls ran and {header.get('refused', 0)} were refused"
        return f"{told} while their records could not be kept"
    if kind == "conflict":
        number = f"record {header.get('firstSeq')} of writer {header.get('ofWriter')}"
        return f"{number} came again with other content"
    if kind == "recovered" and reason == "damaged-spool":
        return f"a spool of writer {header.get('ofWriter')} was damaged"
    return None
