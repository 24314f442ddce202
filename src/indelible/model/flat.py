"""The flat entry: what a user reads, greps and exports, joined from kept records. Pure.

Design section 3: the guide's ten fields under exactly the guide's names, then
ours. What was written by an emitter is hostile, so every field is brought to
its declared type; a value of another type reads as null. Schema:
docs/reference/flat.schema.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from indelible.model.canonical import Json

Fields: TypeAlias = dict[str, Json]

CALL = "call"
"""The `kind` of an entry that joins ``received`` and ``completed``."""

_ENVELOPE = frozenset({"v", "kind", "writer", "seq", "bodyHash", "timestamp", "id", "of"})
"""Header keys that an entry shows under names of its own, or not at all."""
_CALL_TEXTS = ("target", "trace")
_HEADER_TEXTS = ("server", "effect", "transport", "protocolVersion", "direction", "capturedBy")


@dataclass(frozen=True, slots=True)
class Kept:
    """One record as it was read back, and where it is kept."""

    header: Fields
    body: Fields | None = None
    """None when the body was erased; the header's ``bodyHash`` stands for it."""
    log: str | None = None
    """Origin of the log that holds it; None while it is unsealed."""
    leaf: int | None = None
    """Index of its leaf in that log."""
    received_at: str | None = None
    """When it was collected; None while it is unsealed."""
    via: str = "spool"
    """How it came in: ``spool``, or ``collector`` for the collector's own records."""

    @property
    def kind(self) -> str:
        """What kind of record it is."""
        return text(self.header, "kind") or "unknown"

    @property
    def key(self) -> tuple[str, int]:
        """Writer and sequence number: what makes the record one of its kind."""
        return text(self.header, "writer") or "", integer(self.header, "seq") or 0

    @property
    def closes(self) -> tuple[str, int] | None:
        """The key of the ``received`` record that this one may close.

        A writer closes its own calls, and the collector those of writers that
        died; for anyone else the answer is None.
        """
        of = _part(self.header, "of")
        writer, seq = text(of, "writer"), integer(of, "seq")
        if self.kind != "completed" or writer is None or seq is None:
            return None
        return (writer, seq) if self.via == "collector" or writer == self.key[0] else None

    @property
    def by_reconciler(self) -> bool:
        """Whether it closes a call of another writer: one that died in mid-call."""
        closes = self.closes
        return closes is not None and closes[0] != self.key[0]

    def stands_over(self, later: Kept | None) -> bool:
        """Whether this end of a call counts, and not *later*, which came in after it.

        The writer's own word stands over a reconciler's; else the one that came first.
        """
        return later is None or later.by_reconciler or not self.by_reconciler


def text(fields: Fields, key: str) -> str | None:
    """Return the string at *key*, or None."""
    value = fields.get(key)
    return value if isinstance(value, str) else None


def integer(fields: Fields, key: str) -> int | None:
    """Return the whole number at *key*, or None."""
    value = fields.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def record_id(record: Kept) -> str:
    """Return the id of any record: its writer, a slash, its sequence number."""
    writer, seq = record.key
    return f"{writer}/{seq}"


def call_entry(received: Kept, completed: Kept | None) -> Fields:
    """Return the flat entry of one call; without *completed* it has no outcome yet."""
    header, body = received.header, received.body or {}
    session = _part(body, "session")
    return {
        "kind": CALL,
        "timestamp": text(header, "timestamp"),
        "callId": text(header, "id"),
        "recordId": record_id(received),
        "requestId": text(body, "requestId") or (text(header, "id") if received.body else None),
        "actor": _actor(_part(body, "actor")),
        "tool": text(header, "tool") or text(body, "tool"),
        "args": body.get("args"),
        "serverVersion": text(header, "serverVersion") or "unknown",
        "method": text(body, "method") or text(header, "method"),
        "session": {"id": text(session, "id"), "from": text(session, "from")} if session else None,
        "client": _part(body, "client") or None,
        "jsonrpcId": body.get("jsonrpcId"),
        "argsBytes": integer(header, "argsBytes"),
        **{key: text(header, key) for key in _HEADER_TEXTS},
        **{key: text(body, key) for key in _CALL_TEXTS},
        **_ending(completed),
        **_place(received, completed),
        "redactions": _redactions(received, completed),
        "erased": received.body is None or (completed is not None and completed.body is None),
    }


