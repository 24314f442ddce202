"""Every detector finds its own examples, leaves its counterexamples, and its gate fires first."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indelible.redact import gate, scan
from indelible.redact.detectors import Detector, compiled
from indelible.redact.fold import fold

DETECTORS = gate.DETECTORS
PURE = gate.PureGate()
FAST = gate.load()


class OpenGate:
    """Fires for everything: what the exact rules find when no gate stands before them."""

    def fired(self, text: str) -> range:
        return range(gate.RUN + 1)


def finds(detector: Detector, text: str) -> bool:
    return any(detector.find(match) for match in compiled(detector.pattern).finditer(text))


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
class TestEachDetector:
    def test_finds_its_examples(self, detector: Detector) -> None:
        for example in detector.examples:
            assert finds(detector, example), example

    def test_leaves_its_counterexamples(self, detector: Detector) -> None:
        assert detector.counterexamples
        for example in detector.counterexamples:
            assert not finds(detector, example), example

    def test_its_gate_fires_for_its_examples(self, detector: Detector) -> None:
        index = DETECTORS.index(detector)
        for example in detector.examples:
            for engine in (PURE, FAST):
                assert index in engine.fired(example), (type(engine).__name__, example)

    def test_its_literals_are_lower_case_and_its_gate_compiles_in_both_syntaxes(
        self, detector: Detector
    ) -> None:
        assert all(literal == literal.lower() for literal in detector.literals)
        assert re.compile(detector.gate)
        assert detector.source


def test_names_are_unique_and_labels_are_known_markers() -> None:
    assert len({detector.name for detector in DETECTORS}) == len(DETECTORS)
    for detector in DETECTORS:
        assert scan.MARKER.fullmatch(detector.label)


def test_the_fast_gate_is_re2_where_it_is_installed() -> None:
    pytest.importorskip("re2", reason="platform: google-re2 has no wheel here")
    assert isinstance(FAST, gate.Re2Gate)


def loosened(pattern: str) -> str:
    """Return *pattern* without what Hypothesis cannot generate from: possessive repeats."""
    return re.sub(r"(?<=[+*}])\+", "", pattern)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
@given(data=st.data(), before=st.sampled_from(["", " ", "x", "é", "="]))
@settings(max_examples=12)
def test_a_gate_fires_for_whatever_its_pattern_can_match(detector, data, before) -> None:
    text = fold(before + data.draw(st.from_regex(loosened(detector.pattern))))
    index = DETECTORS.index(detector)
    if finds(detector, text):
        for engine in (PURE, FAST):
            assert index in engine.fired(text)


PIECES = st.sampled_from(
    [example for detector in DETECTORS for example in detector.examples]
    + [example for detector in DETECTORS for example in detector.counterexamples]
    + [" ", "\n", ":", "=", '"', "'", "\\", "@", "://", "-", "--", "+", "%40", "\\u0040", "é", "."]
    + ["password", "Token", "key", "is ", "Bearer ", "4111 1111", "DE89", "[REDACTED]", "ab12"]
)
TEXTS = st.lists(PIECES | st.text(max_size=6), max_size=8).map("".join)


@given(TEXTS)
@settings(max_examples=400)
def test_a_gate_is_quiet_only_where_no_exact_rule_matches(text: str) -> None:
    folded = fold(text[:3000])
    everything = scan.find(folded, OpenGate())
    assert everything == scan.find(folded, PURE)
    assert everything == scan.find(folded, FAST)
