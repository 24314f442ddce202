"""Nothing that a record holds acts on a terminal, or hides in it."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.cli.terminal import colour, json_text, line, visible, wants_colour


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain text", "plain text"),
        ("Zoë 東京 🙂", "Zoë 東京 🙂"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]52;c;AAAA\x07", r"\x1b]52;c;AAAA\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\r\tc\x7f", r"a\nb\r\tc\x7f"),
        ("user\u202egpj.exe", r"user\u202egpj.exe"),
        ("ad\u200bmin\ufeff\u2066", r"ad\u200bmin\ufeff\u2066"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\U000e0041\U000e0100\ufe0f", r"\U000e0041\U000e0100\ufe0f"),
        ("a\u00ad\u3164\u00a0b", r"a\xad\u3164\xa0b"),
        ("\ud800", r"\ud800"),
    ],
)
def test_active_and_unseen_characters_are_shown(value: str, shown: str) -> None:
    assert visible(value) == shown


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_nothing_unseen_is_left(value: str) -> None:
    left = {unicodedata.category(char) for char in visible(value)}
    assert not left & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    visible(value).encode("utf-8")


def test_a_line_is_cut_after_it_is_escaped() -> None:
    assert line("\x1b" * 9, width=10) == r"\x1b\x1b\…"
    assert line({"b": 1, "a": "x\n"}) == '{"a":"x\\n","b":1}'


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colour("ok", "green", Screen()) == "\x1b[32mok\x1b[0m"
    assert colour("ok", "green", io.StringIO()) == "ok"
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Screen())


@given(st.text(st.characters()))
def test_json_is_exact_and_shows_nothing_active(value: str) -> None:
    shown = json_text({"v": value})
    assert json.loads(shown) == {"v": value}
    assert visible(shown) == shown


def test_json_leaves_letters_as_they_are() -> None:
    assert json_text(["漢字", "é", "😀", "\u202e", "\U000e0041"]) == (
        '["漢字", "é", "😀", "\\u202e", "\\udb40\\udc41"]'
    )
