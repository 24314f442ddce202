"""Event → record: the one place where what was seen becomes what is kept.

Law: nothing from the wire enters a record except through the scrubber. The
header gets enums, numbers, times, generated ids and registered names only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from indelible.model.canonical import Json, encode, format_time
from indelible.model.compose import ReceivedBody, ReceivedForm, completed_record
from indelible.model.event import (
    Actor,
    Completed,
    Configured,
    Connection,
    Notice,
    Origin,
    Reading,
    Received,
    ServerExit,
    ServerStart,
    ToolsListed,
    Unparseable,
    Unreadable,
)
from indelible.model.record import Record, Stamp, seal_body
from indelible.redact.careful import MIN_CARD_NUMBER
from indelible.redact.notices import notice_record, tools_record
from indelible.redact.soft import is_soft_error
from indelible.redact.walk import Scrubbed, Scrubber
from indelible.redact.who import kept_actor

ERROR_CHARS = 500
FILTER_CHARS = 4_096
"""Of what a reader asked for; a filter has at most twice as many, and few have 100."""
NAME_CHARS = 128
_TARGET_KEYS = ("path", "file", "filename", "uri", "url", "table", "to", "recipient", "id", "name")
_TARGETS = frozenset(_TARGET_KEYS)
_REGISTERED_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
_VERSION = re.compile(r"[A-Za-z0-9_.+-]{1,64}")
_COUNTED = frozenset(
    ["tools", "resources", "resourceTemplates", "prompts", "messages", "contents", "roots", "tasks"]
)
_BLOCKS = frozenset(["text", "image", "audio", "resource", "resource_link"])
_BLOCK_KINDS = _BLOCKS | {"other"}
_FLAGS = frozenset(["structured", "softError", "inputRequired"])
MAX_REMEMBERED_NAMES = 10_000
MAX_REMEMBERED_CONNECTIONS = 256


@dataclass(slots=True)
class _Notes:
    """Gathers what was removed from one record."""

    count: int = 0
    notes: list[Json] = field(default_factory=list)

    def keep(self, scrubbed: Scrubbed) -> Json:
        if scrubbed.count:
            self.count += scrubbed.count
            self.notes += [{"path": note.path, "rule": note.rule} for note in scrubbed.notes]
        return scrubbed.value

    def add(self, other: _Notes) -> None:
        if other.count:
            self.count += other.count
            self.notes += other.notes


@dataclass(slots=True)
class _Known:
    """What the connection alone decides of a `received` record, and the forms made with it."""

    of: Connection | None
    header: dict[str, Json]
    body: ReceivedBody
    notes: _Notes
    forms: dict[tuple[object, ...], ReceivedForm] = field(default_factory=dict)


class Redactor:
    """Makes records of traffic.

    Args:
        scrubber: Removes secrets and personal data.

        origin: What is the same for every event of this emitter.
    """

    def __init__(self, scrubber: Scrubber, origin: Origin) -> None:
        self._scrubber = scrubber
        self._origin = origin
        self._names: dict[str, bool] = {}
        self._known = self._learn(Connection())
        self._all_known: dict[int, _Known] = {}

    def received(self, event: Received, stamp: Stamp, call_id: str) -> Record:
        """Return the record that a request was seen; *call_id* is a fresh UUIDv7."""
        if event.connection is not self._known.of:
            self._known = self._recall(event.connection)
        notes = _Notes()
        body = self._received_body(event, notes)
        return self._received_form(event).record(
            body,
            stamp,
            call_id=call_id,
            timestamp=format_time(event.at_us),
            args_bytes=event.args_bytes,
            redaction_count=notes.count,
        )

    def is_clean(self, text: str) -> bool:
        """Return whether *text* would be kept as it is."""
        return self._scrubber.is_clean(text)

    def completed(self, event: Completed, stamp: Stamp, of: tuple[str, int]) -> Record:
        """Return the record of a call's end; *of* names its `received`: writer and seq."""
        kept = event.keep_result and event.result is not None
        if event.error is None and not kept and event.state is None:
            body, count = _shape_body(_shape(event.result)), 0
        else:
            body, count = self._completed_body(event, kept=kept)
        return completed_record(
            body,
            stamp,
            of=of,
            outcome=event.outcome,
            error_type=event.error_type,
            duration_us=event.duration_us,
            result_bytes=event.result_bytes,
            redaction_count=count,
        )

    def _completed_body(self, event: Completed, *, kept: bool) -> tuple[bytes, int]:
        notes = _Notes()
        body: dict[str, Json] = {}
        if event.error is not None:
            body["error"] = notes.keep(self._scrubber.text(event.error, limit=ERROR_CHARS))
        if kept:
            body["result"] = notes.keep(self._scrubber.value(event.result))
        elif event.error is None and (summary := _summary(_shape(event.result))):
            body["result"] = summary
        if event.state is not None:
            body["stateDigest"] = event.state
        return encode(_with_notes(body, notes)), notes.count

    def _received_form(self, event: Received) -> ReceivedForm:
        method = event.method if event.method_known else "other"
        tool = event.tool if event.tool_registered else None
        key = (event.direction, method, tool, event.effect, event.effect_source, event.level)
        found = self._known.forms.get(key)
        if found is None:
            constants: dict[str, Json] = {
                **self._known.header,
                "kind": "received",
                "direction": event.direction,
                "method": method,
                "effect": event.effect,
                "effectSource": event.effect_source,
            }
            if self._is_plain(tool):
                constants["tool"] = tool
            if event.level != "result":
                constants["level"] = event.level
            if len(self._known.forms) >= MAX_REMEMBERED_NAMES:
                self._known.forms.clear()
            found = self._known.forms[key] = ReceivedForm(constants)
        return found

    def other(
        self,
        event: Unparseable | Notice | ToolsListed | ServerStart | ServerExit | Configured,
        stamp: Stamp,
    ) -> Record:
        """Return the record of something that is no call."""
        if isinstance(event, Notice):
            return notice_record(event, stamp, self._scrubber, self._origin)
        if isinstance(event, ToolsListed):
            return tools_record(event, stamp, self._scrubber, self._origin)
        notes = _Notes()
        header: dict[str, Json] = {
            "timestamp": format_time(event.at_us),
            "server": self._origin.server,
            "transport": self._origin.transport,
            "capturedBy": self._origin.captured_by,
        }
        body: dict[str, Json] = {}
        match event:
            case Unparseable():
                header |= {"kind": "unparseable", "direction": event.direction}
                header |= {"lines": event.lines, "bytes": event.size_bytes}
                text = event.text.decode("utf-8", "replace")
                body["text"] = notes.keep(self._scrubber.text(text, limit=ERROR_CHARS))
            case ServerStart():
                header["kind"] = "server.start"
                body["argv"] = notes.keep(self._scrubber.argv(event.argv))
            case ServerExit():
                header["kind"] = "server.exit"
                if event.exit_code is not None:
                    header["exitCode"] = event.exit_code
                if event.signal is not None:
                    header["signal"] = event.signal
                if event.usage is not None:
                    header["cpuUserUs"], header["cpuSystemUs"], header["maxRssBytes"] = event.usage
            case Configured():
                header |= {"kind": "config", "sha256": event.sha256}
        if not isinstance(event, (ServerExit, Configured)):
            header["redactionCount"] = notes.count
        return seal_body(header, _with_notes(body, notes), stamp)

    def _received_body(self, event: Received, notes: _Notes) -> bytes:
        notes.add(self._known.notes)
        has_args = event.level != "metadata"
        args = notes.keep(self._scrubber.value(event.args)) if has_args else None
        rest: dict[str, Json] = {}
        if event.jsonrpc_id is not None:
            rest["jsonrpcId"] = self._id(event.jsonrpc_id, notes)
        if event.trace is not None:
            rest["requestId"] = rest["trace"] = event.trace
        if event.state is not None:
            rest["stateDigest"] = event.state
        if event.request_id is not None or event.has_odd_request_id:
            self._put_request_id(event, rest, notes)
        if not event.method_known:
            rest["method"] = self._short(event.method, notes)
        if event.tool is not None and not (event.tool_registered and self._is_plain(event.tool)):
            rest["tool"] = self._short(event.tool, notes)
        if (target := _target(args, event.target)) is not None:
            rest["target"] = target
        return self._known.body.fill(args, _with_notes(rest, notes), has_args=has_args)

    def _put_request_id(self, event: Received, rest: dict[str, Json], notes: _Notes) -> None:
        """Write the client's correlation id; what cannot be one is noted, and replaced."""
        given = event.request_id
        if given is not None and self._scrubber.is_clean(given):
            rest["requestId"] = given
        else:
            notes.count += 1
            notes.notes.append({"path": "requestId", "rule": "request-id"})

    def _recall(self, connection: Connection) -> _Known:
        """Return what a connection decides; of some connections it is remembered."""
        known = self._all_known.get(id(connection))
        if known is None or known.of is not connection:
            if len(self._all_known) >= MAX_REMEMBERED_CONNECTIONS:
                self._all_known.clear()
            known = self._all_known[id(connection)] = self._learn(connection)
        return known

    def _learn(self, connection: Connection) -> _Known:
        """Redact once what every call of a connection repeats."""
        notes = _Notes()
        header: dict[str, Json] = {
            "server": self._origin.server,
            "serverVersion": self._version(
                self._origin.server_version or connection.server_version
            ),
            "transport": connection.transport,
            "capturedBy": self._origin.captured_by,
        }
        if connection.protocol_version is not None:
            header["protocolVersion"] = connection.protocol_version
        body: dict[str, Json] = {"actor": _who(connection.actor, self._scrubber, notes)}
        if connection.client is not None:
            said = connection.client.items()
            body["client"] = {key: self._short(value, notes) for key, value in said}
        if connection.session is not None:
            body["session"] = {"id": connection.session[0], "from": connection.session[1]}
        return _Known(connection, header, ReceivedBody(body), notes)

    def _short(self, value: Json, notes: _Notes) -> Json:
        return notes.keep(self._scrubber.text(str(value), limit=NAME_CHARS))

    def _id(self, value: Json, notes: _Notes) -> Json:
        if type(value) is int and -MIN_CARD_NUMBER < value < MIN_CARD_NUMBER:
            return value  # no gate for the id of a call: it cost more than the rest
        if isinstance(value, str):
            return self._short(value, notes)
        return notes.keep(self._scrubber.value(value))

    def _is_plain(self, name: str | None) -> bool:
        """Return whether a name that the server chose may stand in a header."""
        if name is None:
            return False
        known = self._names.get(name)
        if known is None:
            known = bool(_REGISTERED_NAME.fullmatch(name)) and self._scrubber.is_clean(name)
            if len(self._names) < MAX_REMEMBERED_NAMES:
                self._names[name] = known
        return known

    def _version(self, text: str) -> str:
        plain = _VERSION.fullmatch(text) and self._is_plain(text)
        return text if plain else "unknown"


