"""Judging the signed notes of a log against one another (format.md section 7). Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from indelible.errors import FormatError
from indelible.seal.journal import Intent, Writers
from indelible.seal.merkle import EMPTY_ROOT
from indelible.seal.note import Checkpoint, VerifierKey, open_checkpoint, open_note

_Own = TypeVar("_Own", Intent, Writers)


@dataclass(frozen=True, slots=True)
class RawNotes:
    """The notes of one log as they were read; None where there is no file.

    Read in this order, so that a collection that goes on meanwhile is seen as one:
    a later file is never older than an earlier one.
    """

    intent: bytes | None
    writers: bytes | None
    inside: bytes | None
    outside: bytes | None


@dataclass(slots=True)
class Notes:
    """What the notes say, and what is wrong with them: (which note, what)."""

    intent: Intent | None = None
    writers: Writers | None = None
    inside: Checkpoint | None = None
    outside: Checkpoint | None = None
    wrong: list[tuple[str, str]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Leaves that the log must hold at least."""
        sizes = [one.size for one in (self.inside, self.outside) if one is not None]
        return max(sizes, default=0)

    @property
    def roots(self) -> dict[int, tuple[str, bytes]]:
        """By size: the root the log must have there, and the note that says so."""
        found = {0: ("", EMPTY_ROOT)}
        for name, one in (
            ("intent", self.intent),
            ("writers", self.writers),
            ("outside", self.outside),
            ("checkpoint", self.inside),
        ):
            if one is not None:
                found[one.size] = (name, one.root)
        return found


def judge_notes(raw: RawNotes, key: VerifierKey, *, moving: bool = False) -> Notes:
    """Return what the notes say, compared as format.md section 7 has it.

    Args:
        moving: Whether a collection may have gone on while they were read; the rules
            are then those that hold while `intent` stands.
    """
    notes = Notes()
    notes.intent = _open_own("intent", raw.intent, Intent.parse, key, notes)
    notes.writers = _open_own("writers", raw.writers, Writers.parse, key, notes)
    notes.inside = _open_checkpoint("checkpoint", raw.inside, key, notes)
    notes.outside = _open_checkpoint("outside", raw.outside, key, notes)
    if notes.wrong:
        return notes
    _judge_roots(notes)
    if notes.intent is not None or moving:
        _judge_unfinished(notes)
    else:
        _judge_finished(notes)
    return notes


def _judge_finished(notes: Notes) -> None:
    """Without `intent` everything agrees exactly."""
    writers, inside, outside = notes.writers, notes.inside, notes.outside
    if writers is None and inside is None and outside is None:
        return
    if inside is None:
        known = outside.size if outside else writers.size if writers else 0
        notes.wrong.append(("checkpoint", f"missing; the log held {known} leaves"))
    if writers is None:
        notes.wrong.append(("writers", "missing"))
    if writers is not None and writers.outside and outside is None:
        notes.wrong.append(("outside", "missing; it was kept when this was last written"))
    newest = max(one.size for one in (writers, inside, outside) if one is not None)
    for name, one in (("checkpoint", inside), ("outside", outside), ("writers", writers)):
        if one is not None and one.size != newest:
            said = f"is of {one.size} leaves, another signed note of {newest}"
            notes.wrong.append((name, f"{said}: an earlier copy was put back, or one is lost"))


def _judge_unfinished(notes: Notes) -> None:
    """While `intent` stands, each note is as new as the order of writing makes it."""
    writers, inside, outside = notes.writers, notes.inside, notes.outside
    base = notes.intent.size if notes.intent is not None else 0
    for name, one in (("writers", writers), ("checkpoint", inside)):
        if one is None and base > 0:
            notes.wrong.append((name, f"missing; the log held {base} leaves"))
        elif one is not None and one.size < base:
            notes.wrong.append((name, f"is of {one.size} leaves, older than `intent` ({base})"))
    if writers is not None and writers.outside and outside is None:
        notes.wrong.append(("outside", "missing; it was kept when this was last written"))
    inside_size = inside.size if inside is not None else 0
    if outside is not None and outside.size < inside_size:
        told = f"is of {outside.size} leaves, older than the inside one ({inside_size})"
        notes.wrong.append(("outside", told))
    if writers is not None and writers.size > inside_size:
        told = f"is of {inside_size} leaves, older than `writers` ({writers.size})"
        notes.wrong.append(("checkpoint", told))


def _judge_roots(notes: Notes) -> None:
    """Notes of the same size say the same root."""
    expected = notes.roots
    for name, one in (
        ("intent", notes.intent),
        ("writers", notes.writers),
        ("outside", notes.outside),
    ):
        if one is not None and one.root != expected[one.size][1]:
            other = expected[one.size][0] or "the empty tree"
            notes.wrong.append((name, f"has another root at {one.size} leaves than {other}"))


def _open_own(
    name: str, raw: bytes | None, parse: Callable[[bytes], _Own], key: VerifierKey, notes: Notes
) -> _Own | None:
    """Open one of the two notes that only a collector reads."""
    if raw is None:
        return None
    try:
        own = parse(open_note(raw, key))
        _require_origin(own.origin, key)
    except FormatError as exc:
        notes.wrong.append((name, str(exc)))
        return None
    return own


def _require_origin(origin: str, key: VerifierKey) -> None:
    if origin != key.name:
        raise FormatError(f"note of another log: {origin!r}")


def _open_checkpoint(
    name: str, raw: bytes | None, key: VerifierKey, notes: Notes
) -> Checkpoint | None:
    if raw is None:
        return None
    try:
        return open_checkpoint(raw, key)
    except FormatError as exc:
        notes.wrong.append((name, str(exc)))
        return None
