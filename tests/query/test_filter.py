"""What a filter matches, kind of value by kind of value."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.model.flat import Fields
from indelible.query.filter import Filter, both, explain_terms, format_filter
from indelible.query.fold import folded, folded_pattern
from indelible.query.parse import parse
from indelible.query.values import Wild, pattern
from tests.query.filters import NOW_US

CALL: Fields = {
    "kind": "call",
    "timestamp": "2026-11-24T04:00:00.500000Z",
    "callId": "0192f0c1-0000-7000-8000-000000000001",
    "recordId": "0192f0c0-0000-7000-8000-000000000009/12",
    "requestId": "0192f0c1-0000-7000-8000-00000000aaaa",
    "tool": "delete_contact",
    "method": "tools/call",
    "server": "crm",
    "target": "Äpfel.txt",
    "outcome": "error",
    "errorType": "denied",
    "error": "User said no",
    "effect": "destructive",
    "actor": {"id": "ann", "name": "Ann Lee", "issuer": "corp"},
    "client": {"name": "desk", "version": "1.2"},
    "durationMs": 1500,
    "argsBytes": 999_000,
    "resultBytes": 1000,
    "redactions": [{"path": "a", "rule": "jwt"}],
    "args": {
        "count": 10,
        "big": 9_007_199_254_740_993,
        "text": "10",
        "on": True,
        "none": None,
        "list": [1, {"id": "x"}],
        "a.b": {"c": "deep"},
        "path": "../etc",
        "say": 'he said "Stop"',
    },
    "result": {"content": [{"text": "Straße"}]},
    "jsonrpcId": 7,
    "erased": False,
    "log": None,
}


def holds(source: str, **changes: object) -> bool:
    return parse(source).matches({**CALL, **changes}, NOW_US)  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "tool:delete_contact",
        "tool:delete_*",
        "tool:*contact",
        "tool:*e*e*",
        "tool:delete?contact",
        "tool:?elete*ac?",
        "tool:read,delete_*",
        'actor:"Ann Lee"',
        "actor:ann server:crm",
        "actor.issuer:corp -actor.name:ann",
        "-tool:read",
        "!tool:read",
        "NOT tool:read AND server:crm",
        "tool:read OR server:crm",
        "(tool:read OR server:crm) -(tool:read server:crm)",
        "errorType:denied",
        "outcome:denied",
        "outcome:denied,ok",
        "error.type:denied gen_ai.tool.name:delete_contact mcp.method.name:tools/call",
        "error:denied",
        "error:*said*",
        "effect:destructive,write",
        "kind:c*",
        "is:destructive is:error is:denied is:redacted",
        "has:error has:redaction has:result has:target",
        "-has:trace -has:session",
        "duration:>1s duration:<=1500ms duration:1.5s duration:1s..2s duration:..1h",
        "bytes:1MB bytes:>=1mb argsBytes:<1MB resultBytes:1kB",
        "redactions:>0 redactions:1",
        "id:*000000000001 id:0192f0c0-0000-7000-8000-000000000009/12 request:*aaaa",
        "jsonrpc:7 jsonrpc.request.id:7",
        "client:desk client.version:1.2",
        "time:2026-11-24 time:today since:24h until:now time:2026-11-23.. time:..2026-11-24",
        "time:2026-11-24T04:00 time:2026-11-24T04:00:00Z time:2026-11-24T05:00:00+01:00",
        "time:24h time:<now time:>yesterday time:>=2026-11-24 time:<2026-11-25 time:<=2026-11-24",
        "args.count:10 args.text:10 args.on:true args.none:null args.path:../etc",
        "args.count:>9 args.count:1..10 args.count:>=10.0 args.count:1e1",
        "args.big:9007199254740993 -args.big:9007199254740992",
        "args.list.0:1 args.list.*.id:x args.list.1.id:x",
        'args."a.b".c:d* args.*.c:deep args.list:* args.none:*',
        "result.content.*.text:Stra*",
        "stop",
        '"he said \\"stop\\""',
        "ÄPFEL STRASSE OR straße",
        "DENIED CONTACT count",
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
        "tool:delete_contact?",
        'tool:"delete_*"',
        'tool:""',
        "-tool:delete_*",
        "actor:bob",
        "actor:ann server:mail",
        "is:unfinished",
        "is:erased",
        "duration:>1500ms",
        "bytes:>1MB",
        "time:>2026-11-24",
        "time:<2026-11-24",
        "since:now",
        "until:24h",
        "time:yesterday",
        "args.text:>9",
        "args.on:1",
        "args.count:1*",
        "args.missing:*",
        "-args.count:10",
        'args.a.b.c:"deep"',
        "args.list:1",
        "args.path:1..2",
        "transport:stdio",
        "straßenbahn",
    ],
)
def test_does_not_match(source: str) -> None:
    assert not holds(source)


def test_unfinished_is_a_call_without_a_known_outcome() -> None:
    assert holds("is:unfinished", outcome=None)
    assert holds("is:unfinished", outcome="unknown")
    assert not parse("is:unfinished").matches({"kind": "server.start"}, NOW_US)
    assert parse("-is:unfinished").matches({"kind": "server.start"}, NOW_US)


def test_a_missing_field_matches_only_what_is_turned_round() -> None:
    assert not holds("tool:*", tool=None)
    assert holds("-tool:x", tool=None)
    assert not holds("duration:>=0s", durationMs=None)
    assert holds("-duration:>=0s", durationMs=None)
    assert not holds("since:9999999d", timestamp=None)


def test_the_time_of_a_row_stands_over_what_a_clock_said() -> None:
    wanted = parse("time:2026-11-24T04:00")
    ahead: Fields = {**CALL, "timestamp": "2099-01-01T00:00:00Z"}

    assert not wanted.matches(ahead, NOW_US)
    assert wanted.matches(ahead, NOW_US, NOW_US - NOW_US % 3_600_000_000)
    assert parse("is:skewed").matches(ahead, NOW_US, NOW_US)
    assert not parse("is:skewed").matches(ahead, NOW_US)


def test_each_term_can_be_left_out() -> None:
    wanted = parse("tool:a -(b OR c) since:24h")

    told = [(text, format_filter(rest)) for text, _, rest in explain_terms(wanted)]

    assert told == [
        ("tool:a", "-(b OR c) since:24h"),
        ("-(b OR c)", "tool:a since:24h"),
        ("since:24h", "tool:a -(b OR c)"),
    ]
    either = parse("a OR b")
    assert explain_terms(either) == [("a OR b", either, Filter())]
    assert [] == explain_terms(parse(""))


def test_two_filters_can_be_joined_and_say_what_they_ask_for() -> None:
    joined = both(parse("tool:a OR b"), parse("since:24h -kind:read"))

    assert format_filter(joined) == "(tool:a OR b) since:24h -kind:read"
    assert joined.fields == {"tool", "since", "kind"}
    assert both(Filter(), Filter()).is_empty


@given(
    st.lists(st.sampled_from([*"ab", Wild.MANY, Wild.ONE]), max_size=8), st.text("ab", max_size=9)
)
def test_a_pattern_agrees_with_a_regular_expression(parts: list[str | Wild], value: str) -> None:
    wanted = pattern(*parts)
    signs = {Wild.MANY: ".*", Wild.ONE: "."}
    expected = "".join(signs[one] if isinstance(one, Wild) else one for one in parts)

    assert wanted.matches(value) == (re.fullmatch(expected, value, re.DOTALL) is not None)


@given(st.text(max_size=5), st.text(max_size=5))
def test_folding_is_by_character_and_comes_to_rest(first: str, second: str) -> None:
    assert folded(first + second) == folded(first) + folded(second)
    assert folded(folded(first)) == folded(first)
    assert len(folded(first)) == len(first)


def test_every_character_is_found_in_any_of_its_cases() -> None:
    assert folded("ÄΣΩ") == folded("äσω") == folded("äΣΩ")
    for code in range(0x1_E944):
        char = chr(code)
        if not 0xD800 <= code < 0xE000 and folded(char) != char:
            assert char in folded_pattern(folded(char))
