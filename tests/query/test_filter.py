"""The filter grammar: what it accepts, what it refuses and how, and its round trip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.errors import UsageError
from indelible.query.filter import Filter, Pattern, Term, format_filter, parse

CALL = {
    "kind": "call",
    "callId": "0192f0c1-0000-7000-8000-000000000001",
    "tool": "delete_contact",
    "method": "tools/call",
    "server": "crm",
    "outcome": "error",
    "errorType": "denied",
    "effect": "destructive",
    "actor": {"id": "ann", "name": "Ann Lee"},
}


def holds(source: str, **changes: object) -> bool:
    return parse(source).matches({**CALL, **changes})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "tool:delete_contact",
        "tool:delete_*",
        "tool:*contact",
        "tool:*e*e*",
        "tool:read,delete_contact",
        "tool:read,delete_*",
        'actor:"Ann Lee"',
        "actor:ann server:crm",
        "-tool:read",
        "-outcome:ok method:tools/call",
        "errorType:denied",
        "effect:destructive,write",
        "kind:call",
        "kind:c*",
        "effect:dest*",
        "errorType:*ied,timeout",
    ],
)
def test_matches(source: str) -> None:
    assert holds(source)


@pytest.mark.parametrize(
    "source",
    [
        "tool:delete",
        "tool:Delete_contact",
        "tool:delete_*_now",
        "tool:delete_contact*t",
        'tool:"delete_*"',
        'tool:""',
        "-tool:delete_*",
        "actor:bob",
        "actor:ann server:mail",
        "is:unfinished",
    ],
)
def test_does_not_match(source: str) -> None:
    assert not holds(source)


def test_unfinished_is_a_call_without_a_known_outcome() -> None:
    assert holds("is:unfinished", outcome=None)
    assert holds("is:unfinished", outcome="unknown")
    assert not parse("is:unfinished").matches({"kind": "server.start"})
    assert parse("-is:unfinished").matches({"kind": "server.start"})


def test_a_missing_field_matches_only_what_is_turned_round() -> None:
    assert not holds("tool:*", tool=None)
    assert holds("-tool:x", tool=None)


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("tol:x", "unknown field 'tol'", "did you mean 'tool'? fields: actor, "),
        ("zzz:x", "unknown field 'zzz'", "fields: actor, "),
        ("outcome:denied", "unknown outcome 'denied'", "errorType:denied"),
        ("outcome:good", "unknown outcome 'good'", "outcomes: error, ok, unknown"),
        ("outcome:unfinished", "unknown outcome 'unfinished'", "write is:unfinished"),
        ("kind:gpa", "unknown kind 'gpa'", "did you mean 'gap'? kinds: call, "),
        ("kind:gap,conflcit", "unknown kind 'conflcit'", "did you mean 'conflict'?"),
        ("-kind:received", "unknown kind 'received'", "calls are kind:call"),
        ("effect:destructve", "unknown effect 'destructve'", "did you mean 'destructive'?"),
        ("effect:call", "unknown effect 'call'", "it is a kind: write kind:call"),
        ("errorType:deny", "unknown errorType 'deny'", "errorTypes: abandoned, "),
        ("errorType:error", "unknown errorType 'error'", "it is an outcome: write outcome:error"),
        ('effect:""', "unknown effect ''", "effects: read, write, destructive, undeclared"),
        ("delete", "no field in 'delete'", "field:value"),
        ("-", "no field in '-'", "field:value"),
        ("tool:", "no value after 'tool:'", "tool:VALUE"),
        ("tool: x", "no value after 'tool:'", "tool:VALUE"),
        ('tool:"x', "quote not closed in '\"x'", "close it"),
        ("is:done", "unknown value for 'is:'", "is:unfinished"),
        ("is:un*", "unknown value for 'is:'", "is:unfinished"),
    ],
)
def test_refuses_with_a_hint(source: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(source)
    assert str(caught.value) == message
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


TEXT = st.text(alphabet=st.one_of(st.sampled_from('",*\\ -:\n\tab'), st.characters()), max_size=6)
PATTERNS = st.lists(TEXT, min_size=1, max_size=3).map(lambda pieces: Pattern(tuple(pieces)))
TERMS = st.builds(
    Term,
    st.sampled_from(["tool", "actor", "method", "server"]),
    st.lists(PATTERNS, min_size=1, max_size=3).map(tuple),
    st.booleans(),
)


@given(st.lists(TERMS, max_size=4).map(lambda terms: Filter(tuple(terms))))
def test_parse_undoes_format(wanted: Filter) -> None:
    assert parse(format_filter(wanted)) == wanted


@given(st.text())
def test_any_text_is_a_filter_or_a_usage_error(source: str) -> None:
    try:
        wanted = parse(source)
    except UsageError:
        return
    assert parse(format_filter(wanted)) == wanted


@given(st.lists(st.text(alphabet="ab", max_size=2), min_size=1, max_size=4), st.text("ab"))
def test_pattern_agrees_with_a_regular_expression(pieces: list[str], value: str) -> None:
    import re

    expected = re.fullmatch(".*".join(map(re.escape, pieces)), value, re.DOTALL) is not None
    assert Pattern(tuple(pieces)).matches(value) == expected
