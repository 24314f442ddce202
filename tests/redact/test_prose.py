"""What passes as plain prose comes out of the careful walk as it went in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indelible.redact import gate, keys, prose, scan
from indelible.redact.careful import CarefulWalk
from indelible.redact.walk import Scrubbed, scrubber
from tests.redact.test_detectors import DETECTORS, OpenGate

FAST = scrubber()
FAST.load()

LITERALS = sorted({literal for detector in DETECTORS for literal in detector.literals})
WORDS = st.sampled_from(
    [
        *LITERALS,
        *(example for detector in DETECTORS for example in detector.examples),
        *keys.STEMS,
        *"the password is was machine login default Basic Bearer token AKIA SK LTAI IBAN".split(),
        *"YTpi YWxhZGRpbjpvcGVu abcdefghijklmno don't call ssn".split(),
    ]
) | st.from_regex("[A-Z]?[a-z]{0,14}|[A-Z]{1,15}", fullmatch=True)
STYLES = st.sampled_from([str, str.lower, str.upper, str.title])
SEPARATORS = st.sampled_from([" ", " ", " ", "\n", ", ", ". ", "; ", "? ", "  ", "", "-", ":", "="])


@st.composite
def texts(draw) -> str:
    return "".join(
        draw(STYLES)(draw(WORDS)) + draw(SEPARATORS) for _ in range(draw(st.integers(0, 12)))
    )


@given(texts())
@settings(max_examples=1500)
def test_no_exact_rule_matches_prose(text: str) -> None:
    if prose.is_prose(text):
        assert scan.find(text, OpenGate()) == []


@given(
    st.dictionaries(
        st.sampled_from("q text path password token name value key selector auth kty n".split())
        | st.integers(),
        texts() | st.none() | st.booleans() | st.integers() | st.floats(),
        max_size=4,
    )
)
@settings(max_examples=500)
def test_the_short_way_and_the_careful_walk_agree(value) -> None:
    walk = CarefulWalk(gate.PureGate())
    careful = walk.value(value, "", 0)
    assert repr(FAST.value(value)) == repr(Scrubbed(careful, walk.count, tuple(walk.notes)))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("the quarterly numbers are in; please file the summary with the other notes", True),
        ("Please DELETE the old one. Is that fine?", True),
        ("x" * 16, False),
        ("Basic YTpi", False),
        ("machine a login b password c", False),
        ("a" + " b" * 250, False),
        ("version 2", False),
        ("camelCase", False),
        ("dots.inside", False),
        ("naïve", False),
    ],
)
def test_is_prose(text: str, plain: bool) -> None:
    assert plain == prose.is_prose(text)


def test_plain_prose_is_copied_without_a_look_at_the_gate() -> None:
    class Closed(gate.PureGate):
        def fired(self, text: str):
            raise AssertionError

    from indelible.redact.walk import Scrubber

    value = {"text": "please file the summary", "n": 3, "all": True}
    kept = Scrubber(Closed()).value(value)
    assert kept == Scrubbed(value)
    assert kept.value is not value
