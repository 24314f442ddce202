"""Entries out of here: into a file that appears whole or not at all, or into a pipe.

The exact form is ``ndjson``: the flat entry, one a line. The others are views of it
for other programs.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from indelible import durable
from indelible.errors import IndelibleError, UsageError
from indelible.model.event import ExportFormat
from indelible.model.flat import Fields
from indelible.model.line import entry_line
from indelible.query.formats.csv_text import CsvWriter

STREAMED: frozenset[ExportFormat] = frozenset(["ndjson", "csv"])
"""Formats that can go into a pipe; the others need a file."""


class Writer(Protocol):
    """Takes entries in one format."""

    def add(self, entries: Iterable[Fields]) -> None:
        """Write *entries*."""

    def finish(self) -> None:
        """Write what is still held."""


class NdjsonWriter:
    """Writes entries as NDJSON.

    Args:
        out: Where to.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def add(self, entries: Iterable[Fields]) -> None:
        """Write *entries*."""
        self._out.write(b"".join([entry_line(entry) for entry in entries]))

    def finish(self) -> None:
        """Write what is still held."""
        self._out.flush()


def export_stream(
    stretches: Iterable[list[Fields]], out: BinaryIO, export_format: ExportFormat
) -> int:
    """Write entries to *out* as they come; return how many.

    Args:
        stretches: The entries, in stretches.

        out: Standard output, as bytes.

    Raises:
        UsageError: If the format needs a file.

        OSError: If *out* cannot be written to.
    """
    if export_format not in STREAMED:
        raise UsageError(
            f"{export_format} needs a file", hint=f"-o NAME.{export_format}, or --format ndjson"
        )
    writer = _stream_writer(out, export_format)
    rows = 0
    for stretch in stretches:
        writer.add(stretch)
        rows += len(stretch)
    writer.finish()
    return rows


def export_file(
    stretches: Iterable[list[Fields]],
    path: Path,
    export_format: ExportFormat,
    *,
    overwrite: bool = False,
    before_named: Callable[[int], None] = lambda _rows: None,
) -> int:
    """Write entries to the file *path*, which is there when all is in it; return how many.

    It is readable by its owner only. What goes wrong leaves no file, and an old one as it was.

    Args:
        stretches: The entries, in stretches.

        overwrite: Whether a file of that name is replaced.

        before_named: Called with the number of entries just before the file gets its name.

    Raises:
        UsageError: If there is such a file and it may not be replaced, or no file can be there.

        IndelibleError: If it cannot be written.
    """
    check_target(path, overwrite=overwrite)
    temporary = path.parent / f".{path.name}.{os.urandom(8).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with _writing(path):
            os.close(os.open(temporary, flags, durable.FILE_MODE))
        rows = _fill(stretches, temporary, path, export_format)
        before_named(rows)
        with _writing(path):
            if not durable.publish(temporary, path, overwrite=overwrite):
                raise _exists(path)
    finally:
        temporary.unlink(missing_ok=True)
    return rows


def check_target(path: Path, *, overwrite: bool) -> None:
    """Refuse a target that is there already, unless it may be replaced; before any work is done.

    Raises:
        UsageError: If it is refused.
    """
    try:
        found = os.lstat(path)
    except OSError:
        if not path.parent.is_dir():
            raise UsageError(
                f"no directory {str(path.parent)!r}", hint="Make it, or give another -o."
            ) from None
        return
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{str(path)!r} is no regular file", hint="Give another -o.")
    if not overwrite:
        raise _exists(path)


def _fill(
    stretches: Iterable[list[Fields]], temporary: Path, path: Path, export_format: ExportFormat
) -> int:
    rows = 0
    with contextlib.ExitStack() as open_things:
        with _writing(path):
            writer = _file_writer(temporary, export_format, open_things)
        for stretch in stretches:  # what goes wrong here is the log's, not the file's
            with _writing(path):
                writer.add(stretch)
            rows += len(stretch)
        with _writing(path):
            writer.finish()
    return rows


def _stream_writer(out: BinaryIO, export_format: ExportFormat) -> Writer:
    return CsvWriter(out) if export_format == "csv" else NdjsonWriter(out)


def _file_writer(
    temporary: Path, export_format: ExportFormat, open_things: contextlib.ExitStack
) -> Writer:
    """Return the writer of a file; what it holds open is let go with *open_things*."""
    if export_format == "sqlite":
        from indelible.query.formats.sqlite_file import SqliteWriter  # noqa: PLC0415 — 5 ms

        return open_things.enter_context(contextlib.closing(SqliteWriter(temporary)))
    if export_format == "parquet":
        from indelible.query.formats.parquet_file import ParquetWriter  # noqa: PLC0415 — DuckDB

        return open_things.enter_context(contextlib.closing(ParquetWriter(temporary)))
    return _stream_writer(open_things.enter_context(open(temporary, "wb")), export_format)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say of what goes wrong inside that *path* could not be written."""
    try:
        yield
    except OSError as error:
        raise _cannot(path, error.strerror or str(error)) from error
    except sqlite3.Error as error:
        raise _cannot(path, str(error)) from error


def _cannot(path: Path, why: str) -> IndelibleError:
    return IndelibleError(
        f"cannot write {str(path)!r}: {why}", hint="Free some space, or give another -o."
    )


def _exists(path: Path) -> UsageError:
    return UsageError(f"{str(path)!r} is there already", hint="--force replaces it")
