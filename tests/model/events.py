"""Events as a hostile wire makes them, for property tests."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from indelible.model.event import (
    Actor,
    Completed,
    Configured,
    Connection,
    Delegate,
    ErrorType,
    ExportFormat,
    Notice,
    Origin,
    Outcome,
    ReadCommand,
    Reading,
    Received,
    ServerExit,
    ServerStart,
    ToolsListed,
    Unparseable,
    Unreadable,
)
from indelible.model.record import Record, Stamp
from indelible.redact.record import Redactor, reading_record
from indelible.redact.walk import scrubber

WRITER = "019ab3c4-d5e6-7abc-8def-0123456789ab"
CALL_ID = "019ab3c4-d5e6-7abc-9def-0123456789ab"
CANARY = "ZQXCANARY"
"""Stands in every word that comes from the wire; no header may hold it."""

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=40)
"""With lone surrogates, which `json.loads` lets through."""
WORDS = ANY_TEXT.map(lambda text: f"{CANARY} {text}")
VALID = WORDS.map(lambda text: text.encode("utf-8", "replace").decode())
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()  # NaN and the infinities too: `json.loads` reads them
    | WORDS
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(WORDS, inner, max_size=5)
)
TIMES = st.integers(0, 4_102_444_800_000_000)
COUNTS = st.integers(0, 1 << 40)
CONNECTIONS = st.builds(
    Connection,
    actor=st.builds(
        Actor,
        id=VALID,
        name=st.none() | VALID,
        issuer=st.none() | VALID,
        client_id=st.none() | VALID,
        tenant=st.none() | VALID,
        chain=st.lists(st.builds(Delegate, VALID, st.none() | VALID), max_size=3).map(tuple),
    ),
    client=st.none() | st.dictionaries(st.sampled_from(["name", "version"]), WORDS),
    session=st.just((WRITER, "process")),
    server_version=WORDS | st.just("1.2.3"),
    protocol_version=st.none() | st.just("2026-07-28"),
)
RECEIVED = st.builds(
    Received,
    number=st.just(0),
    at_us=TIMES,
    direction=st.sampled_from(["client", "server"]),
    method=WORDS,
    method_known=st.just(False),
    jsonrpc_id=JSON,
    tool=st.none() | WORDS,
    tool_registered=st.booleans(),
    args=JSON | st.sampled_from(Unreadable),
    args_bytes=COUNTS,
    effect=st.sampled_from(["read", "write", "destructive", "undeclared"]),
    effect_source=st.sampled_from(["annotation", "method", "config", "none"]),
    connection=CONNECTIONS,
    trace=st.none() | st.just("ab" * 16),
    request_id=st.none() | VALID,
    has_odd_request_id=st.booleans(),
    level=st.sampled_from(["metadata", "args", "result"]),
    target=st.none() | st.just(("path",)),
    state=st.none() | st.just("cd" * 32),
)
COMPLETED = st.builds(
    Completed,
    number=st.just(0),
    outcome=st.sampled_from(Outcome),
    error_type=st.none() | st.sampled_from(ErrorType),
    error=st.none() | WORDS,
    result=JSON,
    result_bytes=st.none() | COUNTS,
    duration_us=st.none() | COUNTS,
    keep_result=st.booleans(),
    state=st.none() | st.just("cd" * 32),
)
NOTICES = st.builds(
    Notice,
    at_us=TIMES,
    kind=st.just("notification"),
    direction=st.sampled_from(["client", "server"]),
    method=WORDS | st.just("notifications/progress"),
    content=JSON,
    connection=CONNECTIONS,
    jsonrpc_id=st.none(),
)
ENDS_OF_NOTHING = st.builds(
    Notice,
    at_us=TIMES,
    kind=st.just("stray"),
    direction=st.just("client"),
    method=st.none(),
    content=JSON,
    connection=CONNECTIONS,
    jsonrpc_id=JSON,
)
CLOSED = st.builds(
    Notice,
    at_us=TIMES,
    kind=st.just("closed"),
    direction=st.just("client"),
    method=st.just("subscriptions/listen"),
    content=st.builds(lambda ms: {"openMs": ms}, COUNTS),
    connection=CONNECTIONS,
    jsonrpc_id=JSON,
)
_NAMES = st.lists(WORDS, max_size=3)
LISTED = st.builds(
    ToolsListed,
    at_us=TIMES,
    connection=CONNECTIONS,
    digest=st.just("ab" * 32),
    hashes=st.dictionaries(WORDS, st.just("cd" * 32), max_size=3),
    first=st.booleans(),
    added=_NAMES,
    removed=_NAMES,
    changed=_NAMES,
)
UNPARSEABLE = st.builds(
    Unparseable,
    at_us=TIMES,
    direction=st.sampled_from(["client", "server"]),
    text=st.binary(max_size=200).map(lambda data: CANARY.encode() + data),
    lines=COUNTS,
    size_bytes=COUNTS,
)
STARTED = st.builds(ServerStart, at_us=TIMES, argv=st.lists(WORDS, max_size=5))
EXITED = st.builds(
    ServerExit,
    at_us=TIMES,
    exit_code=st.none() | st.integers(0, 255),
    signal=st.none() | st.integers(1, 64),
)
CONFIGURED = st.builds(Configured, at_us=TIMES, sha256=st.just("ab" * 32))
READING = st.builds(
    Reading,
    at_us=TIMES,
    command=st.sampled_from(get_args(ReadCommand)),
    actor=st.builds(Actor, id=WORDS.map(lambda t: t.encode("utf-8", "replace").decode())),
    words=WORDS.map(lambda t: t.encode("utf-8", "replace").decode()),
    rows=st.none() | COUNTS,
    format=st.none() | st.sampled_from(get_args(ExportFormat)),
    target=st.none() | WORDS.map(lambda t: t.encode("utf-8", "replace").decode()),
)
EVENTS = (
    RECEIVED | COMPLETED | UNPARSEABLE | NOTICES | LISTED | STARTED | EXITED | CONFIGURED | READING
)
STAMPS = st.builds(Stamp, st.just(WRITER), COUNTS, st.binary(min_size=16, max_size=16))

_SCRUBBER = scrubber()
_SCRUBBER.load()


def redactor() -> Redactor:
    return Redactor(_SCRUBBER, Origin("crm", "stdio", "wrap"))


def record_of(event: object, stamp: Stamp) -> Record:
    """Return the record that the real redactor makes of *event*."""
    if isinstance(event, Received):
        return redactor().received(event, stamp, CALL_ID)
    if isinstance(event, Completed):
        return redactor().completed(event, stamp, (WRITER, 0))
    if isinstance(event, Reading):
        return reading_record(event, stamp, _SCRUBBER)
    others = (Unparseable, Notice, ToolsListed, ServerStart, ServerExit, Configured)
    assert isinstance(event, others)
    return redactor().other(event, stamp)