def reading_record(event: Reading, stamp: Stamp, scrubber: Scrubber) -> Record:
    """Return the record that somebody read the trail. What they asked for may hold a secret."""
    notes = _Notes()
    header: dict[str, Json] = {
        "kind": "read",
        "timestamp": format_time(event.at_us),
        "command": event.command,
    }
    if event.rows is not None:
        header["rows"] = event.rows
    if event.format is not None:
        header["format"] = event.format
    body: dict[str, Json] = {"actor": _who(event.actor, scrubber, notes)}
    body["filter"] = notes.keep(scrubber.text(event.words, limit=FILTER_CHARS))
    if event.target is not None:
        body["target"] = notes.keep(scrubber.text(event.target, limit=ERROR_CHARS))
    header["redactionCount"] = notes.count
    return seal_body(header, _with_notes(body, notes), stamp)


def _who(actor: Actor, scrubber: Scrubber, notes: _Notes) -> dict[str, Json]:
    known, removed = kept_actor(actor, scrubber)
    for scrubbed in removed:
        notes.keep(scrubbed)
    return known


def _with_notes(body: dict[str, Json], notes: _Notes) -> dict[str, Json]:
    if notes.notes:
        body["redactions"] = notes.notes
    return body


def _target(args: Json, path: tuple[str, ...] | None = None) -> str | None:
    """Return what a call was done to, from its redacted arguments.

    Args:
        path: Where in them it stands; without it, best effort by usual names.
    """
    if path is not None:
        return _target_at(args, path)
    if not isinstance(args, dict) or _TARGETS.isdisjoint(args):
        return None
    for key in _TARGET_KEYS:
        if key not in args:
            continue
        value = args[key]
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return str(value)[:ERROR_CHARS]
    return None


