"""Comparing bodies with the leaves that commit to them, both read once and in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from indelible.errors import FormatError
from indelible.model.record import body_hash
from indelible.seal.segment import parse_header, parse_leaf
from indelible.seal.verify import Broken, LogJudge, Seen
from indelible.store import bodies, files


class _File:
    """The body lines of one place, the next one in hand."""

    def __init__(self, place: bodies.Place, unpacked: bodies.Unpacked) -> None:
        self.opened = bodies.BodyFile(place, unpacked)
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
        self._directory_label = label
        self._judge = judge
        self._unpacked = bodies.Unpacked()
        self._files: dict[bodies.Place, _File | None] = {}
        self._place = bodies.Place(directory, "", -1)
        """Of the file that is being read."""
        self._file: _File | None = None

    def take(self, seen: Seen, first: int) -> None:
        """Compare the body of one leaf, in the segment that starts at leaf *first*."""
        day = bodies.day_of(seen.received_at)
        place, file = self._place, self._file
        if place.first != first or place.day != day:
            place = bodies.Place(self._directory, day, first)
            file = self._open(place)
        if file is None:
            return
        while not file.at_end:
            line = file.line
            if line is not None and line.index >= seen.index:
                break
            what = "is no body line" if line is None else f"body of leaf {line.index} out of place"
            self._add(place, what, line=file.number, index=seen.index)
            file.advance()
        line = file.line
        if line is None or line.index != seen.index:
            what = f"body of leaf {seen.index} is missing"
            self._add(place, what, line=file.number, index=seen.index)
            return
        if body_hash(line.salt, line.body) == seen.body_hash:
            self.count += 1
        else:
            what = f"body of leaf {seen.index} is not the one that its header commits to"
            self._add(place, what, line=file.number, index=seen.index)
        file.advance()

    def finish(self, size: int, *, unfinished: bool) -> None:
        """Judge the lines that are left over, and files that are there twice.

        Args:
            size: Leaves in the log.

            unfinished: Whether `intent` stands: lines beyond the tree are a crash's then,
                in a file that was not closed.
        """
        for place in bodies.list_places(self._directory):
            self._compare_twins(place, size)
            file = self._open(place)
            if file is None:
                continue
            may_be_torn = unfinished and not place.has_compressed
            left = self._left_over(place, file, size, unfinished=may_be_torn)
            if left and may_be_torn:
                text = f"{self._label(place)}: {left} lines beyond the tree, of an unfinished write"
                self._judge.remarks.append(text)
            if not left and file.opened.size == 0 and not may_be_torn:
                self._judge.add(self._label(place), "is empty", index=size)

    def _compare_twins(self, place: bodies.Place, size: int) -> None:
        """Compare the two files of a place, where both are there."""
        if not (place.has_plain and place.has_compressed):
            return
        try:
            plain = files.read(place.plain, bodies.MAX_BYTES)
            packed = bodies.read_compressed(place)
        except FormatError as exc:
            self._judge.add(self._label(place), str(exc), index=size)
            return
        # A collection that goes on may just have removed the plain one.
        if plain is not None and plain != packed:
            self._judge.add(self._label(place), "plain and compressed file differ", index=size)

    def _left_over(self, place: bodies.Place, file: _File, size: int, *, unfinished: bool) -> int:
        """Judge what is left of one file, in one finding; return how many lines it is."""
        left, wrong, number, first = 0, 0, 0, ""
        while not file.at_end:
            line = file.line
            left += 1
            if not unfinished or (line is not None and line.index < size):
                # A line that is none may be the end of a torn write.
                wrong += 1
                if wrong == 1:
                    what = "is no body line" if line is None else f"body of no leaf: {line.index}"
                    number, first = file.number, what
            file.advance()
        if wrong:
            what = f"{first} and {wrong - 1} more after it" if wrong > 1 else first
            self._add(place, what, line=number, index=size)
        return left

    def _open(self, place: bodies.Place) -> _File | None:
        """Return the file of a place, to go on with it; None if it cannot be read."""
        if self._file is not None:
            # Leaves come day by day; a log in which they do not must cost no memory.
            self._file.rest()
        if place not in self._files:
            try:
                self._files[place] = _File(place, self._unpacked)
            except FormatError as exc:
                at = self._judge.frontier.size
                self._judge.add(self._label(place), str(exc), index=at)
                self._files[place] = None
        file = self._files[place]
        self._place, self._file = place, file
        if file is not None:
            file.resume()
        return file

    def likely(self, broken: Broken, first: int) -> tuple[int, str] | None:
        """Return the one leaf of a batch that shows why it does not give its root, and how.

        Args:
            first: First leaf of its segment.
        """
        suspects: list[tuple[int, str]] = []
        for number, line in enumerate(broken.leaves):
            index = broken.first + number
            leaf = parse_leaf(line)
            header = parse_header(leaf.header) if leaf else None
            if leaf is None or header is None:
                suspects.append((index, "it can no longer be read"))
                continue
            day = bodies.day_of(leaf.received_at)
            body = self._body(index, bodies.Place(self._directory, day, first))
            if body is not None and body_hash(body.salt, body.body) != header.get("bodyHash"):
                suspects.append((index, "its header and body no longer agree"))
        return suspects[0] if len(suspects) == 1 else None

    def _body(self, index: int, place: bodies.Place) -> bodies.BodyLine | None:
        file = self._open(place)
        return file.opened.find(index) if file is not None else None

    def _add(self, place: bodies.Place, what: str, *, line: int, index: int) -> None:
        self._judge.add(self._label(place), what, line=line, index=index)

    def _label(self, place: bodies.Place) -> str:
        """Return how findings call the file of a place: the one that is there now."""
        path = place.plain
        if not path.exists() and place.compressed.exists():
            path = place.compressed
        return f"{self._directory_label}/{path.name}"
