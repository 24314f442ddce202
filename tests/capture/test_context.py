"""Correlation: which ids are taken from a request, and what they are called elsewhere."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from typing import Any

import pytest
import structlog
from hypothesis import given as fuzz
from hypothesis import strategies as st

from indelible import correlation
from indelible.capture.context import (
    CURRENT,
    SPAN_ATTRIBUTES,
    Given,
    Running,
    annotate,
    given,
    session_of,
)
from indelible.capture.exchange import headers_of
from indelible.model.event import Connection, Received
from tests.capture.rig import Rig
from tests.deliver.spools import records

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
OTHER = f"00-{'ab' * 16}-b7ad6b7169203331-01"
CALL = Received(
    0,
    0,
    "client",
    "tools/call",
    jsonrpc_id=7,
    tool="wipe",
    connection=Connection(protocol_version="2025-06-18"),
    trace=TRACE,
    request_id="r-1",
)
RUNNING = Running(CALL, "c-1", lambda _text: True)


def headers(*lines: tuple[str, str]) -> Any:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in lines]
    return headers_of({"headers": raw})


def meta(**members: Any) -> dict[str, Any]:
    return {"_meta": {name.replace("_", "-"): value for name, value in members.items()}}


@pytest.mark.requirement("correlation.request-id")
@pytest.mark.parametrize(
    ("lines", "params", "expected"),
    [
        ([], {}, Given()),
        ([("x-request-id", "req-42")], {}, Given("req-42")),
        ([("traceparent", PARENT)], {}, Given(None, TRACE)),
        ([("traceparent", OTHER)], meta(traceparent=PARENT), Given(None, TRACE)),
        ([("x-request-id", "a")], meta(x_request_id="b"), Given("a")),
        (None, meta(x_request_id="b", traceparent=PARENT), Given("b", TRACE)),
        ([("traceparent", PARENT), ("traceparent", OTHER)], {}, Given()),
        ([("x-request-id", "a"), ("x-request-id", "b")], {}, Given(is_odd=True)),
        ([("x-request-id", "a b")], {}, Given(is_odd=True)),
        ([("x-request-id", "a\u00e9")], {}, Given(is_odd=True)),
        ([("x-request-id", "")], {}, Given(is_odd=True)),
        ([("x-request-id", "x" * 129)], {}, Given(is_odd=True)),
        (None, meta(x_request_id={"a": 1}), Given(is_odd=True)),
        (None, {"_meta": 7}, Given()),
        (None, None, Given()),
        ([("traceparent", f"00-{'0' * 32}-b7ad6b7169203331-01")], {}, Given()),
    ],
)
def test_an_id_is_taken_from_the_request_where_it_is_one(
    lines: Any, params: Any, expected: Given
) -> None:
    assert given(None if lines is None else headers(*lines), params) == expected


@pytest.mark.requirement("correlation.request-id")
@fuzz(st.text(), st.text())
def test_no_request_id_breaks_a_log_line(by_header: str, by_meta: str) -> None:
    for found in (
        given(lambda name: [by_header] if name == "x-request-id" else [], {}),
        given(None, meta(x_request_id=by_meta)),
    ):
        assert found.is_odd or found.request_id in (by_header, by_meta)
        text = found.request_id or ""
        assert text.isascii()
        assert text.isprintable()
        assert not set(text) & set(" \"'\\<>&|;`$\n")


@pytest.mark.requirement("correlation.session")
def test_a_session_says_what_it_was_derived_from() -> None:
    secret = "b7c2f7a0c0ffee00"
    by_header, label = session_of(headers(("mcp-session-id", secret)), TRACE, "run")
    assert label == "header"
    assert secret not in by_header
    assert by_header == session_of(headers(("mcp-session-id", secret)), None, "other")[0]
    assert session_of(headers(), TRACE, "run") == (TRACE, "trace")
    assert session_of(headers(), None, "run") == ("run", "process")
    assert session_of(None, TRACE, "run") == ("run", "process")


@pytest.mark.requirement("correlation.logging")
def test_log_records_name_the_call_that_runs() -> None:
    said: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(self.format(record))

    handler = Lines()
    handler.addFilter(correlation.RequestIdFilter())
    handler.setFormatter(logging.Formatter("%(request_id)s %(call_id)s %(message)s"))
    logger = logging.getLogger("test_context.app")
    logger.propagate = False
    logger.addHandler(handler)
    logger.warning("before")
    token = CURRENT.set(RUNNING)
    logger.warning("within")
    CURRENT.reset(token)
    logger.warning("after")
    assert said == ["- - before", "r-1 c-1 within", "- - after"]


@pytest.mark.requirement("correlation.structlog")
def test_a_structlog_event_names_the_call_and_keeps_what_it_has() -> None:
    assert correlation.add_request_id(None, "info", {"event": "x"}) == {"event": "x"}
    token = CURRENT.set(RUNNING)
    try:
        event = correlation.add_request_id(None, "info", {"event": "x", "call_id": "mine"})
    finally:
        CURRENT.reset(token)
    assert event == {"event": "x", "request_id": "r-1", "call_id": "mine"}


@pytest.mark.requirement("correlation.structlog")
def test_structlog_takes_the_processor() -> None:
    said = io.StringIO()
    log = structlog.wrap_logger(
        structlog.PrintLogger(said),
        processors=[correlation.add_request_id, structlog.processors.JSONRenderer()],
    )
    log.info("before")
    token = CURRENT.set(RUNNING)
    try:
        log.bind(row=7).warning("within")
    finally:
        CURRENT.reset(token)
    assert [json.loads(line) for line in said.getvalue().splitlines()] == [
        {"event": "before"},
        {"event": "within", "row": 7, "request_id": "r-1", "call_id": "c-1"},
    ]


def test_tasks_and_threads_of_a_call_belong_to_it_and_no_others() -> None:
    found: list[correlation.Correlation | None] = []

    async def task() -> None:
        await asyncio.sleep(0)
        found.append(correlation.current())
        await asyncio.to_thread(lambda: found.append(correlation.current()))

    async def one(call: Running) -> None:
        token = CURRENT.set(call)
        await asyncio.create_task(task())
        CURRENT.reset(token)

    async def both() -> None:
        await one(RUNNING)
        await one(RUNNING._replace(call=CALL._replace(request_id="r-2")))
        thread = threading.Thread(target=lambda: found.append(correlation.current()))
        thread.start()
        await asyncio.to_thread(thread.join)

    asyncio.run(both())
    assert [call and call.request_id for call in found] == ["r-1", "r-1", "r-2", "r-2", None]


@pytest.mark.requirement("correlation.request-id")
def test_the_id_of_a_call_is_that_of_its_record() -> None:
    assert RUNNING.correlation() == correlation.Correlation(
        "r-1", "c-1", TRACE, "tools/call", "wipe", "stdio", 7, "2025-06-18"
    )
    for call, is_clean, expected in (
        (CALL, False, TRACE),  # what is no id in the record is none elsewhere
        (CALL._replace(request_id=None), True, TRACE),
        (CALL._replace(request_id=None, trace=None), True, "c-1"),
    ):
        running = Running(call, "c-1", lambda _text, fits=is_clean: fits)
        assert running.correlation().request_id == expected


@pytest.mark.requirement("correlation.opentelemetry")
def test_span_attributes_have_the_names_of_the_conventions() -> None:
    assert correlation.span_attributes() == {}
    token = CURRENT.set(RUNNING)
    try:
        assert correlation.span_attributes() == {
            "indelible.request.id": "r-1",
            "indelible.call.id": "c-1",
            "mcp.method.name": "tools/call",
            "mcp.protocol.version": "2025-06-18",
            "gen_ai.tool.name": "wipe",
            "jsonrpc.request.id": "7",
            "network.transport": "pipe",
            "gen_ai.operation.name": "execute_tool",
        }
    finally:
        CURRENT.reset(token)
    assert len({name for name, _ in SPAN_ATTRIBUTES}) == len(SPAN_ATTRIBUTES)


@pytest.mark.requirement("correlation.opentelemetry")
def test_the_running_span_gets_our_ids_where_somebody_traces() -> None:
    class Span:
        def __init__(self, recording: bool) -> None:
            self.recording = recording
            self.said: dict[str, str] = {}

        def is_recording(self) -> bool:
            return self.recording

        def set_attributes(self, attributes: dict[str, str]) -> None:
            self.said |= attributes

    class Trace:
        def __init__(self, span: Span) -> None:
            self.span = span

        def get_current_span(self) -> Span:
            return self.span

    on, off = Span(recording=True), Span(recording=False)
    annotate({}, RUNNING)
    annotate({"opentelemetry.trace": Trace(on)}, RUNNING)
    annotate({"opentelemetry.trace": Trace(off)}, RUNNING)
    assert on.said == {"indelible.request.id": "r-1", "indelible.call.id": "c-1"}
    assert off.said == {}


@pytest.mark.requirement("correlation.request-id")
@pytest.mark.parametrize(
    ("given_id", "is_odd", "kept", "noted"),
    [
        ("req-42", False, "req-42", False),
        (None, True, None, True),
        ("ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", False, None, True),
        ("ann@example.com", False, None, True),
    ],
)
def test_an_id_that_is_content_is_replaced_and_noted(
    tmp_path, given_id: str | None, is_odd: bool, kept: str | None, noted: bool
) -> None:
    rig = Rig(tmp_path / "state")
    call = rig.call()._replace(request_id=given_id, has_odd_request_id=is_odd)
    rig.recorder.keep([call])
    (record,) = records(rig.directory)
    body = json.loads(record.body)
    assert body.get("requestId") == kept
    assert (body.get("redactions") == [{"path": "requestId", "rule": "request-id"}]) == noted
    assert json.loads(record.header)["redactionCount"] == noted
