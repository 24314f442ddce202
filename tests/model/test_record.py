"""Headers and bodies: canonical, bounded, free of content, bound to one another."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from indelible.model.canonical import encode
from indelible.model.event import Connection, Received
from indelible.model.frame import encode_frame
from indelible.model.record import MAX_HEADER_BYTES, ControlKind, Reason, Stamp, control
from tests.model.events import (
    CALL_ID,
    CANARY,
    EVENTS,
    JSON,
    RECEIVED,
    STAMPS,
    TIMES,
    WRITER,
    record_of,
    redactor,
)

FORMAT = Path(__file__).parents[2] / "docs" / "reference" / "format.md"
STAMP = Stamp(WRITER, 7, bytes(range(16)))


def documented(part: str) -> dict[str, str]:
    """Return the keys of a table of format.md section 2, with the kinds they are in."""
    section = FORMAT.read_text(encoding="utf-8").split(f"**{part}**")[1].split("**Salt**")[0]
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", section.split("## 3")[0], re.MULTILINE)
    return {key: kinds for keys, kinds in rows for key in re.findall(r"`(\w+)`", keys)}


def undocumented(part: str, kind: str, keys: set[str]) -> set[str]:
    """Return the *keys* that the table does not allow in a record of that *kind*."""
    table = documented(part)
    return {
        key
        for key in keys
        if not re.search(
            rf"^(all|optional)|`{re.escape(kind)}`|`{kind.split('.', maxsplit=1)[0]}\.\*`",
            table.get(key, ""),
        )
    }


@pytest.mark.requirement("model.header-canonical")
@given(EVENTS, STAMPS)
def test_a_header_is_what_another_rfc_8785_library_writes(event, stamp) -> None:
    header = record_of(event, stamp).header
    assert rfc8785.dumps(json.loads(header)) == header
    assert b"\n" not in header


@pytest.mark.requirement("model.header-canonical")
@given(
    st.sampled_from(ControlKind),
    st.sampled_from(Reason),
    STAMPS,
    TIMES,
    st.dictionaries(
        st.sampled_from(["bytes", "count", "proceeded"]), st.integers(0, (1 << 53) - 1)
    ),
)
def test_so_is_that_of_a_control_record(kind, reason, stamp, at_us, fields) -> None:
    record = control(kind, reason, stamp, at_us=at_us, **fields)
    header = json.loads(record.header)
    assert rfc8785.dumps(header) == record.header
    assert record.body == b"{}"
    assert (header["kind"], header["reason"]) == (kind.value, reason.value)
    assert fields.items() <= header.items()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(1 << 53) + 1, (1 << 53) - 1) | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner)
        ),
    )
)
def test_the_encoder_is_rfc_8785_where_it_says_so(value) -> None:
    assert rfc8785.dumps(value) == encode(value)


@pytest.mark.requirement("model.header-bounded")
@given(EVENTS, STAMPS)
def test_a_header_is_small_and_holds_no_word_from_the_wire(event, stamp) -> None:
    record = record_of(event, stamp)
    assert len(record.header) <= MAX_HEADER_BYTES
    assert CANARY.encode() not in record.header
    header, body = json.loads(record.header), json.loads(record.body)
    assert set() == undocumented("Header", header["kind"], set(header))
    assert set() == undocumented("Body", header["kind"], set(body))


@pytest.mark.requirement("model.header-bounded")
def test_a_header_at_its_largest_is_still_small() -> None:
    event = Received(
        number=0,
        at_us=4_102_444_800_000_000,
        direction="client",
        method="resources/templates/list",
        tool="t" * 128,
        tool_registered=True,
        effect="destructive",
        effect_source="annotation",
        args_bytes=1 << 52,
        connection=Connection(server_version="1" * 64, protocol_version="2026-07-28"),
    )
    record = record_of(event, Stamp(WRITER, (1 << 53) - 1, bytes(16)))
    assert json.loads(record.header)["tool"] == "t" * 128
    assert len(record.header) < MAX_HEADER_BYTES // 2


def test_the_check_of_keys_can_fail() -> None:
    assert undocumented("Header", "received", {"tool", "args"}) == {"args"}
    assert undocumented("Header", "completed", {"tool", "outcome"}) == {"tool"}
    assert undocumented("Body", "completed", {"args", "error"}) == {"args"}
    assert undocumented("Header", "server.exit", {"exitCode", "server", "method"}) == {"method"}


@pytest.mark.requirement("model.body-hash")
@given(EVENTS, STAMPS)
def test_a_header_commits_to_salt_and_body(event, stamp) -> None:
    record = record_of(event, stamp)
    said = json.loads(record.header)["bodyHash"]
    assert said == hashlib.sha256(stamp.salt + record.body).hexdigest()
    assert record.salt == stamp.salt
    # Without the salt the hash tells nothing of the body; with another it is another.
    other = record_of(event, Stamp(stamp.writer, stamp.seq, bytes(b ^ 1 for b in stamp.salt)))
    assert other.body == record.body
    assert json.loads(other.header)["bodyHash"] != said
    assert other.header.replace(json.loads(other.header)["bodyHash"].encode(), said.encode()) == (
        record.header
    )


@given(JSON)
@example({"a": "\ud800"})
@example([float("nan"), float("inf"), 10**400])
@example({"k" * 5000: ["v" * 5000] * 50})
def test_whatever_is_on_the_wire_fits_into_a_frame(value) -> None:
    event = Received(
        number=0, at_us=0, direction="client", method="x", args=value, jsonrpc_id=value
    )
    frame = encode_frame(record_of(event, STAMP))
    kept = record_of(event, STAMP).body
    assert "args" in json.loads(kept, parse_constant=pytest.fail)  # NaN is no JSON
    assert len(frame) < 1 << 20


@pytest.mark.parametrize("unit", ["\x00", "\u2028", "\U0001f511", '"', "\\", "password=x ", "é"])
def test_the_largest_arguments_fit_into_a_frame(unit) -> None:
    value = {f"{unit[:1]}{n}": [unit * 600] * 100 for n in range(100)}
    event = Received(number=0, at_us=0, direction="client", method="x", args=value)
    assert len(encode_frame(record_of(event, STAMP))) < 1 << 20


@given(RECEIVED, STAMPS)
def test_a_call_is_recorded_with_the_time_it_was_received_at(event, stamp) -> None:
    header = json.loads(record_of(event, stamp).header)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", header["timestamp"])
    assert (header["writer"], header["seq"], header["v"]) == (stamp.writer, stamp.seq, 1)


@given(st.lists(st.tuples(RECEIVED, STAMPS), min_size=2, max_size=6))
def test_what_a_redactor_remembers_of_connections_changes_no_record(seen) -> None:
    """Each event comes again over an equal connection that is another object."""
    again = [(event._replace(connection=replace(event.connection)), stamp) for event, stamp in seen]
    busy = redactor()
    for event, stamp in seen + again + seen:
        assert busy.received(event, stamp, CALL_ID) == record_of(event, stamp)