def end_call(entry: Fields, completed: Kept) -> Fields:
    """Return the entry of a call that had no outcome yet, with its outcome.

    It is what `call_entry` makes of both records.
    """
    places = entry["leaves"]
    first = places.get("received") if isinstance(places, dict) else None
    leaves: Fields = {"received": first, completed.kind: completed.leaf}
    sealed = any(leaf is not None for leaf in leaves.values())
    notes = entry["redactions"]
    more = completed.body.get("redactions") if completed.body else None
    return {
        **entry,
        **_ending(completed),
        "leaves": leaves if sealed else None,
        "redactions": [
            *(notes if isinstance(notes, list) else []),
            *(more if isinstance(more, list) else []),
        ],
        "erased": entry["erased"] is True or completed.body is None,
    }


def record_entry(record: Kept) -> Fields:
    """Return the entry of a record that stands alone: ``server.start``, ``gap``, any other.

    Its header keys and body keys stand side by side under their own names; on a
    clash the header's wins, because a body can be erased and a header cannot.
    """
    own = {key: value for key, value in record.header.items() if key not in _ENVELOPE}
    return {
        **(record.body or {}),
        **own,
        "kind": record.kind,
        "timestamp": text(record.header, "timestamp"),
        "recordId": record_id(record),
        **({"of": record.header["of"]} if "of" in record.header else {}),
        **_place(record, None),
        "redactions": _redactions(record, None),
        "erased": record.body is None,
    }


def _actor(actor: Fields) -> Fields:
    """Return who asked, in the nested form; all null when that was erased."""
    names = ("id", "ip", "name", "issuer", "clientId", "tenant", "provenance")
    return {**{name: text(actor, name) for name in names}, "chain": _chain(actor.get("chain"))}


def _chain(value: Json) -> Json:
    """Return who acted for the actor; null where nobody did, or what says so cannot be read."""
    links: list[Json] = [
        {"id": who, "issuer": text(link, "issuer")}
        for link in (value if isinstance(value, list) else ())
        if isinstance(link, dict) and (who := text(link, "id")) is not None
    ]
    return links or None


def _ending(completed: Kept | None) -> Fields:
    """Return how the call ended; all null when it has not."""
    header = completed.header if completed else {}
    body = (completed.body if completed else None) or {}
    duration_us = integer(header, "durationUs")
    return {
        "outcome": text(header, "outcome"),
        "error": text(body, "error"),
        "errorType": text(header, "errorType"),
        "durationMs": None if duration_us is None else (duration_us + 500) // 1000,
        "result": body.get("result"),
        "resultBytes": integer(header, "resultBytes"),
    }


def _place(record: Kept, completed: Kept | None) -> Fields:
    """Return the log and the leaf of each record, so that its proof can be asked for."""
    leaves: Fields = {record.kind: record.leaf}
    if completed is not None:
        leaves[completed.kind] = completed.leaf
    sealed = any(leaf is not None for leaf in leaves.values())
    return {"log": record.log, "leaves": leaves if sealed else None}


def _redactions(received: Kept, completed: Kept | None) -> list[Json]:
    """Return what was taken out and by which rule, with the record it was taken from."""
    notes: list[Json] = []
    for record in (received, completed):
        found = record.body.get("redactions") if record and record.body else None
        notes += found if isinstance(found, list) else []
    return notes


def _part(fields: Fields, key: str) -> Fields:
    """Return the object at *key*; empty when there is none."""
    value = fields.get(key)
    return value if isinstance(value, dict) else {}
