# ruff: noqa: S608 — every name and value that goes into a query here is quoted, or a number
"""One moment of all that is kept, as tables to ask: copies, and what they do not cover yet.

No lock is taken and nobody is waited for. A copy names its files and they never change;
where one is gone meanwhile, its copy was replaced, and the snapshot is taken again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indelible.errors import FormatError, IndelibleError
from indelible.model.flat import Kept
from indelible.query.engine import Engine, GoneError
from indelible.query.search import origin_of, spooled
from indelible.query.stored import newest_first
from indelible.query.tail import Joined, Tail, gather, join
from indelible.seal.journal import Writers
from indelible.seal.note import split_text
from indelible.store import files
from indelible.store.index import duck
from indelible.store.index.columns import COLUMNS, NAMES, ROW, Row, from_line, to_line
from indelible.store.index.duck import quoted
from indelible.store.index.lines import Key, key_of
from indelible.store.index.manifest import Manifest, Part, fits, read_manifest
from indelible.store.reader import LogReader
from indelible.store.spools import SpoolView, unsealed
from indelible.store.state import LogPaths, State

_TRIES = 50
"""A copy is replaced once in a while; this often in a row means that something is wrong."""
_LIST = ", ".join(NAMES)
_TABLE = ", ".join(f"{column.name} {column.type}" for column in COLUMNS)
_HOLDS_NOTHING = Joined([], set())


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealed file, and the times between which its rows are."""

    path: Path
    stack: Stack
    from_us: int
    to_us: int

    def meets(self, low_us: int | None, high_us: int | None) -> bool:
        """Return whether it can have rows between two times, both ends included."""
        return (low_us is None or self.to_us >= low_us) and (
            high_us is None or self.from_us <= high_us
        )


@dataclass(frozen=True, slots=True)
class Stack:
    """What is kept of one retention class."""

    name: str
    log: str
    """Origin of its log."""
    directory: Path
    manifest: Manifest | None

    @property
    def files(self) -> list[Sealed]:
        """The sealed files of its copy."""
        parts: Sequence[Part] = self.manifest.files if self.manifest else ()
        return [
            Sealed(self.directory / part.file, self, part.from_us, part.to_us)
            for part in parts
            if part.rows
        ]


