"""Endings that come when their call is closed already, or never began: rows change, or stay.

A reconciler closes the calls of a writer that died; when the writer's own word turns up
after all, in a spool that was away, it replaces the row that says "unknown". This is
rare, and so the one place that reads rows again: from the copy only to find them, from
the log what they say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from indelible.errors import FormatError
from indelible.model.flat import CALL, Kept, call_entry, record_entry
from indelible.seal.segment import parse_leaf
from indelible.store.index import lines, manifest, sealing
from indelible.store.index.columns import NAMES, Row, from_line, time_us, to_row
from indelible.store.index.join import Join
from indelible.store.index.lines import Key, key_of, leaf_of
from indelible.store.index.manifest import Manifest, Part
from indelible.store.reader import LogReader
from indelible.store.records import kept

_KIND, _LEAF_END = NAMES.index("kind"), NAMES.index("leaf_end")


class Amend:
    """Settles the late endings of one stretch.

    Args:
        reader: The log.

        before: The manifest of the copy as it is.

        number: Returns the number of the next file.
    """

    def __init__(
        self, directory: Path, reader: LogReader, before: Manifest, number: Callable[[], int]
    ) -> None:
        self._directory = directory
        self._reader = reader
        self._before = before
        self._number = number

    def settle(self, join: Join) -> Manifest:
        """Change the rows that late endings change, and add to *join* those that make new ones.

        Returns:
            The manifest with the files that were written instead of others.
        """
        if not join.late:
            return self._before
        found = self._find(join.late)
        changes: dict[str, dict[int, Row | None]] = {}
        for call, ending in join.late.items():
            held = found.get(call)
            if held is None:
                join.rows.add(to_row(record_entry(ending), time_us(ending.received_at)))
                continue
            part, row = held
            if not ending.by_reconciler and self._ending_of(row).by_reconciler:
                changes.setdefault(part.file, {})[leaf_of(row)] = self._closed(row, ending)
        return rewrite(self._directory, self._before, changes, self._number)

    def _find(self, late: Mapping[Key, Kept]) -> dict[Key, tuple[Part, Row]]:
        """Return the row of each call, or that of its ending if it has no beginning."""
        found: dict[Key, tuple[Part, Row]] = {}
        rows = [*self._in_hot(late), *self._in_sealed(late)]
        for part, row in rows:
            if row[_KIND] == CALL:
                call, held = key_of(row), found.get(key_of(row))
                if call in late and (held is None or leaf_of(held[1]) < leaf_of(row)):
                    found[call] = part, row
        for part, row in rows:
            closes = self._ending_of(row).closes if row[_KIND] != CALL else None
            if closes is not None and closes in late:
                found.setdefault(closes, (part, row))
        return found

    def _in_hot(self, late: Mapping[Key, Kept]) -> Iterator[tuple[Part, Row]]:
        hot = self._before.hot
        writers = sorted({re.escape(writer.encode()) for writer, _ in late})
        pattern = re.compile(b"|".join(writers))
        for line in lines.read_lines(self._directory, hot):
            if pattern.search(line):
                row = from_line(line)
                if row[_KIND] in (CALL, "completed"):
                    yield hot, row

    def _in_sealed(self, late: Mapping[Key, Kept]) -> Iterator[tuple[Part, Row]]:
        return sealing.find(self._directory, self._before.files, late)

    def _closed(self, row: Row, ending: Kept) -> Row:
        """Return the row that stands where *row* stood, with another ending."""
        if row[_KIND] != CALL:
            return to_row(record_entry(ending), time_us(ending.received_at))
        received = self._record(leaf_of(row))
        return to_row(call_entry(received, ending), time_us(received.received_at))

    def _ending_of(self, row: Row) -> Kept:
        """Return the record that a row is closed by, or is."""
        distance = row[_LEAF_END]
        return self._record(leaf_of(row) + (distance if isinstance(distance, int) else 0))

    def _record(self, leaf: int) -> Kept:
        line = self._reader.leaf(leaf)
        parsed, body = parse_leaf(line), self._reader.body(leaf, line)
        if parsed is None:
            raise FormatError(f"leaf {leaf} cannot be read")
        return kept(leaf, parsed, body[1] if body else None, self._before.log)


def rewrite(
    directory: Path,
    before: Manifest,
    changes: Mapping[str, Mapping[int, Row | None]],
    number: Callable[[], int],
) -> Manifest:
    """Write files with other rows in place of some; return the manifest that names them.

    Nothing is known of them, and nothing removed, until that manifest is written.

    Args:
        changes: By the file, the new row of each leaf; None where the row is to go.

        number: Returns the number of the next file.

    Raises:
        StateError: If DuckDB cannot read or write them.

        OSError: If the disk cannot take them.
    """
    hot, opened = before.hot, before.open
    if hot.file in changes:
        hot = lines.rewrite(directory, hot, manifest.hot_name(number()), changes[hot.file])
    if opened.file in changes:
        name = manifest.open_name(number())
        opened = lines.rewrite(directory, opened, name, changes[opened.file])
    files = []
    for part in before.files:
        if part.file in changes:
            made = sealing.rewrite(directory, part, number(), changes[part.file])
            files += [made] if made is not None else []
        else:
            files.append(part)
    return replace(before, hot=hot, open=opened, files=tuple(files))
