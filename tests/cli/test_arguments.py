"""Arguments on one line: readable, and two different ones never alike."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.cli.arguments import arguments, members, spelt
from indelible.cli.difference import changes
from indelible.model.canonical import Json

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/etc/hosts", "/etc/hosts"),
        ("two words", '"two words"'),
        ("42", '"42"'),
        (42, "42"),
        ("true", '"true"'),
        (True, "true"),
        ("", '""'),
        (None, "null"),
        ("[EMAIL]", "[EMAIL]"),
        (["EMAIL"], '["EMAIL"]'),
        ("a=b", '"a=b"'),
        ({"b": 1, "a": [2]}, '{"a":[2],"b":1}'),
        ("東京", "東京"),
    ],
)
def test_a_string_stands_bare_where_it_can_be_nothing_else(value: Json, shown: str) -> None:
    assert spelt(value) == shown


@given(VALUES, VALUES)
def test_two_values_are_written_alike_only_if_they_are_the_same(one: Json, other: Json) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (spelt(one) == spelt(other)) == same
    assert bool(changes(one, other)) != same


def test_what_it_was_done_to_comes_first_and_a_long_value_is_cut() -> None:
    entry = {"args": {"body": "x y" * 90, "path": "/a", "mode": 7}, "target": "/a"}
    shown = arguments(entry)  # type: ignore[arg-type]
    assert shown.startswith('path=/a body="x y')
    assert shown.endswith("… mode=7")


def test_none_erased_and_odd_arguments() -> None:
    assert arguments({"args": {}}) == "-"
    assert arguments({"args": None}) == "-"
    assert arguments({"args": None, "erased": True}) == "(erased)"
    assert arguments({"args": [1, "x"]}) == '[1,"x"]'
    assert members({"a b": "\x1b[2J"}) == '"a b"="\\u001b[2J"'


@given(st.dictionaries(st.text(), VALUES))
def test_nothing_in_it_acts_on_a_terminal(args: dict[str, Json]) -> None:
    assert arguments({"args": args}).isprintable()


def test_changes_are_by_member() -> None:
    before = {"a": 1, "b": {"c": [1, 2], "d": "x"}, "gone": None}
    now = {"a": 1.0, "b": {"c": [1, 3], "d": "x"}, "new": {"k": 1}}
    assert [(one.sign, one.path, one.before, one.now) for one in changes(before, now)] == [
        ("~", "a", "1", "1.0"),
        ("~", "b.c[1]", "2", "3"),
        ("-", "gone", "null", None),
        ("+", "new", None, '{"k":1}'),
    ]
    assert changes(before, before) == []
    assert [one.path for one in changes([1], [1, 2])] == ["(all)"]
