"""Searching what is kept: logs and spools, newest first, without a lock and without writing.

Spools are read before the log is opened, so nothing is missed while a collector
runs; what is in both counts once (design section 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from indelible.errors import FormatError, UsageError
from indelible.model.canonical import is_uuid7
from indelible.model.flat import Fields, Kept, text
from indelible.model.record import body_hash
from indelible.query.merge import Merge, Predicate, micros
from indelible.query.stored import fields, newest_first
from indelible.store.keys import read_public
from indelible.store.reader import LogReader, Proof, snapshot
from indelible.store.spools import SpoolView
from indelible.store.state import State

MIN_PREFIX = 8
MAX_FOUND = 100
"""How many entries one id may name: the calls of one `requestId`."""

_LEAF = re.compile(r"#([0-9]{1,18})|([0-9]{1,7})")
"""A number of eight digits may be the start of an id; with a # it is a leaf's."""


@dataclass(frozen=True, slots=True)
class Found:
    """The entries of one search, newest first."""

    entries: list[Fields]
    more: bool
    """Whether older entries match as well."""


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
        UsageError: If it names nothing, or several things.
    """
    if is_uuid7(wanted) and (entry := _call(state, user, wanted)):
        return [entry]
    leaf = _LEAF.fullmatch(wanted)
    if leaf:
        matches = _has_leaf(int(leaf[1] or leaf[2]))
    elif len(wanted) < MIN_PREFIX:
        raise UsageError(
            f"id too short: {wanted!r}", hint=f"give at least {MIN_PREFIX} characters of it"
        )
    else:
        matches = _has_id(wanted)
    found = search(state, user, matches, MAX_FOUND).entries
    exact = [entry for entry in found if wanted in _ids(entry)[:2]]
    same_request = [entry for entry in found if wanted == text(entry, "requestId")]
    answer = exact[:1] or same_request or found
    if not answer:
        raise UsageError(
            f"nothing with the id {wanted!r}", hint="`indelible query` lists what there is"
        )
    if not leaf and answer is found and len(found) > 1:
        names = ", ".join(sorted({_ids(entry)[0] or _ids(entry)[1] or "" for entry in found})[:5])
        raise UsageError(f"{len(found)} entries begin with {wanted!r}", hint=f"one of: {names}")
    return answer


def proofs(state: State, entry: Fields) -> dict[str, Proof]:
    """Return the inclusion proof of each sealed record of *entry*, by the record's kind."""
    leaves = entry.get("leaves")
    if not isinstance(leaves, dict):
        return {}
    for name in state.classes():
        if _origin(state, name) == entry.get("log"):
            with LogReader(state.log(name).directory) as reader:
                return {
                    kind: reader.proof(leaf)
                    for kind, leaf in leaves.items()
                    if isinstance(leaf, int)
                }
    return {}


def _call(state: State, user: int, call_id: str) -> Fields | None:
    """Return the call of this id; the search ends where it is found."""
    for name in state.classes():
        for entry in _search_log(state, name, user, lambda e: e.get("callId") == call_id, 1):
            return entry
    return None


def _search_log(state: State, name: str, user: int, wanted: Predicate, limit: int) -> list[Fields]:
    reader, views = snapshot(state, name, user)
    with reader:
        merge = Merge(_spooled(views), wanted, limit)
        for record in newest_first(reader, state.log(name).bodies, _origin(state, name)):
            if not merge.add(record):
                break
        return merge.finish()


def _spooled(views: list[SpoolView]) -> Iterator[Kept]:
    """Yield the records of the spools, but none that could not enter the log.

    Such a one claims another writer's name, or a body that it is not bound to.
    """
    for view in views:
        for record in view.records:
            kept = Kept(fields(record.header) or {}, fields(record.body) or {})
            bound = kept.header.get("bodyHash") == body_hash(record.salt, record.body)
            if bound and kept.key[0] == view.writer:
                yield kept


def _origin(state: State, name: str) -> str:
    """Return the origin of a log; only its class where the key cannot be read."""
    try:
        key = read_public(state.log(name).vkey)
    except (FormatError, OSError):
        return name
    return key.name if key else name


def _ids(entry: Fields) -> list[str | None]:
    return [text(entry, "callId"), text(entry, "recordId"), text(entry, "requestId")]


def _has_id(wanted: str) -> Predicate:
    return lambda entry: any(one is not None and one.startswith(wanted) for one in _ids(entry))


def _has_leaf(index: int) -> Predicate:
    def has(entry: Fields) -> bool:
        leaves = entry.get("leaves")
        return isinstance(leaves, dict) and index in leaves.values()

    return has
