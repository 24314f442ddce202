"""DuckDB, and all that is loaded of it: connections, and the files of the query copy as tables.

It is loaded when it is needed: to seal rows, to change sealed ones, and to answer.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from indelible import durable
from indelible.errors import StateError
from indelible.store.index.columns import COLUMNS, LINE_TYPES, NAMES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    Connection: TypeAlias = DuckDBPyConnection

GROUP_ROWS = 16_384
"""Rows of a group: the least that is read of a sealed file."""
MAX_LINE_BYTES = 16 << 20
"""A row is made of two bodies of at most 1 MiB each."""

_EXPORT_MB = 512
_LEVEL = 12
"""Of zstd; 15 takes three times the time for 3 % fewer bytes."""
_ORDER = "actor_id, time, writer, seq"
_NAMES = ", ".join(NAMES)
_FROM_LINES = ", ".join(
    f"make_timestamp({column.name}) AS {column.name}" if column.type == "TIMESTAMP" else column.name
    for column in COLUMNS
)


def connect(*, threads: int, memory_mb: int, directory: Path | None = None) -> Connection:
    """Return a connection that loads no extension, and whose needs are bounded.

    Args:
        directory: Where rows may wait that have no room in memory; None for nowhere.

    Raises:
        StateError: If DuckDB is not installed.
    """
    try:
        import duckdb  # noqa: PLC0415 — the only import of it
    except ImportError as exc:
        raise StateError(
            f"DuckDB cannot be loaded: {exc}", hint="pip install 'duckdb>=2,<3' beside indelible."
        ) from exc
    connection = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": "" if directory is None else str(directory),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
        }
    )
    connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
    return connection


@contextlib.contextmanager
def opened(memory_mb: int) -> Iterator[Connection]:
    """Give a connection for work beside other work: one thread, nothing on disk.

    Raises:
        StateError: If DuckDB is not installed, or fails within.
    """
    connection = connect(threads=1, memory_mb=memory_mb)
    try:
        yield connection
    except failure() as exc:
        hint = "`indelible index rebuild` makes the copy anew, if that is what is damaged."
        raise StateError(f"the query copy: {exc}", hint=hint) from exc
    finally:
        connection.close()


@contextlib.contextmanager
def prefix(path: Path, size: int) -> Iterator[str]:
    """Give the first *size* bytes of a file as a file of its own, by the name it has meanwhile.

    A file of lines may grow while DuckDB reads it, and the last line be torn.

    Raises:
        OSError: If the file is gone, or shorter.
    """
    with open(path, "rb") as source, _unnamed() as (fd, name):
        left = size
        while left:
            data = source.read(min(left, 1 << 20))
            if not data:
                raise FileNotFoundError(f"shorter than its manifest says: {str(path)!r}")
            durable.write_all(fd, data)
            left -= len(data)
        yield name


@contextlib.contextmanager
def held(data: bytes) -> Iterator[str]:
    """Give *data* as a file, by the name it has meanwhile."""
    with _unnamed() as (fd, name):
        durable.write_all(fd, data)
        yield name


@contextlib.contextmanager
def _unnamed() -> Iterator[tuple[int, str]]:
    """Give a new file in memory that nobody else can open."""
    fd = os.memfd_create("indelible-rows", os.MFD_CLOEXEC)
    try:
        yield fd, f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def from_lines(name: str) -> str:
    """Return the query for the rows of a file of lines."""
    types = ", ".join(f"{column}: '{kind}'" for column, kind in LINE_TYPES.items())
    return (
        f"SELECT {_FROM_LINES} FROM read_json({quoted([name])}, format = 'newline_delimited', "
        f"columns = {{{types}}}, maximum_object_size = {MAX_LINE_BYTES})"
    )


def from_sealed(paths: Sequence[Path], *, filename: bool = False) -> str:
    """Return the query for the rows of sealed files.

    Args:
        filename: Whether a column `filename` says which.
    """
    names, more = quoted([str(one) for one in paths]), ", filename" if filename else ""
    return (
        f"SELECT {_NAMES}{more} FROM read_parquet({names}, hive_partitioning = false, "
        f"filename = {filename})"
    )


def seal(connection: Connection, rows: str, path: Path) -> int:
    """Write the rows of a query to a new sealed file, durable; return its size in bytes.

    Args:
        rows: A query that gives `COLUMNS`, in any order.

    Raises:
        StateError: If DuckDB cannot write it.

        OSError: If the disk cannot take it.
    """
    durable.make_directory(path.parent)
    temporary = path.parent / f".{path.name}.{os.urandom(8).hex()}.tmp"
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, durable.FILE_MODE))
    try:
        connection.execute(
            f"COPY (SELECT {_NAMES} FROM ({rows}) ORDER BY {_ORDER}) TO {quoted(str(temporary))} "
            f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {_LEVEL}, PARQUET_VERSION v2, "
            f"ROW_GROUP_SIZE {GROUP_ROWS}, USE_TMP_FILE false)"  # keeps the mode
        )
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    durable.publish(temporary, path, overwrite=True)
    return path.stat().st_size


def quoted(name: str | Sequence[str]) -> str:
    """Return a name, or a list of names, as SQL."""
    if isinstance(name, str):
        return "'" + name.replace("'", "''") + "'"
    return "[" + ", ".join(quoted(one) for one in name) + "]"


def failure() -> type[Exception]:
    """Return what every failure of DuckDB is an instance of; after `connect` only."""
    import duckdb  # noqa: PLC0415 — as in `connect`

    return duckdb.Error


def write_parquet(lines: Path, columns: Mapping[str, str], path: Path) -> None:
    """Write the rows of a file of JSON lines to a Parquet file, for other programs.

    Args:
        lines: One object a line; a time is a number of microseconds since 1970.

        columns: The names and types of its members, in order.

        path: The Parquet file; what is there is overwritten.

    Raises:
        StateError: If DuckDB cannot be loaded, or cannot write the file.
    """
    types = {name: "BIGINT" if kind == "TIMESTAMP" else kind for name, kind in columns.items()}
    read = ", ".join(f"{name}: '{kind}'" for name, kind in types.items())
    chosen = ", ".join(
        f"make_timestamp({name}) AS {name}" if kind == "TIMESTAMP" else name
        for name, kind in columns.items()
    )
    with contextlib.closing(connect(threads=2, memory_mb=_EXPORT_MB)) as connection:
        try:
            connection.execute(
                f"COPY (SELECT {chosen} FROM read_json({quoted([str(lines)])}, "
                f"format = 'newline_delimited', columns = {{{read}}}, "
                f"maximum_object_size = {MAX_LINE_BYTES})) TO {quoted(str(path))} "
                # Into the file that is there: a new one would be readable by others.
                "(FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)"
            )
        except failure() as exc:
            said = str(exc).splitlines()[0]
            raise StateError(
                f"DuckDB: {said}", hint="Free some space, or give another -o."
            ) from exc
