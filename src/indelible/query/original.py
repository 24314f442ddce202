"""An entry as the log itself has it, whatever the query copy says: for one who looks closely."""

from __future__ import annotations

from indelible.errors import FormatError, StateError, UsageError
from indelible.model.flat import Fields, Kept, call_entry, record_entry
from indelible.query.search import origin_of
from indelible.seal.segment import parse_leaf
from indelible.store.reader import LogReader
from indelible.store.records import kept
from indelible.store.state import State

_ENDING = frozenset(
    "outcome error errorType durationMs result resultBytes leaves redactions erased".split()
)
"""Members that a call's end adds to or changes."""


def original(state: State, entry: Fields) -> Fields:
    """Return *entry* read again from the log; what is not sealed yet stays as it is.

    The copy finds it, by the leaves; everything else comes from segments and bodies.

    Raises:
        FormatError: If the log cannot be read there.

        StateError: If another record is there: the copy is of another log.
    """
    leaves = entry.get("leaves")
    if not isinstance(leaves, dict):
        return entry
    sealed = {kind: leaf for kind, leaf in leaves.items() if isinstance(leaf, int)}
    for name in state.classes():
        if sealed and origin_of(state, name) == entry.get("log"):
            reader = LogReader(state.log(name).directory)
            log = str(entry["log"])
            records = {kind: _record(reader, leaf, log) for kind, leaf in sealed.items()}
            return _joined(entry, records, is_whole=len(sealed) == len(leaves))
    return entry


def _joined(entry: Fields, records: dict[str, Kept], *, is_whole: bool) -> Fields:
    if "received" in records:
        own = call_entry(records["received"], records.get("completed"))
    else:
        own = record_entry(next(iter(records.values())))
    if own.get("recordId") != entry.get("recordId"):
        raise StateError(
            f"the query copy has {entry.get('recordId')} where the log has {own.get('recordId')}",
            hint="indelible index rebuild",
        )
    if is_whole:
        return own
    return entry | {key: value for key, value in own.items() if key not in _ENDING}


def _record(reader: LogReader, index: int, log: str) -> Kept:
    try:
        line = reader.leaf(index)
    except UsageError as error:
        raise FormatError(str(error)) from error
    leaf, body = parse_leaf(line), reader.body(index, line)
    if leaf is None:
        raise FormatError(f"leaf {index} cannot be read")
    return kept(index, leaf, body[1] if body else None, log)
