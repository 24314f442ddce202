"""Failures that a tool returns as if all were well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.model.event import Completed, Origin, Outcome
from indelible.model.record import SALT_BYTES, Stamp
from indelible.redact.record import Redactor
from indelible.redact.soft import MAX_CHARS, is_soft_error
from indelible.redact.walk import scrubber

FAILURES: list[Any] = [
    {"error": "no such contact"},
    {"error": {"code": 7}},
    {"error": True, "message": "x"},
    {"success": False},
    {"ok": False, "data": None},
]
NONE: list[Any] = [
    {"error": None, "data": 1},
    {"error": ""},
    {"error": False},
    {"error": {}},
    {"error": 0},
    {"success": True},
    {"errors": ["line 3: unused import"]},
    {"status": "failed", "build": 12},
    {"data": {"error": "deep down"}},
    ["error"],
    "error",
    None,
]


def texts(value: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": json.dumps(value)}]}


@pytest.mark.requirement("outcome.soft-errors")
@pytest.mark.parametrize("value", FAILURES)
def test_what_can_only_mean_a_failure_is_one(value: Any) -> None:
    assert is_soft_error(texts(value))
    assert is_soft_error({"content": [], "structuredContent": value})


@pytest.mark.requirement("outcome.soft-errors")
@pytest.mark.parametrize("value", NONE)
def test_what_may_mean_something_else_is_none(value: Any) -> None:
    assert not is_soft_error(texts(value))
    assert not is_soft_error({"content": [], "structuredContent": value})


@pytest.mark.parametrize(
    "text", ['{"error": "x"', "error", "", '{"error": "' + "x" * MAX_CHARS + '"}', "{" * 5_000]
)
def test_what_is_no_small_object_is_not_looked_into(text: str) -> None:
    assert not is_soft_error({"content": [{"type": "text", "text": text}]})


@given(st.recursive(st.none() | st.booleans() | st.text(), st.lists))
def test_no_content_makes_it_fail(content: Any) -> None:
    assert is_soft_error({"content": content, "structuredContent": content}) is False


@pytest.mark.requirement("outcome.soft-errors")
def test_the_summary_of_a_result_says_so() -> None:
    redactor = Redactor(scrubber(), Origin("crm", "stdio", "sdk"))
    stamp = Stamp("01a20d89-44b6-7f92-b934-5bc0f5a69d90", 1, b"x" * SALT_BYTES)

    def summary(result: Any) -> Any:
        end = Completed(1, Outcome.OK, result=result)
        return json.loads(redactor.completed(end, stamp, (stamp.writer, 0)).body)["result"]

    assert summary(texts({"ok": False})) == {"content": {"text": 1}, "softError": True}
    assert summary(texts({"ok": True})) == {"content": {"text": 1}}
    assert summary({"content": [], "structuredContent": {"error": "x"}}) == {
        "structured": True,
        "softError": True,
    }
