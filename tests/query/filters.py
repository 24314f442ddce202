"""Random entries and random filters that have a chance of meeting."""

from __future__ import annotations

import decimal
from typing import Any

from hypothesis import strategies as st

from indelible.model.canonical import encode_text, format_time
from indelible.model.flat import Fields, Kept, call_entry, record_entry
from indelible.query import times
from indelible.query.fields import FIELDS, MEMBERS, ROOTS, UNITS, Field, Kind
from indelible.query.filter import Filter, Free, Node, Not, Term, all_of, any_of
from indelible.query.flags import FLAGS
from indelible.query.values import (
    Compare,
    Pattern,
    Range,
    Value,
    Wild,
    format_number,
    parse_json_number,
    parse_number,
    pattern,
)

NOW_US = 1_795_493_587_000_000
"""2026-11-24T04:13:07Z."""
MINUTE_US = 60_000_000

ODD = ["", '"', "a\\b", "%", "_", "*", "?", "[", "]", "{", "(a)", "~", "/", "a/b", ".", ",", "-"]
ODD += ["ann", "Ann", "ANN Lee", "é", "É", "ß", "ẞ", "ς", "Σ", "İ", "i", "I", "ı", "K", "k", "😀"]
ODD += ["a\nb", "\t", "\x7f", "x\0y", "null", "true", "10", "1e1", "1.0", "-0", "0", "01", "OR"]
ODD += ["a..b", "1..2", ">1", "delete_contact", "tools/call", "9" * 25, "\u2028", "NOT", "a:b"]
TEXTS = st.one_of(st.sampled_from(ODD), st.text("aAbB.*?%_\\", max_size=4))
NAMES = st.sampled_from(["a", "b", "", "0", "1", "a.b", "a/b", "~", '"', "*", "é", "-", "A", "x\0"])
NUMBERS = st.one_of(
    st.integers(-2, 12),
    st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1]),
    st.sampled_from([10**25 - 1, 10**40, 10**400, -(10**400)]),
    st.sampled_from([0.1, 10.0, -0.0, 1e16, 1e22, 5e-324, 1.5, 9007199254740992.0, 1e308]),
)
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=6,
)
ARGS = st.one_of(st.dictionaries(NAMES, JSON, max_size=4), JSON)
COUNTS = st.one_of(st.none(), st.integers(0, 12), st.sampled_from([2_000, 2**63 - 1, 2**70, -3]))
SPOTS = [NOW_US + minutes * MINUTE_US + us for minutes in (-1440, -60, 0) for us in (-1, 0, 1)]
TIMES = st.one_of(
    st.sampled_from([NOW_US - NOW_US % 86_400_000_000 + us for us in (-1, 0)] + SPOTS).map(
        format_time
    ),
    st.sampled_from(["", "2026-13-01T00:00:00Z", "2026-11-24T05:13:07+01:00"]),
    st.none(),
)


def some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


ACTORS = st.one_of(
    some(id=TEXTS, name=TEXTS, ip=TEXTS, issuer=TEXTS, provenance=st.sampled_from(["verified"])),
    some(id=SCALARS, x=JSON),
    SCALARS,
)
HEADERS = some(
    timestamp=TIMES,
    id=st.sampled_from(["0192f0c1-0000-7000-8000-000000000001", "a", "x\0", 5]),
    tool=TEXTS,
    method=st.sampled_from(["tools/call", "ping"]),
    server=TEXTS,
    serverVersion=TEXTS,
    effect=st.sampled_from(["read", "write", "destructive", "undeclared", "odd"]),
    outcome=st.sampled_from(["ok", "error", "unknown", "odd", 3]),
    errorType=st.sampled_from(["denied", "tool_error", "odd"]),
    durationUs=st.sampled_from([0, 499, 1_500_000, 2_000_000, 2**80]),
    argsBytes=COUNTS,
    resultBytes=COUNTS,
    transport=st.sampled_from(["stdio", "http"]),
    protocolVersion=TEXTS,
    direction=st.sampled_from(["client", "server"]),
    capturedBy=st.sampled_from(["wrap", "sdk", "proxy"]),
)
NOTES = st.one_of(st.lists(st.just({"path": "a", "rule": "b"}), max_size=3), SCALARS)
BODIES = some(
    requestId=st.sampled_from(["0192f0c1-0000-7000-8000-000000000001", "r", "x\0y", 7]),
    actor=ACTORS,
    args=ARGS,
    result=ARGS,
    error=TEXTS,
    target=TEXTS,
    trace=TEXTS,
    client=st.one_of(some(name=SCALARS, version=SCALARS), JSON),
    session=st.one_of(some(id=SCALARS), SCALARS),
    jsonrpcId=JSON,
    redactions=NOTES,
    method=SCALARS,
    tool=SCALARS,
)