def _target_at(args: Json, path: tuple[str, ...]) -> str | None:
    for name in path:
        if not isinstance(args, dict) or name not in args:
            return None
        args = args[name]
    is_name = isinstance(args, (str, int)) and not isinstance(args, bool)
    return str(args)[:ERROR_CHARS] if is_name else None


def _shape(result: Json | Unreadable) -> tuple[tuple[str, int], ...]:
    """Return the shape of a result without any of its content: counts by known kind."""
    if not isinstance(result, dict):
        return ()
    counts: dict[str, int] = {}
    content = result.get("content")
    for block in content if isinstance(content, list) else ():
        kind = block.get("type") if isinstance(block, dict) else None
        if type(kind) is not str or kind not in _BLOCKS:
            kind = "other"
        counts[kind] = counts.get(kind, 0) + 1
    if "structuredContent" in result:
        counts["structured"] = 1
    if counts and is_soft_error(result):
        counts["softError"] = 1
    if result.get("resultType") == "input_required":
        counts["inputRequired"] = 1
    if not counts:
        counts = {key: len(value) for key in _COUNTED if isinstance(value := result.get(key), list)}
    return tuple(counts.items())


@lru_cache(maxsize=1_024)
def _shape_body(shape: tuple[tuple[str, int], ...]) -> bytes:
    """Return the body of a `completed` record that keeps nothing but a shape."""
    summary = _summary(shape)
    return encode({"result": summary} if summary else {})


def _summary(shape: tuple[tuple[str, int], ...]) -> dict[str, Json]:
    result: dict[str, Json] = {name: count for name, count in shape if name not in _BLOCK_KINDS}
    blocks: dict[str, Json] = {name: count for name, count in shape if name in _BLOCK_KINDS}
    if blocks:
        result["content"] = blocks
    for flag in _FLAGS & result.keys():
        result[flag] = True
    return result
