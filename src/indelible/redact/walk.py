"""The scrubber: any JSON value in, a copy without secrets and personal data out.

Laws: the input is never changed; whatever breaks a bound becomes
`[UNREDACTABLE]` or is cut, never raw; unknown objects are never asked for
their text; the result can be encoded (`model.canonical.encode`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from indelible.model.canonical import Json
from indelible.model.event import Unreadable
from indelible.redact import gate, keys, opaque, prose, scan
from indelible.redact.careful import (
    KEEP,
    LIMIT,
    MAX_CARD_NUMBER,
    MAX_DEPTH,
    MAX_NODES,
    MIN_CARD_NUMBER,
    CarefulWalk,
    Note,
    is_plain_int,
)
from indelible.redact.command import scrub_argv
from indelible.redact.detectors import SUFFIX

__all__ = ["Note", "Scrubbed", "Scrubber", "scrubber"]

_FAST_CHARS = 24 * 1024
"""Text per value on the fast path; sixfold at worst when encoded."""
_MAYBE_JSON = frozenset('{["\t\n\r ')
_WINDOW = KEEP + scan.LOOK_AHEAD


@dataclass(slots=True)
class Scrubbed:
    """What is left of a value, and what was removed."""

    value: Json
    count: int = 0
    """How many values were replaced or cut out."""
    notes: tuple[Note, ...] = ()
    """Where and by which rule; at most 32."""


class Scrubber:
    """Removes secrets and personal data from what is to be kept.

    Pure and safe to share between threads. Made by `scrubber()`.

    Args:
        rules: The gate to use until `load` has found a better one.

        better: Returns that better gate; slow, called once.
    """

    def __init__(self, rules: gate.Gate, better: Callable[[], gate.Gate] | None = None) -> None:
        self._gate = rules
        self._better = better

    def load(self) -> None:
        """Load the fast gate and warm it up: about 0.2 s, in any thread, at any time.

        What is scrubbed before and meanwhile is scrubbed alike, only slower.
        """
        better, self._better = self._better, None
        if better is not None:
            self._gate = better()
        self.value({"q": "warm up", "password": "x", "t": "a@b.example Bearer a1b2c3 pin: 1"})

    def value(self, value: Json | Unreadable, path: str = "") -> Scrubbed:
        """Return a copy of *value* without secrets, personal data and excess.

        Args:
            value: Arguments, params or a result: anything `json.loads` gives.

            path: JSON Pointer (RFC 6901) of *value*, for the notes.
        """
        if type(value) is dict and prose.is_plain_object(value):
            return Scrubbed(value.copy())
        fast = _FastCopy()
        try:
            copy = fast.copy(value, 0)
        except _NeedsCare:
            pass
        else:
            joined = "\n".join(fast.texts)
            if joined.isascii() and len(joined) <= _FAST_CHARS and self._is_quiet(joined):
                return Scrubbed(copy)
        walk = CarefulWalk(self._gate)
        return _scrubbed(walk.value(value, path, 0), walk)

    def text(self, text: str, *, limit: int = LIMIT) -> Scrubbed:
        """Return free text (an error message) redacted, then cut to at most *limit* characters.

        Args:
            limit: Characters including the suffix of the cut, 32 to 32,768.
        """
        limit = min(max(limit, 32), 1 << 15)
        walk = CarefulWalk(self._gate)
        keep = limit - len(SUFFIX)
        return _scrubbed(walk.string(text, "", 0, limit=limit, keep=keep), walk)

    def argv(self, argv: list[str]) -> Scrubbed:
        """Return a command line redacted: flags and their values, assignments, URLs, the rest."""
        walk = CarefulWalk(self._gate)
        return _scrubbed(scrub_argv(argv, walk), walk)

    def is_clean(self, text: str) -> bool:
        """Return whether `text` would come back from `value` as it is."""
        walk = CarefulWalk(self._gate)
        return walk.string(text, "", 0) == text

    def _is_quiet(self, joined: str) -> bool:
        """Return whether no rule can match in *joined*, folded and without escapes."""
        fired = self._gate.fired(joined)
        if not fired:
            return True
        # A UUID, a digest or a path looks like base64; what it decodes to tells.
        return list(fired) == [gate.RUN] and not scan.plain_runs(joined)


def scrubber(*, prefer_re2: bool = True) -> Scrubber:
    """Return a scrubber that works at once, and fast after `Scrubber.load`.

    Args:
        prefer_re2: Whether `load` may use the RE2 gate where it is installed.
    """
    return Scrubber(gate.PureGate(), gate.load if prefer_re2 else None)


def _scrubbed(value: Json, walk: CarefulWalk) -> Scrubbed:
    return Scrubbed(value, walk.count, tuple(walk.notes))


class _NeedsCare(Exception):  # noqa: N818 - not an error: the careful walk takes over
    """Something that the fast copy does not judge was met."""


class _FastCopy:
    """Copies a value that needs no change except cutting, and collects its texts.

    The other nine calls of ten are like this. Whatever could be sensitive,
    large or odd is left to `CarefulWalk`.
    """

    __slots__ = ("nodes", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.nodes = 0

    def copy(self, value: Any, depth: int) -> Json:
        """Return a copy of *value*, *depth* containers deep.

        Raises:
            _NeedsCare: If anything in it may have to be changed.
        """
        kind = type(value)
        if kind is str:
            return self._text(value)
        if kind is dict:
            return self._object(value, depth + 1)
        if kind is list:
            return self._array(value, depth + 1)
        if value is None or kind is bool:
            return value  # type: ignore[no-any-return]
        if kind is int and is_plain_int(value):
            if not -MIN_CARD_NUMBER < value < MIN_CARD_NUMBER:
                self.texts.append(str(value))
            return value  # type: ignore[no-any-return]
        if kind is float and -MAX_CARD_NUMBER < value < MIN_CARD_NUMBER:
            return value  # type: ignore[no-any-return]
        raise _NeedsCare

    def _text(self, text: str) -> str:
        if text and text[0] in _MAYBE_JSON:
            raise _NeedsCare
        if len(text) <= LIMIT:
            self.texts.append(text)
            return text
        short = scan.cut(text, KEEP)
        self.texts += (text[:_WINDOW], short)
        return short

    def _object(self, value: dict[str, object], depth: int) -> Json:
        self._count(len(value), depth)
        out: dict[str, Json] = {}
        for key, member in value.items():
            if type(key) is not str or len(key) > keys.MAX_KEY:
                raise _NeedsCare
            kind = keys.kind(key)
            if kind is keys.Kind.DATA:
                self.texts.append(key)
            elif (
                kind is keys.Kind.SENSITIVE
                or (kind is keys.Kind.VALUE and keys.names_sensitive(value))
                or (kind is keys.Kind.WEAK and opaque.is_named_so(member, key))
            ):
                raise _NeedsCare
            if type(member) is list and keys.is_header_list(key):
                raise _NeedsCare
            out[key] = self.copy(member, depth)
        return out

    def _array(self, value: list[object], depth: int) -> Json:
        self._count(len(value), depth)
        for item in value:
            if type(item) is str:
                if item[:1] == "-" and keys.is_secret_flag(item[:66]):
                    raise _NeedsCare
            elif type(item) is list and keys.is_named_pair(item):
                raise _NeedsCare
        return [self.copy(item, depth) for item in value]

    def _count(self, members: int, depth: int) -> None:
        self.nodes += members
        if self.nodes >= MAX_NODES or depth > MAX_DEPTH:
            raise _NeedsCare
