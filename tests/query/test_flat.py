"""The flat entry, against its published schema and the guide's field list."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.model.flat import Fields, Kept, call_entry, record_entry
from indelible.model.record import ControlKind, Reason, Stamp, control

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
FLAT = jsonschema.Draft202012Validator(json.loads((REFERENCE / "flat.schema.json").read_text()))
RECORD = jsonschema.Draft202012Validator(json.loads((REFERENCE / "record.schema.json").read_text()))

WRITER = "0192f0c1-7c00-7000-8000-000000000001"
OTHER = "0192f0c1-7c00-7000-8000-000000000002"
CALL_ID = "0192f0c1-7c11-7abc-8000-00000000000a"
ORIGIN = "indelible.5f3a9c1e/default"
GUIDE = ["timestamp", "requestId", "actor", "tool", "args", "outcome", "error", "durationMs"]

RECEIVED: Fields = {
    "v": 1, "kind": "received", "writer": WRITER, "seq": 4, "bodyHash": "ab" * 32,
    "timestamp": "2026-11-24T04:13:07.000001Z", "id": CALL_ID, "server": "crm",
    "serverVersion": "2.1.0", "direction": "client", "method": "tools/call",
    "tool": "delete_contact", "effect": "destructive", "effectSource": "annotation",
    "transport": "stdio", "protocolVersion": "2026-07-28", "capturedBy": "wrap",
    "argsBytes": 17, "redactionCount": 1,
}  # fmt: skip
RECEIVED_BODY: Fields = {
    "actor": {
        "id": "ann",
        "provenance": "asserted",
        "ip": "10.0.0.9",
        "clientId": "cursor",
        "tenant": "acme",
        "chain": [{"id": "agent"}],
    },
    "args": {"id": 42, "password": "[REDACTED]"},
    "client": {"name": "Cursor", "version": "3.1"},
    "jsonrpcId": 7,
    "requestId": "b5b7c8ce-6c4f-4d5e-9a54-3f3f7f1a2b11",
    "session": {"id": "s1", "from": "process"},
    "target": "42",
    "trace": "0af7651916cd43dd8448eb211c80319c",
    "redactions": [{"path": "args.password", "rule": "key"}],
}
COMPLETED: Fields = {
    "v": 1, "kind": "completed", "writer": WRITER, "seq": 5, "bodyHash": "cd" * 32,
    "of": {"writer": WRITER, "seq": 4}, "outcome": "error", "errorType": "tool_error",
    "durationUs": 1_500, "resultBytes": 90, "redactionCount": 0,
}  # fmt: skip
COMPLETED_BODY: Fields = {"error": "no contact [EMAIL]", "result": {"type": "text"}}


def received(**changes: object) -> Kept:
    fields = {"header": RECEIVED, "body": RECEIVED_BODY, "log": ORIGIN, "leaf": 11}
    return Kept(**{**fields, **changes})  # type: ignore[arg-type]


def completed(**changes: object) -> Kept:
    fields = {"header": COMPLETED, "body": COMPLETED_BODY, "log": ORIGIN, "leaf": 13}
    return Kept(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.requirement("model.flat-fields")
def test_a_joined_call_has_the_guides_fields_under_the_guides_names() -> None:
    entry = call_entry(received(), completed())
    FLAT.validate(entry)
    assert {name: entry[name] for name in [*GUIDE, "serverVersion"]} == {
        "timestamp": "2026-11-24T04:13:07.000001Z",
        "requestId": "b5b7c8ce-6c4f-4d5e-9a54-3f3f7f1a2b11",
        "actor": {
            "id": "ann", "ip": "10.0.0.9", "name": None, "issuer": None, "clientId": "cursor",
            "tenant": "acme", "provenance": "asserted",
            "chain": [{"id": "agent", "issuer": None}],
        },
        "tool": "delete_contact",
        "args": {"id": 42, "password": "[REDACTED]"},
        "outcome": "error",
        "error": "no contact [EMAIL]",
        "durationMs": 2,
        "serverVersion": "2.1.0",
    }  # fmt: skip
    assert entry["callId"] == CALL_ID
    assert entry["log"] == ORIGIN
    assert entry["leaves"] == {"received": 11, "completed": 13}
    assert entry["redactions"] == [{"path": "args.password", "rule": "key"}]
    assert entry["erased"] is False


def test_an_unfinished_call_has_no_outcome() -> None:
    entry = call_entry(received(log=None, leaf=None), None)
    FLAT.validate(entry)
    assert entry["outcome"] is entry["durationMs"] is entry["error"] is entry["leaves"] is None


def test_an_erased_body_is_said_and_reads_as_null() -> None:
    entry = call_entry(received(body=None), completed())
    FLAT.validate(entry)
    assert entry["erased"] is True
    assert entry["args"] is entry["requestId"] is entry["actor"]["id"] is None  # type: ignore[index,call-overload]
    assert entry["outcome"] == "error"
    assert call_entry(received(), completed(body=None))["erased"] is True


def test_names_that_may_not_stand_in_the_header_come_from_the_body() -> None:
    header = {k: v for k, v in RECEIVED.items() if k != "tool"} | {"method": "other"}
    body = RECEIVED_BODY | {"tool": "new_tool", "method": "x/custom"}
    entry = call_entry(received(header=header, body=body), None)
    assert (entry["tool"], entry["method"]) == ("new_tool", "x/custom")


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ({"kind": "server.start", "server": "crm", "transport": "stdio", "capturedBy": "wrap",
          "redactionCount": 0}, {"argv": ["crm-server"]}),
        ({"kind": "server.exit", "server": "crm", "transport": "stdio", "capturedBy": "wrap",
          "signal": 9}, {}),
        ({"kind": "unparseable", "server": "crm", "direction": "server", "transport": "stdio",
          "capturedBy": "wrap", "redactionCount": 0, "lines": 2, "bytes": 30}, {"text": "hi"}),
    ],
)  # fmt: skip
def test_a_record_that_stands_alone_keeps_its_fields(header: Fields, body: Fields) -> None:
    whole = header | {
        "v": 1, "writer": WRITER, "seq": 0, "bodyHash": "00" * 32,
        "timestamp": "2026-11-24T04:13:07.000001Z",
    }  # fmt: skip
    RECORD.validate({"header": whole, "body": body})
    entry = record_entry(Kept(whole, body))
    FLAT.validate(entry)
    assert entry["recordId"] == f"{WRITER}/0"
    assert entry["leaves"] is None
    assert {k: entry[k] for k in (*header, *body)} == header | body
    erased = record_entry(Kept(whole, None, ORIGIN, 3))
    FLAT.validate(erased)
    assert erased["erased"] is True
    assert erased["leaves"] == {header["kind"]: 3}


def test_call_records_meet_the_record_schema() -> None:
    RECORD.validate({"header": RECEIVED, "body": RECEIVED_BODY})
    RECORD.validate({"header": COMPLETED, "body": COMPLETED_BODY})
    RECORD.validate({"header": {**COMPLETED, "kind": "newer", "v": 2, "x": [1]}, "body": {"y": 1}})
    for broken in ({**RECEIVED, "tool": 1}, {k: v for k, v in RECEIVED.items() if k != "id"}):
        assert not RECORD.is_valid({"header": broken, "body": RECEIVED_BODY})


def test_control_records_meet_the_schemas() -> None:
    fields = {"ofWriter": OTHER, "firstSeq": 3, "lastSeq": 4, "count": 2}
    stamp = Stamp(WRITER, 0, bytes(16))
    record = control(ControlKind.GAP, Reason.MISSING_SEQ, stamp, at_us=1, **fields)  # type: ignore[arg-type]
    header, body = json.loads(record.header), json.loads(record.body)
    RECORD.validate({"header": header, "body": body})
    entry = record_entry(Kept(header, body, ORIGIN, 9))
    FLAT.validate(entry)
    assert (entry["kind"], entry["reason"], entry["count"]) == ("gap", "missing-seq", 2)


def test_a_completed_record_of_a_lost_call_stands_alone() -> None:
    entry = record_entry(completed())
    FLAT.validate(entry)
    assert (entry["kind"], entry["timestamp"]) == ("completed", None)
    assert entry["of"] == {"writer": WRITER, "seq": 4}


def test_who_closed_a_call() -> None:
    assert completed().closes == (WRITER, 4)
    assert not completed().by_reconciler
    stranger = completed(header=COMPLETED | {"writer": OTHER})
    assert stranger.closes is None
    assert not stranger.by_reconciler
    reconciler = completed(header=COMPLETED | {"writer": OTHER}, via="collector")
    assert reconciler.closes == (WRITER, 4)
    assert reconciler.by_reconciler
    assert received().closes is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
HOSTILE_HEADER = st.fixed_dictionaries({}, optional=dict.fromkeys({*RECEIVED, *COMPLETED}, JSON))
HOSTILE_BODY = st.fixed_dictionaries({}, optional=dict.fromkeys(RECEIVED_BODY, JSON))


@given(HOSTILE_HEADER, HOSTILE_BODY, HOSTILE_HEADER, HOSTILE_BODY)
def test_no_record_breaks_an_entry(a: Fields, b: Fields, c: Fields, d: Fields) -> None:
    entry = call_entry(Kept(a, b), Kept(c, d))
    assert isinstance(entry["actor"], dict)
    assert entry["tool"] is None or isinstance(entry["tool"], str)
    assert record_entry(Kept(a, b))["kind"]
