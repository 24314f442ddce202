"""A second way out for records, to a log shipper. Loaded only where one is asked for.

A sink comes after the spool and is no part of the record: it gets what is kept, redacted
and numbered, and whatever becomes of it there changes nothing for the call.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from indelible.deliver.sinks.ndjson import NdjsonSink
from indelible.deliver.sinks.outlet import DescriptorOutlet, FileOutlet
from indelible.errors import UsageError
from indelible.model.record import Record

USAGE = "stderr, a file's name, or fd:N"
_PROTOCOL = (0, 1)
"""The descriptors on which client and server speak."""


class Sink(Protocol):
    """Takes what is kept. Its owner calls it from one thread at a time."""

    def start(self) -> None:
        """Begin to write: from now on there may be threads. What came before is not lost."""

    def kept(self, records: Sequence[Record]) -> None:
        """Take records that are in the spool by now. Never waits, and raises nothing."""

    def redraw(self) -> None:
        """Begin anew: we are the child of a fork, and what the parent holds is the parent's."""

    def close(self) -> None:
        """Give out what is still held; waits for a bounded time."""


def open_sink(target: str | os.PathLike[str], warn: Callable[[str], None]) -> Sink:
    """Return the sink that writes flat entries as NDJSON to *target*.

    Args:
        target: ``stderr``, ``fd:N`` (a descriptor that is open already), or a file.

        warn: Told once when lines are lost, and at the end how many.

    Raises:
        UsageError: If it is the protocol's own channel, or no open descriptor.
    """
    if not isinstance(target, str):
        return NdjsonSink(_file(os.fspath(target)), warn)
    if target in ("stdout", "-", "/dev/stdout"):
        raise _is_protocol(target)
    if target == "stderr":
        return NdjsonSink(_descriptor(2, target), warn)
    kind, colon, number = target.partition(":")
    if kind == "fd" and colon:
        if not (number.isascii() and number.isdigit() and len(number) < 8):
            raise UsageError(f"no descriptor: {target!r}", hint=f"give {USAGE}")
        return NdjsonSink(_descriptor(int(number), target), warn)
    return NdjsonSink(_file(target), warn)


def _file(name: str) -> FileOutlet:
    if not name:
        raise UsageError("no name of a file to write NDJSON to", hint=f"give {USAGE}")
    try:
        found = os.stat(name)
    except OSError:
        pass  # not there yet, or not now: it is tried with each line
    else:
        if stat.S_ISDIR(found.st_mode):
            raise UsageError(f"{name!r} is a directory", hint=f"give {USAGE}")
        _refuse_protocol(found, name)
    return FileOutlet(Path(name).absolute())


def _descriptor(number: int, name: str) -> DescriptorOutlet:
    if number in _PROTOCOL:
        raise _is_protocol(name)
    try:
        _refuse_protocol(os.fstat(number), name)
        return DescriptorOutlet(number, name)
    except OSError as error:
        raise UsageError(
            f"{name} cannot be written to: {error.strerror}",
            hint=f"open it for writing, as in: indelible wrap --ndjson {name} … {number}>>FILE",
        ) from error


def _refuse_protocol(found: os.stat_result, name: str) -> None:
    """Refuse what is the client's pipe under another name.

    A terminal or /dev/null may well be both: no client listens there.
    """
    if stat.S_ISCHR(found.st_mode):
        return
    for number in _PROTOCOL:
        try:
            protocol = os.fstat(number)
        except OSError:
            continue
        if os.path.samestat(found, protocol):
            raise _is_protocol(name)


def _is_protocol(name: str) -> UsageError:
    return UsageError(
        f"{name} carries the protocol: a line of ours there would break the client's JSON-RPC",
        hint=f"give {USAGE}",
    )