@st.composite
def entries(draw: st.DrawFn) -> Fields:
    """Draw what any emitter can leave, honest or not."""
    header = {"kind": "received", "writer": "w/x", "seq": draw(st.integers(0, 2)), **draw(HEADERS)}
    body = draw(st.one_of(BODIES, st.none()))
    sealed = draw(st.booleans())
    first = Kept(header, body, "here" if sealed else None, 5 if sealed else None)
    if draw(st.integers(0, 3)):
        if body and isinstance(body.get("args"), dict) and draw(st.booleans()):
            # As the redactor does it: a copy of a member.
            body["target"] = next((one for one in body["args"].values()), None)
        ending = Kept({"kind": "completed", **draw(HEADERS)}, draw(st.one_of(BODIES, st.none())))
        return call_entry(first, ending if draw(st.booleans()) else None)
    header["kind"] = draw(st.sampled_from(["server.start", "gap", "call", "odd", "x\0", 5, "read"]))
    return record_entry(first)


def patterns() -> st.SearchStrategy[Pattern]:
    parts = st.lists(st.one_of(TEXTS, st.sampled_from(Wild)), max_size=4)
    return st.one_of(TEXTS.map(pattern), parts.map(lambda one: pattern(*one)))


MOMENTS: st.SearchStrategy[times.Moment] = st.one_of(
    st.sampled_from(
        "now today yesterday 24h 1h 60m 0s 2026-11-24 2026-11-23 2026-11-24T04:13".split()
        + "2026-11-24T04:13:07Z 2026-11-24T04:13:06.999999Z 0001-01-01 9999-12-31".split()
        + "9999999w 2026-11-24T05:13:07+01:00".split()
    ).map(lambda source: times.parse_moment(source) or times.Ago()),
    st.integers(times.MIN_US, times.MAX_US).map(lambda us: times.At(us, 1)),
)
LITERALS = st.one_of(TEXTS, NUMBERS.map(str))
JSON_BOUNDS = LITERALS.map(parse_json_number).filter(lambda n: n is not None)


def bounds(kind: Kind) -> st.SearchStrategy[Any]:
    if kind is Kind.TIME:
        return MOMENTS
    if kind is Kind.JSON:
        return JSON_BOUNDS
    found = st.one_of(
        st.integers(-3, 3000).map(decimal.Decimal),
        st.decimals(0, 10**12, places=3, allow_nan=False),
        st.sampled_from([2**63 - 1, 2**63, 2**70]).map(decimal.Decimal),
    )
    return found.map(lambda n: parse_number(format_number(n, UNITS[kind]), UNITS[kind])).filter(
        lambda n: n is not None
    )


def compared(kind: Kind) -> st.SearchStrategy[Value]:
    sign = st.sampled_from([">", ">=", "<", "<="] + (["="] if kind is not Kind.JSON else []))
    ends = st.tuples(st.none() | bounds(kind), st.none() | bounds(kind)).filter(any_end)
    return st.one_of(st.builds(Compare, sign, bounds(kind)), ends.map(lambda pair: Range(*pair)))


def any_end(pair: tuple[Any, Any]) -> bool:
    return pair != (None, None)


def values(field: Field, kind: Kind) -> st.SearchStrategy[Value]:
    if kind is Kind.TEXT and field.known:
        # A pattern that no value can meet is refused; and an outcome that is a type, answered.
        return st.sampled_from(field.known).map(pattern) | st.just(pattern(Wild.MANY))
    if kind is Kind.TEXT:
        return patterns()
    if kind is Kind.JSON:
        return st.one_of(LITERALS.map(pattern), patterns(), compared(kind))
    if kind is Kind.FLAG:
        return st.sampled_from(sorted(FLAGS[field.name])).map(pattern)
    if field.name in ("since", "until"):
        return MOMENTS.map(lambda moment: Compare("=", moment))
    return st.one_of(compared(kind), compared(kind), st.just(pattern(Wild.MANY)))


