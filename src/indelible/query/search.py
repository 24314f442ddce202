"""Searching what is kept: logs and spools, newest first, without a lock and without writing.

Spools are read before the log is opened, so nothing is missed while a collector
runs; what is in both counts once (design section 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indelible.errors import FormatError, StateError, UsageError
from indelible.model.canonical import is_uuid7
from indelible.model.flat import Fields, Kept, call_entry, record_entry, text
from indelible.model.record import body_hash
from indelible.query.merge import Merge, Predicate, micros
from indelible.query.named import MAX_FOUND, Wanted
from indelible.query.stored import newest_first
from indelible.seal.journal import is_seq
from indelible.seal.segment import parse_leaf
from indelible.store.keys import read_public
from indelible.store.reader import LogReader, Proof, snapshot
from indelible.store.records import fields, kept
from indelible.store.spools import SpoolView
from indelible.store.state import State

_ENDING = ("outcome", "error", "errorType", "durationMs", "result", "resultBytes")


@dataclass(frozen=True, slots=True)
class Found:
    """The entries of one search, newest first."""

    entries: list[Fields]
    more: bool
    """Whether older entries match as well."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What there is to prove one sealed record of an entry with."""

    proof: Proof
    body_matches: bool | None
    """Whether the body is the one that the header commits to; None where it is missing."""
    record: Kept
    """The record as it was read for this."""


def search(state: State, user: int, wanted: Predicate, limit: int) -> Found:
    """Return the newest *limit* entries that are *wanted*.

    Args:
        user: Owner of the state; spool files of others are not read.

    Raises:
        FormatError: If a segment cannot be read; `indelible verify` says more.
    """
    classes = state.classes()
    found: list[Fields] = []
    for name in classes:
        found += _search_log(state, name, user, wanted, limit + 1)
    if len(classes) > 1:
        found.sort(key=lambda e: micros(text(e, "timestamp"), otherwise=-1), reverse=True)
    return Found(found[:limit], more=len(found) > limit)


def find(state: State, user: int, wanted: str) -> list[Fields]:
    """Return what *wanted* names: one entry, or the calls that share a `requestId`.

    Args:
        wanted: A callId or recordId, a requestId, a prefix of one of these of
            eight characters or more, or the index of a leaf.

    Raises:
        UsageError: If it is too short.

        IndelibleError: If it names nothing, or several things.
    """
    if is_uuid7(wanted) and (entry := _call(state, user, wanted)):
        return [entry]
    asked = Wanted.parse(wanted)
    every = search(state, user, asked.matches, MAX_FOUND)
    return asked.choose(every.entries, more=every.more)


def proofs(state: State, entry: Fields) -> dict[str, Proven]:
    """Return the inclusion proof of each sealed record of *entry*, by the record's kind.

    Raises:
        StateError: If a record is not under a checkpoint yet.
    """
    leaves = entry.get("leaves")
    if not isinstance(leaves, dict):
        return {}
    for name in state.classes():
        if origin_of(state, name) == entry.get("log"):
            reader = LogReader(state.log(name).directory)
            return {
                kind: _proven(reader, leaf, str(entry["log"]))
                for kind, leaf in leaves.items()
                if isinstance(leaf, int)
            }
    return {}


def is_what_is_sealed(entry: Fields, proven: dict[str, Proven]) -> bool:
    """Whether *entry* shows what the records in *proven* hold, and nothing else as theirs."""
    records = {kind: one.record for kind, one in proven.items()}
    if "received" in records:
        own = call_entry(records["received"], records.get("completed"))
    else:
        own = record_entry(*records.values())
    leaves = entry.get("leaves")
    is_whole = isinstance(leaves, dict) and leaves.keys() == proven.keys()
    # The end of a call that is not sealed yet stands in the entry, and proves nothing.
    open_ended = () if is_whole else (*_ENDING, "leaves", "redactions", "erased")
    return all(entry.get(key) == value for key, value in own.items() if key not in open_ended)


def _proven(reader: LogReader, index: int, log: str) -> Proven:
    try:
        proof = reader.proof(index)
    except UsageError as error:
        raise StateError(str(error), hint="indelible collect --once, then indelible verify") from (
            error
        )
    line = reader.leaf(index)
    leaf, body = parse_leaf(line), reader.body(index, line)
    if leaf is None:
        raise FormatError(f"leaf {index} cannot be read")
    record = kept(index, leaf, body[1] if body else None, log)
    return Proven(proof, reader.body_matches(index, line), record)


def _call(state: State, user: int, call_id: str) -> Fields | None:
    """Return the call of this id; the search ends where it is found."""
    for name in state.classes():
        for entry in _search_log(state, name, user, lambda e: e.get("callId") == call_id, 1):
            return entry
    return None


def _search_log(state: State, name: str, user: int, wanted: Predicate, limit: int) -> list[Fields]:
    reader, views = snapshot(state, name, user)
    merge = Merge(spooled(views), wanted, limit)
    for record in newest_first(reader, origin_of(state, name)):
        if not merge.add(record):
            break
    return merge.finish()


def spooled(views: list[SpoolView]) -> Iterator[Kept]:
    """Yield the records of the spools, newest first, but none that could not enter the log.

    Such a one claims another writer's name, has no number, or a body that it is not
    bound to.
    """
    for view in reversed(views):
        for record in reversed(view.records):
            one = Kept(fields(record.header) or {}, fields(record.body) or {})
            bound = one.header.get("bodyHash") == body_hash(record.salt, record.body)
            numbered = is_seq(one.header.get("seq"))
            if bound and numbered and one.key[0] == view.writer:
                yield one


def origin_of(state: State, name: str) -> str:
    """Return the origin of a log; only its class where the key cannot be read."""
    try:
        key = read_public(state.log(name).vkey)
    except (FormatError, OSError):
        return name
    return key.name if key else name
