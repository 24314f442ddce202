"""Which entries an id names: a call, a record, a request, a leaf, or the start of an id. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from indelible.errors import IndelibleError, UsageError
from indelible.model.flat import Fields, text
from indelible.query.readers import is_utf8

MIN_PREFIX = 8
MAX_NAMED = 5
"""How many ids an error names."""
MAX_FOUND = 100
"""How many entries one id may name: the calls of one `requestId`."""

_LEAF = re.compile(r"#([0-9]{1,18})|([0-9]{1,7})")
"""A number of eight digits may be the start of an id; with a # it is a leaf's."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator gave as an id."""

    text: str
    leaf: int | None
    """The index of a leaf, if it is one."""

    @classmethod
    def parse(cls, source: str) -> Wanted:
        """Return what *source* asks for.

        Raises:
            UsageError: If it is too short for an id, or no text.
        """
        if not is_utf8(source):
            raise UsageError("the id is not text", hint="write it in UTF-8")
        leaf = _LEAF.fullmatch(source)
        if leaf:
            return cls(source, int(leaf[1] or leaf[2]))
        if len(source) < MIN_PREFIX:
            raise UsageError(
                f"id too short: {source!r}", hint=f"give at least {MIN_PREFIX} characters of it"
            )
        return cls(source, None)

    def matches(self, entry: Fields) -> bool:
        """Whether *entry* can be meant."""
        if self.leaf is not None:
            leaves = entry.get("leaves")
            return isinstance(leaves, dict) and self.leaf in leaves.values()
        return any(one is not None and one.startswith(self.text) for one in ids(entry))

    def choose(self, found: list[Fields], *, more: bool) -> list[Fields]:
        """Return what is meant: one entry, or the calls that share a `requestId`.

        Args:
            found: The entries that match, newest first.

            more: Whether there are more than these.

        Raises:
            IndelibleError: If nothing is, or several things.
        """
        exact = [entry for entry in found if self.text in ids(entry)[:2]]
        same_request = [entry for entry in found if self.text == text(entry, "requestId")]
        answer = exact[:1] or same_request or found
        if not answer:
            raise IndelibleError(
                f"nothing with the id {self.text!r}", hint="`indelible query` lists what there is"
            )
        if self.leaf is None and answer is found and len(found) > 1:
            raise self._ambiguous(found, more=more)
        return answer

    def _ambiguous(self, found: list[Fields], *, more: bool) -> IndelibleError:
        """Return the error for a prefix of several ids: how many, and the newest of them."""
        names = list(dict.fromkeys(ids(one)[0] or ids(one)[1] or "" for one in found))
        left = len(names) - MAX_NAMED
        others = f" and {left}{' or more' if more else ''} more" if left > 0 else ""
        least = f"{len(found)}{' or more' if more else ''}"
        return IndelibleError(
            f"{least} entries have an id that begins with {self.text!r}",
            hint=f"give more of it; one of: {', '.join(names[:MAX_NAMED])}{others}",
        )


def ids(entry: Fields) -> list[str | None]:
    """Return callId, recordId and requestId of an entry."""
    return [text(entry, "callId"), text(entry, "recordId"), text(entry, "requestId")]