@st.composite
def terms(draw: st.DrawFn) -> Term:
    field = FIELDS[draw(st.sampled_from(sorted(FIELDS)))]
    path: tuple[str | Wild, ...] = ()
    if field.name in ("args", "result") or (field.name in MEMBERS and draw(st.booleans())):
        path = tuple(draw(st.lists(NAMES | st.just(Wild.MANY), min_size=1, max_size=3)))
    kind = Kind.JSON if path else field.kind
    return Term(
        field.name, tuple(draw(st.lists(values(field, kind), min_size=1, max_size=3))), path
    )


@st.composite
def near(draw: st.DrawFn, entry: Fields) -> Term | Free:
    """Draw a condition that *entry* may well meet."""
    field = FIELDS[draw(st.sampled_from(sorted(FIELDS)))]
    if field.kind is Kind.JSON:
        return _near_member(draw, field, entry.get(ROOTS[field.name][0]))
    at_us = times.entry_time(entry)
    if field.kind is Kind.TIME and at_us is not None:
        sign = "=" if field.name != "time" else draw(st.sampled_from(["=", ">", ">=", "<", "<="]))
        return Term(field.name, (Compare(sign, times.At(at_us, 1)),))
    found = [value for value in field.read(entry) if value is not None]
    if field.kind is not Kind.TEXT or not found:
        held = [entry.get("args"), entry.get("result"), entry.get("error")]
        text = _json_text(draw(st.sampled_from(held)))
        start = draw(st.integers(0, max(0, len(text) - 1)))
        piece = text[start : start + draw(st.integers(1, 3))]
        return Free(draw(st.sampled_from([piece, piece.upper()]))) if piece else draw(terms())
    value = str(draw(st.sampled_from(found)))
    return Term(field.name, (pattern(value) if field.known else draw(_like(value)),))


@st.composite
def _like(draw: st.DrawFn, value: str) -> Pattern:
    cut = draw(st.integers(0, len(value)))
    end = draw(st.integers(cut, len(value)))
    first, middle, last = value[:cut], value[cut:end], value[end:]
    return draw(
        st.sampled_from(
            [
                pattern(value),
                pattern(first, Wild.MANY),
                pattern(Wild.MANY, last),
                pattern(Wild.MANY, middle, Wild.MANY),
                pattern(first, Wild.MANY, last),
                pattern(first, *[Wild.ONE] * len(middle), last),
                pattern(first, Wild.MANY, *[Wild.ONE] * len(last)),
            ]
        )
    )


def _near_member(draw: st.DrawFn, field: Field, value: Any) -> Term:
    path: list[str | Wild] = []
    while isinstance(value, dict | list) and value and (not path or draw(st.booleans())):
        step = draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
        value = value[step]
        path.append(Wild.MANY if draw(st.booleans()) else str(step))
    if field.name != "jsonrpc" and not path:
        path = ["a"]
    text = value if isinstance(value, str) else _json_text(value)
    wanted: st.SearchStrategy[Value] = (
        _like(text) if isinstance(value, str) else LITERALS.map(pattern)
    )
    number = parse_json_number(text)
    if number is not None:
        sign = st.sampled_from([">", ">=", "<", "<="])
        wanted = st.just(pattern(text)) | sign.map(lambda one: Compare(one, number))
    name = field.name
    return Term(name, (draw(wanted),), () if name == "jsonrpc" else tuple(path))


def _json_text(value: Any) -> str:
    return value if isinstance(value, str) else encode_text(value)


FREE = TEXTS.filter(bool).map(Free)
NODES: st.SearchStrategy[Node] = st.recursive(
    st.one_of(terms(), terms(), terms(), FREE),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(all_of),
        st.lists(inner, min_size=2, max_size=3).map(any_of),
    ),
    max_leaves=5,
)
FILTERS = st.one_of(NODES.map(Filter), st.just(Filter()))


@st.composite
def asked(draw: st.DrawFn, kept: list[Fields]) -> Filter:
    """Draw a filter, half of the time around something that is kept."""
    if draw(st.booleans()):
        return draw(FILTERS)
    node: Node = draw(near(draw(st.sampled_from(kept))))
    other = draw(NODES)
    return Filter(
        draw(st.sampled_from([node, Not(node), all_of((node, other)), any_of((node, other))]))
    )
