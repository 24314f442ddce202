"""What MCP defines: effects, revisions, trace ids, names."""

from __future__ import annotations

import inspect
import re

import mcp.types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.capture.policy import COMPLIANCE, DEV, OnFailure
from indelible.capture.protocol import (
    METHODS,
    effect_of_method,
    effect_of_tool,
    id_key,
    member,
    protocol_version,
    trace_id,
)
from indelible.capture.wrap import server_name


def methods_of_the_sdk() -> set[str]:
    """Return every request method that the SDK's types define."""
    names = set()
    for _, cls in inspect.getmembers(mcp.types, inspect.isclass):
        fields = getattr(cls, "model_fields", {})
        if "method" in fields and issubclass(cls, mcp.types.Request):
            default = fields["method"].default
            names |= {default} if isinstance(default, str) else set()
    return names


def test_every_method_of_the_sdk_is_known() -> None:
    known = methods_of_the_sdk()
    assert {"tools/call", "resources/read", "sampling/createMessage"} <= known
    assert set() == known - METHODS


@pytest.mark.parametrize(
    ("hints", "effect"),
    [
        ({"readOnlyHint": True}, "read"),
        ({"readOnlyHint": True, "destructiveHint": True}, "read"),
        ({"readOnlyHint": False}, "destructive"),  # the spec's default of the other hint
        ({"destructiveHint": True}, "destructive"),
        ({"destructiveHint": False}, "write"),
        ({"readOnlyHint": False, "destructiveHint": False}, "write"),
        ({}, "undeclared"),
        ({"readOnlyHint": "true"}, "undeclared"),
        ({"title": "x", "idempotentHint": True}, "undeclared"),
        (None, "undeclared"),
        ([True], "undeclared"),
    ],
)
def test_a_tool_has_the_effect_it_declares(hints, effect) -> None:
    source = "none" if effect == "undeclared" else "annotation"
    assert effect_of_tool({"name": "t", "annotations": hints}) == (effect, source)


def test_a_method_has_the_effect_that_mcp_gives_it() -> None:
    assert effect_of_method("resources/read") == ("read", "method")
    assert effect_of_method("sampling/createMessage") == ("write", "method")
    assert effect_of_method("wipe/everything") == ("undeclared", "none")
    assert effect_of_method("tools/call") == ("undeclared", "none")


@pytest.mark.parametrize(
    "text", ["٢٠٢٦-٠٧-٢٨", "2026-07-28\n", "2026-7-28", "v2026-07-28", 20, None]
)
def test_only_a_date_in_digits_is_a_revision(text) -> None:
    assert protocol_version(text) is None


def test_a_revision_is_a_date() -> None:
    assert protocol_version("2026-07-28") == "2026-07-28"


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("text", "trace"),
    [
        (f"00-{TRACE}-b7ad6b7169203331-01", TRACE),
        (f"cc-{TRACE}-b7ad6b7169203331-01-what-the-future-brings", TRACE),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", None),
        (f"00-{TRACE}-b7ad6b7169203331-01\n", None),
        (f"00-{TRACE}", None),
        (None, None),
        ({}, None),
    ],
)
def test_a_trace_id_is_that_of_the_w3c_or_none(text, trace) -> None:
    assert trace_id({"_meta": {"traceparent": text}}) == trace


@given(st.lists(st.text()), st.text())
def test_a_member_of_nothing_is_nothing(path, text) -> None:
    assert member(text, "a", *path) is None
    assert member({"a": {"b": text}}, "a", "b") == text


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3))
def test_ids_of_different_types_never_meet(value) -> None:
    assert id_key(value) == id_key(value)
    if not isinstance(value, str):
        assert id_key(value) != id_key(str(value))


def test_what_may_change_something_is_guarded_more_than_what_reads() -> None:
    assert [DEV.of(e) for e in ("read", "undeclared", "write", "destructive")] == [
        OnFailure.PROCEED,
        OnFailure.PROCEED,
        OnFailure.SPOOL,
        OnFailure.SPOOL,
    ]
    assert [COMPLIANCE.of(e) for e in ("read", "undeclared", "write", "destructive")] == [
        OnFailure.SPOOL,
        OnFailure.SPOOL,
        OnFailure.REFUSE,
        OnFailure.REFUSE,
    ]


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        ("npx -y @modelcontextprotocol/server-memory@2026.1", "server-memory"),
        ("uvx mcp-server-git --repository /x", "mcp-server-git"),
        ("python3.11 -m my_server", "my_server"),
        ("/usr/bin/python /srv/crm/server.py", "server"),
        ("node dist/index.js", "index"),
        ("C:/tools/crm.exe", "crm"),
        ("/opt/crm/", "crm"),
        ("sh -c", "server"),
        ("npx -y --api-key ghp_secret pkg", "pkg"),
        ("npx --api-key=ghp_secret pkg", "pkg"),
        ("uvx --password hunter2 mcp-server-git", "mcp-server-git"),
        ("npx -y -- pkg", "pkg"),
        ("python -u -m my_server --token x", "my_server"),
        ("uvx --from git+https://h/x tool", "tool"),
        ("node -e secret", "server"),
        ("env API_KEY=x srv", "srv"),
        ("", "server"),
        ("'-- x", "x"),
    ],
)
def test_a_server_gets_a_name_from_its_command(argv, name) -> None:
    assert server_name(argv.split()) == name


@given(st.lists(st.text(max_size=80)))
def test_any_command_gives_a_name_that_a_header_can_hold(argv) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", server_name(argv))
