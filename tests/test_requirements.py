"""Promises and tests, checked both ways: none without the other, and gaps said aloud."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.requirements import REQUIREMENTS, Requirement

TESTS = Path(__file__).parent


def marks(source: str) -> set[str]:
    """Return the ids of all ``pytest.mark.requirement("id", …)`` in *source*."""
    return {
        argument.value if isinstance(argument, ast.Constant) else ast.unparse(argument)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.requirement"
        for argument in node.args
    }


def disagreements(requirements: list[Requirement], marked: set[str]) -> list[str]:
    """Return what does not fit between the promises and the ids that tests name."""
    ids = [requirement.id for requirement in requirements]
    open_ids = {requirement.id for requirement in requirements if requirement.gap}
    return [
        *(f"{id_}: listed twice" for id_ in sorted({i for i in ids if ids.count(i) > 1})),
        *(f"{id_}: a test names it, nothing promises it" for id_ in sorted(marked - set(ids))),
        *(f"{id_}: no test keeps it" for id_ in sorted(set(ids) - marked - open_ids)),
        *(f"{id_}: has a test, so it is no gap any more" for id_ in sorted(marked & open_ids)),
    ]


@pytest.fixture(scope="module")
def marked() -> set[str]:
    sources = [path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("test_*.py"))]
    return set().union(*(marks(source) for source in sources))


@pytest.mark.requirement("house.promises")
def test_promises_and_tests_agree(marked: set[str]) -> None:
    assert [] == disagreements(REQUIREMENTS, marked)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.id)
def test_a_promise_is_one_sentence_with_a_source(requirement: Requirement) -> None:
    assert re.fullmatch(r"[a-z0-9]+\.[a-z0-9-]+", requirement.id)
    assert requirement.sentence.endswith(".")
    assert requirement.source


# Written apart, so that this file's own scan does not take the examples for marks.
MARK = "@pytest.mark." + 'requirement("{}")\ndef test_it(): ...\n'
PROMISE = Requirement("wrap.exit-code", "It exits.", "issue")
GAP = Requirement("wrap.batch", "It counts.", "issue", gap="later")


def test_what_does_not_fit_is_found() -> None:
    assert [] == disagreements([PROMISE, GAP], marks(MARK.format("wrap.exit-code")))
    assert ["wrap.exit-code: no test keeps it"] == disagreements([PROMISE, GAP], marks(""))
    assert ["wrap.other: a test names it, nothing promises it"] == disagreements(
        [GAP], marks(MARK.format("wrap.other"))
    )
    assert ["wrap.batch: has a test, so it is no gap any more"] == disagreements(
        [GAP], marks(MARK.format("wrap.batch"))
    )
    assert ["wrap.batch: listed twice"] == disagreements([GAP, GAP], set())
