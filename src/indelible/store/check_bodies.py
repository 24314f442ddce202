"""Comparing bodies with the leaves that commit to them, both read once and in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from indelible.errors import FormatError
from indelible.model.record import body_hash
from indelible.seal.verify import LogJudge, Seen
from indelible.store import bodies


class _Day:
    """One day's body lines, the next one in hand."""

    def __init__(self, path: Path) -> None:
        self.opened = bodies.BodyFile(path)
        self.number = 0
        self._lines: Iterator[tuple[int, bytes, bool]] = self.opened.lines()
        self.line: bodies.BodyLine | None = None
        self.at_end = False
        self.advance()

    def advance(self) -> None:
        """Take the next line in hand; `line` is None if it is none."""
        found = next(self._lines, None)
        self.number += 1
        self.at_end = found is None
        self.line = bodies.parse_line(found[1]) if found is not None and found[2] else None


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

    def close(self) -> None:
        """Let go of the files."""
        for day in self._days.values():
            if day is not None:
                day.opened.close()
        self._days.clear()

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
        return self._days[name]

    def _file(self, name: str) -> str:
        return f"{self._label}/{name}.ndjson"
