"""Entries as `model.flat` makes them: of honest writers, and of hostile ones."""

from __future__ import annotations

from hypothesis import strategies as st

from indelible.model.canonical import format_time
from indelible.model.flat import Fields, Kept, call_entry, record_entry

ORIGIN = "indelible.5f3a9c1e/default"
WRITER = "0192f0c1-7c00-7000-8000-000000000001"
CALL_ID = "0192f0c1-7c11-7abc-8000-00000000000a"
AT_US = 1_795_493_587_000_001

TEXT = st.text(max_size=20) | st.text(
    alphabet=st.characters(exclude_categories=()) | st.sampled_from('\0\n"\\\u2028é\x7f'),
    max_size=8,
)
"""With NUL and with halves of surrogate pairs: JSON has an escape for either."""
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
TIMES = st.integers(0, 4_102_444_800_000_000).map(format_time) | st.sampled_from(
    ["yesterday", "2026-11-24T06:13:07+02:00", "9999-12-31T23:59:59.999999Z", "", "2026-11-24"]
)
IDS = st.sampled_from([CALL_ID, "r1", "", CALL_ID.upper()]) | TEXT
KEYS = st.sampled_from(
    "tool method server target effect outcome errorType error durationMs argsBytes resultBytes "
    "args result client jsonrpcId session trace transport protocolVersion direction capturedBy "
    "requestId callId serverVersion reason count argv text leaves log erased redactions extra "
    "actor of recordId lines".split()
)
PARTS = st.dictionaries(
    st.sampled_from(
        ["id", "from", "ip", "name", "issuer", "clientId", "tenant", "provenance", "chain", "x"]
    ),
    TEXT | JSON,
    max_size=4,
)
HEADERS = st.fixed_dictionaries(
    {
        "writer": st.sampled_from([WRITER, "", "a/b"]) | TEXT,
        "seq": st.integers(0, 1 << 48) | st.integers(-(10**25), 10**25),
    },
    optional={
        "timestamp": TIMES | JSON,
        "id": IDS | JSON,
        "server": TEXT | JSON,
        "serverVersion": TEXT,
        "tool": TEXT | JSON,
        "method": TEXT,
        "effect": st.sampled_from(["read", "write"]) | JSON,
        "transport": TEXT,
        "protocolVersion": TEXT,
        "direction": TEXT,
        "capturedBy": TEXT,
        "argsBytes": st.integers(0, 1 << 40) | JSON,
        "outcome": st.sampled_from(["ok", "error"]) | JSON,
        "errorType": TEXT,
        "durationUs": st.integers(0, 10**12) | JSON,
        "resultBytes": st.integers(-(10**20), 10**20),
        "of": JSON,
    },
)
BODIES = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "actor": PARTS | JSON,
        "args": st.dictionaries(st.sampled_from(["id", "path"]) | TEXT, TEXT) | JSON,
        "client": PARTS | JSON,
        "jsonrpcId": JSON,
        "requestId": IDS | JSON,
        "session": PARTS | JSON,
        "target": TEXT,
        "trace": TEXT,
        "error": TEXT | JSON,
        "result": JSON,
        "redactions": st.lists(JSON, max_size=2) | JSON,
        "tool": TEXT,
        "method": TEXT | JSON,
    },
)
LEAVES = st.none() | st.integers(0, 1 << 40)


@st.composite
def records(draw: st.DrawFn, kind: str) -> Kept:
    leaf = draw(LEAVES)
    header: Fields = {"v": 1, "kind": kind, **draw(HEADERS)}
    body = draw(BODIES)
    return Kept(header, body, log=None if leaf is None else ORIGIN, leaf=leaf)


@st.composite
def calls(draw: st.DrawFn) -> Fields:
    received = draw(records("received"))
    completed = draw(st.none() | records("completed"))
    if completed is not None and completed.leaf == received.leaf is not None:
        completed = None
    return call_entry(received, completed)


@st.composite
def others(draw: st.DrawFn) -> Fields:
    kind = draw(st.sampled_from(["server.start", "gap", "completed", "call", "received"]) | TEXT)
    one = draw(records(kind))
    more = draw(st.dictionaries(KEYS, JSON | TEXT | PARTS, max_size=5))
    body = None if one.body is None else {**one.body, **more}
    if kind == "call" and draw(st.booleans()):
        # With every member that a call has.
        body = {**call_entry(one, None), **(body or {})}
    return record_entry(Kept(one.header, body, one.log, one.leaf))


ENTRIES = calls() | others()


def an_entry(**changes: object) -> Fields:
    """Return the entry of an ordinary call."""
    header: Fields = {
        "v": 1, "kind": "received", "writer": WRITER, "seq": 4, "id": CALL_ID,
        "timestamp": format_time(AT_US), "server": "crm", "serverVersion": "2.1.0",
        "direction": "client", "method": "tools/call", "tool": "delete_contact",
        "effect": "destructive", "transport": "stdio", "protocolVersion": "2026-07-28",
        "capturedBy": "wrap", "argsBytes": 17,
    }  # fmt: skip
    body: Fields = {
        "actor": {"id": "ann", "provenance": "asserted"}, "args": {"id": "42"},
        "client": {"name": "Cursor", "version": "3.1"}, "jsonrpcId": 7, "requestId": CALL_ID,
        "session": {"id": "s1", "from": "process"}, "target": "42",
    }  # fmt: skip
    end: Fields = {"kind": "completed", "outcome": "ok", "durationUs": 1500, "resultBytes": 90}
    received = Kept(header, body, ORIGIN, 11)
    entry = call_entry(received, Kept(end, {"result": {"type": "text"}}, ORIGIN, 13))
    return {**entry, **changes}  # type: ignore[dict-item]
