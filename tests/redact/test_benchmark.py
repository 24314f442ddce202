"""The benchmark of redaction counts what it says: runs that survive, and halves that stay apart."""

from __future__ import annotations

import random

import pytest

from bench.redaction import measure, shapes
from bench.redaction.sample import Sample, is_reported, leaks
from indelible.redact.walk import scrubber

SECRET = "zq_live_" + "Zx9Kq2Lm7Rt4Wv8Yb3Nc6Hd1"


def sample(value, secret=SECRET) -> Sample:
    return Sample("MCP", "bare", "zq", value, secret)


@pytest.mark.parametrize("left", [SECRET, SECRET[:12], SECRET[5:17], f"x{SECRET[-12:]}"])
def test_twelve_characters_in_a_row_are_a_leak(left: str) -> None:
    assert leaks(sample(SECRET), f"a {left} b")
    assert not leaks(sample(SECRET), f"a {left[:11]} b")


def test_all_of_a_short_secret_is_a_leak() -> None:
    assert leaks(sample("pw hunter2", "hunter2"), "pw hunter2")
    assert not leaks(sample("pw hunter2", "hunter2"), "pw hunter")


def test_a_secret_in_json_is_looked_for_as_json_has_it() -> None:
    assert leaks(sample({"a": 'x"yz\\12345678'}, 'x"yz\\12345678'), r'{"a":"x\"yz\\12345678"}')


def test_a_provider_is_in_one_half_for_good() -> None:
    halves = {name: is_reported(name) for name in ("github", "gitlab", "slack", "stripe", "npm")}
    assert halves == {name.upper().lower(): is_reported(name.upper()) for name in halves}
    assert len(set(halves.values())) == 2


def test_each_shape_holds_its_secret_before_and_loses_it_after() -> None:
    cleaner = scrubber()
    found = list(shapes.secrets([sample(SECRET)], 5, 5, random.Random(1)))
    assert {one.shape for one in found} == shapes.ALONE.keys() | shapes.NAMED.keys()
    before = measure.score((one, one.value) for one in found)
    assert all(score.good == 0 for score in before.leak_free.values())
    after = measure.score((one, cleaner.value(one.value).value) for one in found)
    assert all(score.good == score.all == 1 for score in after.leak_free.values())


def test_changed_strings_and_scalars_are_counted() -> None:
    plain = [
        Sample("READMEs", "benign", "x", "some text"),
        Sample("files", "benign", "x", [1, "a"]),
    ]
    same = measure.rows(measure.score((one, one.value) for one in plain))
    changed = measure.rows(measure.score(zip(plain, ["[X] text", [1, "[X]"]], strict=True)))
    assert same["altered: all strings"] == (0, 1)
    assert same["altered: JSON scalars"] == (0, 2)
    assert changed["altered: all strings"] == (100, 1)
    assert changed["altered: JSON scalars"] == (50, 2)
