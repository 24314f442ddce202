"""Comparing bodies with the leaves that commit to them, both read once and in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from indelible.errors import FormatError
from indelible.model.record import body_hash
from indelible.seal.segment import parse_header, parse_leaf
from indelible.seal.verify import Broken, LogJudge, Seen
from indelible.store import bodies


class _Day:
    """One day's body lines, the next one in hand."""

    def __init__(self, path: Path) -> None:
        self.opened = bodies.BodyFile(path)
        self.number = 0
        """Of the line in hand, from 1."""
        self.line: bodies.BodyLine | None = None
        self.at_end = False
        self._offset = 0
        self._lines: Iterator[tuple[int, bytes, bool]] | None = self.opened.lines()
        self.advance()

    def advance(self) -> None:
        """Take the next line in hand; `line` is None if it is none."""
        self.number += 1
        self._take()

    def rest(self) -> None:
        """Hold no bytes until `resume`."""
        self._lines, self.line = None, None

    def resume(self) -> None:
        """Take the line in hand again that was there before `rest`."""
        if self._lines is None and not self.at_end:
            self._lines = self.opened.lines(self._offset)
            self._take()

    def _take(self) -> None:
        found = next(self._lines, None) if self._lines is not None else None
        self.at_end = found is None
        self.line = None
        if found is not None:
            self._offset = found[0]
            self.line = bodies.parse_line(found[1]) if found[2] else None


class BodyCheck:
    """Takes the leaves of a log in order; every body line must be one of theirs."""

    def __init__(self, directory: Path, label: str, judge: LogJudge) -> None:
        """Open the check.

        Args:
            label: How findings call the directory.
        """
        self.count = 0
        """Bodies that were right."""
        self._directory = directory
        self._label = label
        self._judge = judge
        self._days: dict[str, _Day | None] = {}
        self._current: _Day | None = None

    def take(self, seen: Seen) -> None:
        """Compare the body of one leaf."""
        name = bodies.day_of(seen.received_at)
        day = self._open(name)
        if day is None:
            return
        while not day.at_end:
            line = day.line
            if line is not None and line.index >= seen.index:
                break
            what = "is no body line" if line is None else f"body of leaf {line.index} out of place"
            self._judge.add(self._file(name), what, line=day.number, index=seen.index)
            day.advance()
        line = day.line
        if line is None or line.index != seen.index:
            what = f"body of leaf {seen.index} is missing"
            self._judge.add(self._file(name), what, line=day.number, index=seen.index)
            return
        if body_hash(line.salt, line.body) == seen.body_hash:
            self.count += 1
        else:
            what = f"body of leaf {seen.index} is not the one that its header commits to"
            self._judge.add(self._file(name), what, line=day.number, index=seen.index)
        day.advance()

    def finish(self, size: int, *, unfinished: bool) -> None:
        """Judge the lines that are left over.

        Args:
            size: Leaves in the log.

            unfinished: Whether `intent` stands: lines beyond the tree are a crash's then.
        """
        for name in bodies.list_days(self._directory):
            day = self._open(name)
            left = self._left_over(name, day, size, unfinished=unfinished) if day else 0
            if left and unfinished:
                text = f"{self._file(name)}: {left} lines beyond the tree, of an unfinished write"
                self._judge.remarks.append(text)
            if not left and day is not None and day.opened.size == 0 and not unfinished:
                self._judge.add(self._file(name), "is empty", index=size)

    def _left_over(self, name: str, day: _Day, size: int, *, unfinished: bool) -> int:
        """Judge what is left of one file, in one finding; return how many lines it is."""
        left, wrong, number, first = 0, 0, 0, ""
        while not day.at_end:
            line = day.line
            left += 1
            if not unfinished or (line is not None and line.index < size):
                # A line that is none may be the end of a torn write.
                wrong += 1
                if wrong == 1:
                    what = "is no body line" if line is None else f"body of no leaf: {line.index}"
                    number, first = day.number, what
            day.advance()
        if wrong:
            what = f"{first} and {wrong - 1} more after it" if wrong > 1 else first
            self._judge.add(self._file(name), what, line=number, index=size)
        return left

    def _open(self, name: str) -> _Day | None:
        if name not in self._days:
            try:
                self._days[name] = _Day(bodies.path_of(self._directory, name))
            except FormatError as exc:
                self._judge.add(self._file(name), str(exc), index=self._judge.frontier.size)
                self._days[name] = None
        day = self._days[name]
        if day is not self._current:
            # Leaves come day by day; a log in which they do not must cost no memory.
            if self._current is not None:
                self._current.rest()
            self._current = day
            if day is not None:
                day.resume()
        return day

    def likely(self, broken: Broken) -> tuple[int, str] | None:
        """Return the one leaf of a batch that shows why it does not give its root, and how."""
        suspects: list[tuple[int, str]] = []
        for number, line in enumerate(broken.leaves):
            index = broken.first + number
            leaf = parse_leaf(line)
            header = parse_header(leaf.header) if leaf else None
            if leaf is None or header is None:
                suspects.append((index, "it can no longer be read"))
                continue
            body = self._body(index, bodies.day_of(leaf.received_at))
            if body is not None and body_hash(body.salt, body.body) != header.get("bodyHash"):
                suspects.append((index, "its header and body no longer agree"))
        return suspects[0] if len(suspects) == 1 else None

    def _body(self, index: int, name: str) -> bodies.BodyLine | None:
        day = self._open(name)
        return day.opened.find(index) if day is not None else None

    def _file(self, name: str) -> str:
        return f"{self._label}/{name}.ndjson"
