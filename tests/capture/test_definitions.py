"""How a server's list of tools differs from the one before it."""

from __future__ import annotations

from typing import Any

import pytest

from indelible.capture import definitions
from indelible.capture.definitions import Definitions, Drift

ANN, BOB = ("https://idp.example", "ann"), ("https://idp.example", "bob")


def listing(*names: str, **more: Any) -> dict[str, Any]:
    return {"tools": [{"name": name, "description": name} for name in names], **more}


def said(drift: Drift | None) -> tuple[bool, list[str], list[str], list[str]] | None:
    return drift and (drift.first, drift.added, drift.removed, drift.changed)


@pytest.mark.requirement("tools.drift")
def test_each_change_of_a_list_is_told_once() -> None:
    seen = Definitions()
    assert said(seen.compare(listing("a", "b"), None)) == (True, ["a", "b"], [], [])
    assert seen.compare(listing("a", "b"), None) is None
    assert seen.compare(listing("b", "a"), None) is None  # another order is no other list
    changed = {"tools": [{"name": "a", "description": "worse"}, {"name": "c"}]}
    assert said(seen.compare(changed, None)) == (False, ["c"], ["b"], ["a"])
    assert said(seen.compare(listing("a", "b"), None)) == (False, ["b"], ["c"], ["a"])


@pytest.mark.requirement("tools.drift")
def test_users_who_are_shown_different_tools_are_no_drift() -> None:
    seen = Definitions()
    assert said(seen.compare(listing("a"), None, ANN)) == (True, ["a"], [], [])
    assert said(seen.compare(listing("a", "admin"), None, BOB)) == (True, ["a", "admin"], [], [])
    for _ in range(3):
        assert seen.compare(listing("a"), None, ANN) is None
        assert seen.compare(listing("a", "admin"), None, BOB) is None
    assert seen.compare(listing("a"), None) is None  # somebody else was shown the same
    assert said(seen.compare(listing("a", "b"), None, ANN)) == (False, ["b"], [], [])


@pytest.mark.requirement("tools.drift")
def test_the_pages_of_two_askers_are_two_lists() -> None:
    seen = Definitions()
    assert seen.compare(listing("a", nextCursor="2"), None, ANN) is None
    assert seen.compare(listing("b", nextCursor="2"), None, BOB) is None
    assert said(seen.compare(listing("x"), "2", ANN)) == (True, ["a", "x"], [], [])
    assert said(seen.compare(listing("x"), "2", BOB)) == (True, ["b", "x"], [], [])
    assert seen.compare(listing("x"), "2", BOB) is None  # its first page was not seen


def test_what_is_remembered_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(definitions, "MAX_ASKERS", 3)
    monkeypatch.setattr(definitions, "MAX_PAGES", 3)
    seen = Definitions()
    for number in range(20):
        assert seen.compare(listing(f"t{number}"), None, ("i", str(number))) is not None
        assert seen.compare(listing("p", nextCursor=str(number)), None, ANN) is None
    assert said(seen.compare(listing("t19", "u"), None, ("i", "19"))) == (False, ["u"], [], [])


@pytest.mark.parametrize("odd", [object(), {1, 2}, {"deep": object()}])
def test_what_is_no_json_is_listed_all_the_same(odd: Any) -> None:
    drift = Definitions().compare({"tools": [{"name": "a", "inputSchema": odd}]}, None)
    assert said(drift) == (True, ["a"], [], [])
