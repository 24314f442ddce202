"""The reference page is what the program says of itself."""

from __future__ import annotations

from tests.cli.reference import PAGE, page


def test_the_page_is_what_the_program_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.cli.reference"
