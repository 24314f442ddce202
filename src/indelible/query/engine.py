"""A DuckDB in memory that can read the files of the query copies, and nothing else.

What it may do is fixed before the first question: no other file, no network, no
extension, no setting. SQL of an operator runs in it too (`query.guard`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from indelible import durable
from indelible.errors import FormatError, IndelibleError
from indelible.store.index import duck
from indelible.store.index.duck import quoted

MAX_THREADS = 4
MEMORY_MB = 1024
"""Of DuckDB's buffers. A question that needs more fails; it does not fill the disk."""

Rows = list[tuple[Any, ...]]


class GoneError(FormatError):
    """A file of the query copy was replaced while it was read: take another snapshot."""


class Engine:
    """A connection, locked down; of one thread at a time.

    Args:
        directories: The query copies that may be read.
    """

    def __init__(self, directories: Sequence[Path]) -> None:
        self._lines, self._lines_name = _anonymous_file()
        threads = min(MAX_THREADS, os.cpu_count() or 1)
        self.connection: duck.Connection = duck.connect(threads=threads, memory_mb=MEMORY_MB)
        self.failure = duck.failure()
        """What each failure of it is an instance of."""
        allowed = ", ".join(quoted(f"{directory}/") for directory in directories)
        for statement in (
            "SET parquet_metadata_cache = true",
            "SET python_enable_replacements = false",
            "SET allow_persistent_secrets = false",
            # A page is cut by time first; only the rows that are left are read whole.
            "SET late_materialization_max_rows = 10000",
            f"SET allowed_directories = [{allowed}]",
            f"SET allowed_paths = [{quoted(self._lines_name)}]",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            self.connection.execute(statement)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Rows:
        """Return what *sql*, one of our own queries, gives.

        Raises:
            GoneError: If a file it names is not there any more.

            FormatError: If a file of the query copy cannot be read.

            IndelibleError: If there is not memory enough.
        """
        try:
            return self.connection.execute(sql, list(parameters)).fetchall()
        except self.failure as error:
            raise translated(error) from error

    def run(self, sql: str) -> None:
        """Do what *sql*, one of our own statements, says; raises as `rows` does."""
        try:
            self.connection.execute(sql)
        except self.failure as error:
            raise translated(error) from error

    def load(self, lines: bytes, statement: str) -> None:
        """Run *statement* with the rows of *lines* in place of its ``{rows}``.

        Raises:
            FormatError: If the lines are no rows.
        """
        self._empty_lines()
        durable.write_all(self._lines, lines)
        self._run_with_lines(statement)

    def load_from(self, source: int, start: int, end: int, statement: str) -> None:
        """Run *statement* as `load` does, with the lines of an open file.

        Args:
            source: Its descriptor; the bytes from *start* to *end* are whole lines.
        """
        self._empty_lines()
        while start < end:
            sent = os.sendfile(self._lines, source, start, end - start)
            if not sent:
                raise FormatError("a file of the query copy was cut while it was read")
            start += sent
        self._run_with_lines(statement)

    def _empty_lines(self) -> None:
        os.ftruncate(self._lines, 0)
        os.lseek(self._lines, 0, os.SEEK_SET)

    def _run_with_lines(self, statement: str) -> None:
        self.run(statement.replace("{rows}", f"({duck.from_lines(self._lines_name)})"))
        os.ftruncate(self._lines, 0)

    def close(self) -> None:
        """Let go of it all."""
        self.connection.close()
        if self._lines >= 0:
            os.close(self._lines)
        self._lines = -1


def _anonymous_file() -> tuple[int, str]:
    """Return a file that nobody else sees, and the name DuckDB opens it by."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("indelible-lines", os.MFD_CLOEXEC)
    else:
        fd, name = tempfile.mkstemp()
        os.unlink(name)
        return fd, f"/dev/fd/{fd}"
    return fd, f"/proc/self/fd/{fd}"


def translated(error: Exception) -> IndelibleError:
    """Return what a failure of DuckDB means for one of our own queries."""
    kind, said = type(error).__name__, str(error).splitlines()[0] if str(error) else ""
    if (kind == "IOException" and "No files found" in said) or "No such file" in str(error):
        return GoneError(f"a file of the query copy is gone: {said}")
    if kind == "OutOfMemoryException":
        return IndelibleError(
            f"the answer needs more than {MEMORY_MB} MiB of memory",
            hint="Ask for less: fewer rows, a shorter time.",
        )
    return FormatError(
        f"the query copy cannot be read: {said}", hint="Make it anew: indelible index rebuild"
    )