class Tables:
    """The tables of an engine: `hot` and `late` rows, and the keys that were `replaced`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hot: dict[str, tuple[str, int]] = {}
        """What is in `hot`, by class: the file, and how many bytes of it."""
        self._known: dict[str, tuple[int, str]] = {}
        """The copies that were found to be of their logs."""
        self.any_replaced = False
        for name in ("hot", "late"):
            engine.run(f"CREATE TABLE {name}(class VARCHAR, log VARCHAR, {_TABLE})")
        engine.run("CREATE TABLE replaced(class VARCHAR, writer VARCHAR, seq BIGINT)")

    def take(self, state: State, names: Sequence[str], user: int) -> list[Stack]:
        """Fill the tables anew; return the stacks they are of.

        Args:
            names: The classes, whose copies the engine may read.

        Raises:
            FormatError: If the log or its copy cannot be read.

            IndelibleError: If the copy is never the same for long enough.
        """
        for _ in range(_TRIES):
            try:
                return self._take(state, names, user)
            except GoneError:
                continue
        raise IndelibleError("the query copy was replaced each time it was read", hint="Try again.")

    def _take(self, state: State, names: Sequence[str], user: int) -> list[Stack]:
        self._engine.run("DELETE FROM late; DELETE FROM replaced")
        self.any_replaced = False
        return [self._take_class(state, name, user) for name in names]

    def _take_class(self, state: State, name: str, user: int) -> Stack:
        """Read spools, copy and log in this order: what leaves one is in the next."""
        paths, log = state.log(name), origin_of(state, name)
        views = list(unsealed(state, name, user))
        waiting = list(spooled(views))
        manifest = read_manifest(paths.index)
        note = _writers(paths)
        _check_there(views, note)
        reader = LogReader(paths.directory)
        if manifest is not None and not self._fits(manifest, reader, log):
            manifest = None
        if note is not None and note.size > reader.size:
            note = None
        covered = manifest.leaves if manifest else 0
        stack = Stack(name, log, paths.index, manifest)
        self._load_hot(stack)
        opened = {key_of(row): row for row in _open_rows(stack)}
        tail = gather(_new(waiting, note), _uncovered(reader, log, covered))
        doubtful = manifest is not None and (note is None or note.size < covered)
        held = self._held(stack, tail, opened, doubtful=doubtful)
        joined = join(tail, held, log) if tail.starts or tail.endings else _HOLDS_NOTHING
        kept = [row for key, row in opened.items() if key not in joined.replaced]
        self._load_late(stack, kept + joined.rows)
        self._replace(name, joined.replaced - opened.keys())
        return stack

    def _fits(self, manifest: Manifest, reader: LogReader, log: str) -> bool:
        """Return whether a copy is of this log: another one can have taken its place."""
        mark = manifest.leaves, manifest.last
        if manifest.log == log and manifest.leaves <= reader.size:
            # To look at the log's line again costs reading its segment.
            if self._known.get(log) == mark:
                return True
            if fits(manifest, reader, log):
                self._known[log] = mark
                return True
        return False

    def _load_hot(self, stack: Stack) -> None:
        """Bring `hot` up to the copy; where its file has only grown, by what is new in it."""
        part = stack.manifest.hot if stack.manifest else None
        wanted = (part.file, part.bytes) if part and part.rows else ("", 0)
        # Unknown until it is loaded: where that fails, the table holds nobody knows what.
        file, size = self._hot.pop(stack.name, (None, 0))
        if wanted[0] != file or wanted[1] < size:
            self._engine.run(f"DELETE FROM hot WHERE class = {quoted(stack.name)}")
            size = 0
        if wanted[1] > size:
            with _opened(stack.directory / wanted[0], wanted[1]) as fd:
                self._engine.load_from(fd, size, wanted[1], _insert("hot", stack))
        self._hot[stack.name] = wanted

    def _load_late(self, stack: Stack, rows: list[Row]) -> None:
        if rows:
            self._engine.load(b"".join(map(to_line, rows)), _insert("late", stack))

    def _replace(self, name: str, keys: set[Key]) -> None:
        if keys:
            self.any_replaced = True
            values = ", ".join(
                f"({quoted(name)}, {quoted(writer)}, {seq})" for writer, seq in sorted(keys)
            )
            self._engine.run(f"INSERT INTO replaced VALUES {values}")

    def _held(
        self, stack: Stack, tail: Tail, opened: dict[Key, Row], *, doubtful: bool
    ) -> dict[Key, Row]:
        """Return the rows of the copy that the tail is about.

        Args:
            doubtful: Whether the copy may cover records that no `writers` note tells of:
                then what waits in a spool is looked for too.
        """
        if stack.manifest is None:
            return {}
        about = set(tail.endings)
        if doubtful:
            about |= tail.keys()
        held = {key: opened[key] for key in about & opened.keys()}
        missing = about - held.keys()
        if missing:
            keys = ", ".join(f"({quoted(writer)}, {seq})" for writer, seq in sorted(missing))
            relation = branches([stack.files], hot=True, late=False, replaced=False)
            writers = ", ".join(sorted({quoted(writer) for writer, _ in missing}))
            found = self._engine.rows(
                f"SELECT {ROW} FROM ({relation}) WHERE class = {quoted(stack.name)} "
                f"AND writer IN ({writers}) AND (writer, seq) IN ({keys})"
            )
            held |= {key_of(row): row for row in found}
        return held


def by_stack(sealed: Iterable[Sealed]) -> list[list[Sealed]]:
    """Return sealed files in groups of one stack each."""
    groups: dict[str, list[Sealed]] = {}
    for file in sealed:
        groups.setdefault(file.stack.name, []).append(file)
    return list(groups.values())


def branches(
    groups: Iterable[Sequence[Sealed]],
    *,
    hot: bool,
    late: bool,
    replaced: bool,
    source: bool = False,
) -> str:
    """Return the query for the rows of some files, and of the tables in memory.

    Args:
        groups: Sealed files; those of a group are of one stack.

        replaced: Whether rows of the copy may be replaced by late ones.

        source: Whether a column `source` says where a row is: the file, `hot` or `late`.
    """
    found = []
    for group in groups:
        if group:
            stack, paths = group[0].stack, [one.path for one in group]
            found.append(
                f"SELECT {quoted(stack.name)} AS class, {_log(stack)} AS log, {_LIST}"
                f"{', filename AS source' if source else ''} "
                f"FROM ({duck.from_sealed(paths, filename=source)})"
            )
    if hot:
        found.append(_in_memory("hot", source=source))
    if replaced and found:
        copied = " UNION ALL ".join(found)
        found = [f"SELECT * FROM ({copied}) ANTI JOIN replaced USING (class, writer, seq)"]
    if late:
        found.append(_in_memory("late", source=source))
    return " UNION ALL BY NAME ".join(found) or f"{_in_memory('late', source=source)} WHERE false"


def _in_memory(table: str, *, source: bool) -> str:
    column = f", {quoted(table)} AS source" if source else ""
    return f"SELECT class, log, {_LIST}{column} FROM {table}"


def _log(stack: Stack) -> str:
    """Return the expression for the log that a row is in: in none while it is unsealed."""
    return f"CASE WHEN leaf IS NOT NULL OR leaf_end IS NOT NULL THEN {quoted(stack.log)} END"


def _insert(table: str, stack: Stack) -> str:
    values = f"{quoted(stack.name)}, {_log(stack)}, {_LIST}"
    return f"INSERT INTO {table} SELECT {values} FROM {{rows}}"


def _open_rows(stack: Stack) -> Iterator[Row]:
    """Yield the rows of the calls without an outcome."""
    part = stack.manifest.open if stack.manifest else None
    if part is None or not part.rows:
        return
    with _opened(stack.directory / part.file, part.bytes) as fd:
        data = os.pread(fd, part.bytes, 0)
    for line in data.split(b"\n"):
        if line:
            yield from_line(line)


@contextlib.contextmanager
def _opened(path: Path, size: int) -> Iterator[int]:
    """Give the descriptor of a file of lines.

    Raises:
        GoneError: If there is no such file any more.

        FormatError: If it is none of ours.
    """
    opened = files.open_regular(path)
    if opened is None:
        raise GoneError(f"a file of the query copy is gone: {str(path)!r}")
    try:
        if opened.status.st_size < size:
            raise FormatError(
                f"a file of the query copy is too short: {str(path)!r}",
                hint="Make the copy anew: indelible index rebuild",
            )
        yield opened.fd
    finally:
        os.close(opened.fd)


def _writers(paths: LogPaths) -> Writers | None:
    """Return how far each spool was read, or None where that cannot be told."""
    try:
        note = files.read(paths.writers)
        return Writers.parse(split_text(note)) if note is not None else None
    except (FormatError, OSError):
        return None


def _check_there(views: Iterable[SpoolView], note: Writers | None) -> None:
    """Fail if a spool was collected meanwhile, and its writer forgotten by the collection after.

    Of such a writer the note says nothing, as of one that was never collected.

    Raises:
        GoneError: If there is one: what it held is in the log, and must not count twice.
    """
    if note is None:
        return
    for view in views:
        if view.writer not in note.states and not view.path.exists():
            raise GoneError(f"a spool is gone: {str(view.path)!r}")


def _new(waiting: Iterable[Kept], note: Writers | None) -> Iterator[Kept]:
    """Yield the spooled records that were not collected when *note* was written."""
    states = note.states if note else {}
    for record in waiting:
        writer, seq = record.key
        if writer not in states or seq >= states[writer].next:
            yield record


def _uncovered(reader: LogReader, log: str, covered: int) -> Iterator[Kept]:
    """Yield the records of the log that its copy does not cover, newest first."""
    if reader.size <= covered:
        return
    for record in newest_first(reader, log):
        if record.leaf is not None and record.leaf < covered:
            return
        yield record
