"""What a detector is, and the order in which they rank.

Law: a detector's gate is looser than its pattern. Whatever the pattern finds,
the gate has fired for; the tests compare the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

REDACTED = "[REDACTED]"
TOKEN = "[TOKEN]"  # noqa: S105 - the mark that replaces one
UNREDACTABLE = "[UNREDACTABLE]"
MARKER = re.compile(r"\[(?:REDACTED|EMAIL|CARD|TOKEN|SSN|PHONE|IBAN|UNREDACTABLE)\]")
"""Everything that may stand in the place of something else."""
SUFFIX = " ... [TRUNCATED]"
"""What stands in the place of the rest of a long text."""

Span = tuple[int, int]
Check = Callable[[re.Match[str]], Span | None]


@dataclass(frozen=True, slots=True)
class Detector:
    """One kind of thing that is never kept, as data.

    A match of *pattern* is handed to *check*, which returns the stretch to
    replace or None. Without *check* the group ``s`` is replaced, else all of it.
    """

    name: str
    """What a note calls the rule; lower case with dashes."""
    label: str
    """What stands in its place: ``[TOKEN]``."""
    gate: str
    """Loose pattern in the syntax shared by RE2 and `re`: no look-around, no long counts."""
    literals: tuple[str, ...]
    """Lower case; one of them is in every match. Empty: the pure gate runs *gate* itself."""
    pattern: str
    """Exact pattern in `re` syntax; linear in the text by construction."""
    examples: tuple[str, ...]
    """Texts in which it must find something."""
    counterexamples: tuple[str, ...]
    """Texts in which it must find nothing."""
    source: str
    """Where the format is published."""
    check: Check | None = None

    def find(self, match: re.Match[str]) -> Span | None:
        """Return the stretch that *match* says to replace, or None."""
        if self.check is not None:
            return self.check(match)
        return match.span("s") if "s" in match.re.groupindex else match.span()


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return *pattern* compiled, at first use: most processes need only a few of them."""
    return re.compile(pattern)
