"""The gate: one cheap, linear pass that says which exact rules need to look at all.

Law: a gate may fire for nothing, but never stays quiet where an exact rule
would match. Two gates, one of them in C++, differ only in how often they fire
for nothing: what is redacted is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from indelible.redact import carriers, opaque, personal, places, tokens
from indelible.redact.detectors import Detector, compiled

DETECTORS: tuple[Detector, ...] = (
    *tokens.DETECTORS,
    *carriers.DETECTORS,
    *places.DETECTORS,
    *opaque.DETECTORS,
    *personal.DETECTORS,
)
"""All detectors; the earlier one names what two of them find."""

# What may hide a secret in another spelling fires under an index of its own.
PERCENT = len(DETECTORS)
ESCAPE = PERCENT + 1
COLOUR = PERCENT + 2
RUN = PERCENT + 3
_RUN_GATE = "[A-Za-z0-9+/_-]{24}"
_DISGUISES = (
    "%[2-7][0-9A-Fa-f]",
    r"\\(?:u[0-9A-Fa-f]|x[2-7])[0-9A-Fa-f]",
    r"\x1b\[",
    _RUN_GATE,
)


def _by_literal() -> Iterator[tuple[str, tuple[tuple[str, tuple[int, ...]], ...]]]:
    """Yield each sign with the literals that hold it, and what each of them may announce.

    Most texts lack most signs (`_`, `://`), so most literals need no search.
    """
    marks = [(literal, n) for n, detector in enumerate(DETECTORS) for literal in detector.literals]
    marks += [("%", PERCENT), ("\\", ESCAPE), ("\x1b[", COLOUR)]
    announced: dict[str, dict[str, list[int]]] = {}
    for literal, n in marks:
        sign = literal.lstrip("abcdefghijklmnopqrstuvwxyz0123456789 ")[:1]
        announced.setdefault(sign, {}).setdefault(literal, []).append(n)
    for sign, literals in announced.items():
        yield sign, tuple((literal, tuple(indexes)) for literal, indexes in literals.items())


_LITERALS = tuple(_by_literal())
_NUMERIC = tuple(
    (index, detector.gate)  # all detectors without a literal look for digits
    for index, detector in enumerate(DETECTORS)
    if not detector.literals
)

# Ends every text the RE2 gate sees. A set that runs out of memory answers "no match"
# (google/re2#136); one that has seen this has read the text to its end.
_CANARY = b"\n\x00\x01"
_CANARY_PATTERN = rb"\x00\x01\z"
_MAX_MEMORY_BYTES = 64 << 20


class Gate(Protocol):
    """Says which rules may match. Pure, and safe to share between threads."""

    def fired(self, text: str) -> Sequence[int]:
        """Return, in order, the indexes of all detectors and disguises that may match in *text*.

        *text* is folded (`fold.fold`); parts joined by line feeds do not
        disturb each other.
        """


class PureGate:
    """The gate in Python alone: literals by substring search, three patterns by `re`."""

    def fired(self, text: str) -> Sequence[int]:
        """Return all that may match (see `Gate`)."""
        lowered = text.lower()
        found: set[int] = set()
        for sign, literals in _LITERALS:
            if sign in lowered:
                for literal, indexes in literals:
                    if literal in lowered:
                        found.update(indexes)
        if compiled("[0-9]{2}").search(text):
            found.update(index for index, gate in _NUMERIC if compiled(gate).search(text))
        if compiled(_RUN_GATE).search(text):
            found.add(RUN)
        return sorted(found)


class Re2Gate:
    """The gate on one `re2.Set`.

    Args:
        patterns: A compiled set of all gates, disguises and, last, the canary.
    """

    def __init__(self, patterns: Any) -> None:
        self._match = patterns.Match
        self._canary = RUN + 1
        self._fallback = PureGate()

    def fired(self, text: str) -> Sequence[int]:
        """Return all that may match (see `Gate`)."""
        found: list[int] = self._match(text.encode("utf-8", "replace") + _CANARY)
        if self._canary not in found:
            return self._fallback.fired(text)
        found.remove(self._canary)
        found.sort()
        return found


def load() -> Gate:
    """Return the fastest gate there is: RE2 where it is installed and proves to work."""
    try:
        import re2  # noqa: PLC0415 - 20 ms and 20 MiB that a start-up must not pay
    except ImportError:
        return PureGate()
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes: a smaller automaton
    options.max_mem = _MAX_MEMORY_BYTES
    options.log_errors = False
    patterns = re2.Set.SearchSet(options)
    try:
        for pattern in (*(detector.gate for detector in DETECTORS), *_DISGUISES):
            patterns.Add(pattern.encode("ascii"))
        patterns.Add(_CANARY_PATTERN)
        patterns.Compile()
    except re2.error:
        return PureGate()
    gate = Re2Gate(patterns)
    return gate if _is_alive(gate) else PureGate()


def _is_alive(gate: Re2Gate) -> bool:
    """Return whether *gate* fires for every detector's own first example."""
    return all(
        index in gate.fired(detector.examples[0]) for index, detector in enumerate(DETECTORS)
    )
