"""A place between two pages survives being written down, and nothing else passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.errors import UsageError
from indelible.query.pages import Cursor

CURSORS = st.builds(
    Cursor,
    st.integers(-(1 << 53), 1 << 53),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers(0, 1 << 53),
    st.sampled_from(["default", "brief"]),
)


@given(CURSORS)
def test_a_cursor_is_read_as_it_was_written(cursor: Cursor) -> None:
    assert Cursor.parse(str(cursor)) == cursor
    assert str(cursor).replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.hex()))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a place to go on from"):
        Cursor.parse(text)


@given(CURSORS, st.integers(0, 30), st.sampled_from("Az09-_="))
def test_one_changed_character_is_no_other_spelling(cursor: Cursor, at: int, char: str) -> None:
    text = str(cursor)
    changed = text[:at] + char + text[at + 1 :]
    try:
        assert str(Cursor.parse(changed)) == changed
    except UsageError:
        assert changed != text
