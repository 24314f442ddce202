"""The grammar: what it refuses and how, its bounds, and its round trip."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indelible.errors import UsageError
from indelible.query.compile import compile_filter
from indelible.query.filter import Filter, format_filter
from indelible.query.parse import MAX_BYTES, parse
from indelible.query.words import FilterError
from tests.query.filters import FILTERS, NOW_US, ODD


@pytest.mark.parametrize(
    ("source", "canonical"),
    [
        ("  tool:a   tool:b ", "tool:a tool:b"),
        ("!tool:a NOT tool:b AND (tool:c)", "-tool:a -tool:b tool:c"),
        ("tool:a AND (tool:b tool:c)", "tool:a tool:b tool:c"),
        ("(tool:a OR (tool:b OR tool:c)) x", "(tool:a OR tool:b OR tool:c) x"),
        ("a b OR c d", "a b OR c d"),
        ("- tool:a".replace(" ", "-"), "-(-tool:a)"),
        ("tool:a**b", "tool:a*b"),
        ('tool:"a"b\\ c', 'tool:"ab c"'),
        ("tool:a\\*", 'tool:"a*"'),
        ("outcome:denied", "errorType:denied"),
        ("outcome:ok,denied", "outcome:ok OR errorType:denied"),
        ("mcp.session.id:x requestId:y", "session:x request:y"),
        ("duration:>2000ms bytes:1000000 bytes:1024", "duration:>2s bytes:1MB bytes:1KiB"),
        ("time:2026-11-20T10:00+02:00", "time:2026-11-20T08:00Z"),
        ('time:"2026-11-20 10:00:00"', "time:2026-11-20T10:00:00Z"),
        ("since:24h until:yesterday", "since:24h until:yesterday"),
        ('args."a.b".*.0:1..2', 'args."a.b".*.0:1..2'),
        ('"OR" or "-x"', '"OR" or "-x"'),
        ("args.x:../y", 'args.x:"../y"'),
    ],
)
def test_has_one_canonical_form(source: str, canonical: str) -> None:
    assert format_filter(parse(source)) == canonical
    assert format_filter(parse(canonical)) == canonical


@pytest.mark.requirement("query.errors-say-where")
@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("tol:x", "unknown field 'tol', at character 1", "did you mean 'tool'? fields: actor, "),
        ("a zzz:x", "unknown field 'zzz', at character 3", "fields: actor, "),
        ("ERRORTYPE:x", "unknown field 'ERRORTYPE'", "did you mean 'errorType'?"),
        ("http://x", "unknown field 'http'", "to search for text with a colon, quote it"),
        ("outcome:good", "unknown outcome 'good'", "outcomes: error, ok, unknown"),
        ("outcome:unfinished", "unknown outcome 'unfinished'", "write is:unfinished"),
        ("kind:gpa", "unknown kind 'gpa'", "did you mean 'gap'? kinds: call, "),
        ("kind:gap,conflcit", "unknown kind 'conflcit', at character 10", "mean 'conflict'?"),
        ("-kind:received", "unknown kind 'received', at character 7", "calls are kind:call"),
        ("effect:destructve", "unknown effect 'destructve'", "did you mean 'destructive'?"),
        ("effect:call", "unknown effect 'call'", "it is a kind: write kind:call"),
        ("effect:x*", "unknown effect 'x*'", "effects: read, "),
        ("errorType:error", "unknown errorType 'error'", "it is an outcome: write outcome:error"),
        ('effect:""', "unknown effect ''", "effects: read, write, destructive, undeclared"),
        ("provenance:sure", "unknown provenance 'sure'", "verified, asserted"),
        ("-", "nothing after '-', at character 1", "write -field:value"),
        ("- x", "nothing after '-', at character 1", "write -field:value"),
        ("tool:", "no value after 'tool:', at character 6", "tool:VALUE"),
        ("tool:a,", "an empty value beside a comma, at character 8", 'write ""'),
        ('tool:"x', "quote not closed in '\"x', at character 6", "close it"),
        ("tool:>x", "'tool:' is text and cannot be compared", 'tool:">x"'),
        ("is:done", "unknown value 'done' for 'is:'", "is:unfinished"),
        ("is:un*", "unknown value 'un*' for 'is:'", "is:unfinished"),
        ("has:errors", "unknown value 'errors' for 'has:'", "did you mean has:error?"),
        ("(a", "'(' is not closed, at character 1", "add ')'"),
        ("a)", "')' without '(', at character 2", "take it away"),
        ("tool:a(b", "'(' inside of a word, at character 7", "quote it"),
        ("()", "a term is missing before ')', at character 2", "field:value or text"),
        ("a OR", "a term is missing before the end, at character 5", '"OR"'),
        ("AND a", "a term is missing before 'AND', at character 1", "in quotes"),
        ("delete_*", "text has no wildcards, at character 8", 'quote it: "delete_*"'),
        ('""', "no text in the quotes", "take them away"),
        ("args:x", "'args:' without a member", "write args.MEMBER:value"),
        ("args.:x", "a member without a name", 'write .""'),
        ("args.a*:x", "a wildcard inside of a member's name", "a star alone is any member"),
        ("args.n:>x", "'x' is not a number, at character 9", "plain numbers"),
        ("duration:2x", "'2x' is not a duration, at character 10", "units: us ms s m h d"),
        ("duration:1*", "'duration:' has no wildcards", "duration:>2s"),
        ("bytes:..", "a range without ends", "bytes:>=1MB"),
        ("redactions:1kB", "'1kB' is not a number", "redactions:>0"),
        ("time:soon", "'soon' is not a time, at character 6", "2026-11-20, "),
        ("time:2026-02-30", "'2026-02-30' is not a time", "yesterday or now"),
        ("time:1h..soon", "'soon' is not a time, at character 10", "today"),
        ("since:>1h", "'since:' takes one time", "time:a..b"),
        ("\ud800", "not text", "UTF-8"),
    ],
)
def test_refuses_with_a_place_and_a_hint(source: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(source)
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, FilterError)
    assert 0 <= caught.value.at <= len(source)


@pytest.mark.requirement("query.bounded")
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x" * (MAX_BYTES + 1), "a filter of 8,193 bytes"),
        ("é" * (MAX_BYTES // 2 + 1), "a filter of 8,194 bytes"),
        ("(" * 8000, "nested too deep"),
        ("-" * 8000, "nested too deep"),
        ("NOT " * 2000, "nested too deep"),
        ("x " * 201, "more than 200 terms"),
        (f"tool:{'?' * 33}", "more than 32 '?' in a value"),
        (f"args{'.a' * 21}:x", "path too long"),
    ],
)
def test_is_bounded(source: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        parse(source)


def test_what_is_within_the_bounds_is_read() -> None:
    assert len(parse("x " * 200).terms) == 200
    assert parse(f"{'(' * 20}x{')' * 20}") == parse("x")
    assert parse("x" * MAX_BYTES)
    assert parse(f"tool:{','.join('abc' for _ in range(2000))}")


@pytest.mark.requirement("query.one-form")
@given(FILTERS)
@settings(deadline=None)
def test_parse_undoes_format(wanted: Filter) -> None:
    assert parse(format_filter(wanted)) == wanted


PIECES = ["tool:", "args.", "time:", "duration:", "is:", "has:", "jsonrpc:", "24h", "2026-11-20"]
PIECES += [" ", "(", ")", "-", "!", "OR", "AND", "NOT", "..", ">=", "<", "\\", ":", "ok", "denied"]
SOURCES = st.one_of(
    st.text(max_size=30), st.lists(st.sampled_from(PIECES + ODD), max_size=8).map("".join)
)


@given(SOURCES)
@settings(deadline=None, max_examples=300)
def test_any_text_is_a_filter_or_a_usage_error(source: str) -> None:
    try:
        wanted = parse(source)
    except UsageError:
        return
    assert parse(format_filter(wanted)) == wanted
    where = compile_filter(wanted, NOW_US)
    assert where.sql.count("?") == len(where.parameters)
