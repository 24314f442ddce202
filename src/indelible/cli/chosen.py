"""Fields of entries that were chosen by name: ``--fields timestamp,actor.id,args.path``."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from indelible.errors import UsageError
from indelible.model.canonical import Json
from indelible.model.flat import Fields, Kept, call_entry

_SHORT = {
    "actor": "actor.id", "client": "client.name", "duration": "durationMs", "id": "callId",
    "ip": "actor.ip", "jsonrpc": "jsonrpcId", "provenance": "actor.provenance",
    "protocol": "protocolVersion", "request": "requestId", "session": "session.id",
    "time": "timestamp", "version": "serverVersion",
}  # fmt: skip
"""Names of the grammar for members of an entry."""
_OPEN = frozenset("args result client leaves".split())
"""Members that hold anything; the others are known."""
_PARTS = {
    "actor": frozenset("id ip name issuer clientId tenant provenance chain".split()),
    "session": frozenset({"id", "from"}),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One member of an entry, however deep."""

    name: str
    """As it was asked for."""
    path: tuple[str, ...]

    def of(self, entry: Fields) -> Json:
        """Return the value in *entry*; null where it is not there."""
        value: Json = entry
        for step in self.path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                return None
        return value


def chosen(names: str) -> list[Field]:
    """Return the fields that a comma list names.

    Raises:
        UsageError: If an entry has no such field.
    """
    found = [_field(one.strip()) for one in names.split(",") if one.strip()]
    if not found:
        raise UsageError("no fields in --fields", hint=f"fields: {', '.join(every())}")
    return found


def every() -> list[str]:
    """Return every top-level member of a call's entry, in its order."""
    return list(call_entry(Kept({}), None))


def _field(name: str) -> Field:
    top, *rest = path = tuple(_SHORT.get(name, name).split("."))
    known = every()
    if top in known and (not rest or top in _OPEN or rest[0] in _PARTS.get(top, ())):
        return Field(name, path)
    near = difflib.get_close_matches(name, [*known, *_SHORT], n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"no field {name!r}", hint=f"{hint}fields: {', '.join(known)}, and args.PATH")
