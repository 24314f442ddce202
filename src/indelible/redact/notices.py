"""Records of what is no call: messages that nobody answers, and lists of tools.

As in `record`: nothing from the wire enters a record except through the scrubber.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from indelible.model.canonical import Json, format_time
from indelible.model.event import Connection, Notice, Origin, ToolsListed
from indelible.model.record import Record, Stamp, seal_body
from indelible.redact.walk import Scrubbed, Scrubber
from indelible.redact.who import kept_actor

NAME_CHARS = 128
MAX_LISTED_TOOLS = 1_000
NAMED_NOTICES = frozenset(
    [
        "notifications/cancelled",
        "notifications/elicitation/complete",
        "notifications/initialized",
        "notifications/message",
        "notifications/progress",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
        "notifications/roots/list_changed",
        "notifications/subscriptions/acknowledged",
        "notifications/tasks/status",
        "notifications/tools/list_changed",
        "subscriptions/listen",
    ]
)
"""What may stand in the header of a notice; any other name is content."""


@dataclass(slots=True)
class _Draft:
    """A record that is being made."""

    scrubber: Scrubber
    header: dict[str, Json]
    body: dict[str, Json] = field(default_factory=dict)
    count: int = 0
    notes: list[Json] = field(default_factory=list)

    def keep(self, scrubbed: Scrubbed) -> Json:
        self.count += scrubbed.count
        self.notes += [{"path": note.path, "rule": note.rule} for note in scrubbed.notes]
        return scrubbed.value

    def short(self, value: Json) -> Json:
        return self.keep(self.scrubber.text(str(value), limit=NAME_CHARS))

    def record(self, stamp: Stamp) -> Record:
        self.header["redactionCount"] = self.count
        if self.notes:
            self.body["redactions"] = self.notes
        return seal_body(self.header, self.body, stamp)


def notice_record(event: Notice, stamp: Stamp, scrubber: Scrubber, origin: Origin) -> Record:
    """Return the record of a message that nobody answers."""
    draft = _drafted(event.connection, event.at_us, scrubber, origin)
    draft.header |= {"kind": event.kind, "direction": event.direction}
    if event.method is not None:
        known = event.method in NAMED_NOTICES
        draft.header["method"] = event.method if known else "other"
        if not known:
            draft.body["method"] = draft.short(event.method)
    if isinstance(event.jsonrpc_id, str):
        draft.body["jsonrpcId"] = draft.short(event.jsonrpc_id)
    elif event.jsonrpc_id is not None:
        draft.body["jsonrpcId"] = draft.keep(scrubber.value(event.jsonrpc_id))
    draft.body["params"] = draft.keep(scrubber.value(event.content))
    return draft.record(stamp)


def tools_record(event: ToolsListed, stamp: Stamp, scrubber: Scrubber, origin: Origin) -> Record:
    """Return the record of a server's list of tools: names and hashes, no definitions."""
    draft = _drafted(event.connection, event.at_us, scrubber, origin)
    draft.header["kind"] = "tools.listed" if event.first else "tools.changed"
    draft.header |= {"count": len(event.hashes), "sha256": event.digest}
    named = {"added": event.added, "removed": event.removed, "changed": event.changed}
    for key, names in named.items():
        draft.body[key] = [draft.short(name) for name in names[:MAX_LISTED_TOOLS]]
    draft.body["tools"] = [
        {"name": draft.short(name), "sha256": event.hashes[name]}
        for name in sorted(event.hashes)[:MAX_LISTED_TOOLS]
    ]
    return draft.record(stamp)


def _drafted(connection: Connection, at_us: int, scrubber: Scrubber, origin: Origin) -> _Draft:
    """Return a draft that says where something happened, and of whom."""
    header: dict[str, Json] = {
        "timestamp": format_time(at_us),
        "server": origin.server,
        "transport": connection.transport,
        "capturedBy": origin.captured_by,
    }
    draft = _Draft(scrubber, header)
    draft.body["actor"], removed = kept_actor(connection.actor, scrubber)
    for scrubbed in removed:
        draft.keep(scrubbed)
    if connection.session is not None:
        draft.body["session"] = {"id": connection.session[0], "from": connection.session[1]}
    return draft
