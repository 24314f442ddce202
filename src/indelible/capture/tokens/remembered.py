"""What was found out about tokens, for a time; of a token only its hash is kept."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from indelible.model.canonical import Json

MAX_REMEMBERED = 4_096


class Found(NamedTuple):
    """What was found out about one token."""

    claims: Mapping[str, Json] | None
    """None where it is not verified."""
    until: float
    """By the monotonic clock."""


class Remembered:
    """Remembers the newest answers; tokens that are refused push out none that are verified."""

    def __init__(self, monotonic: Callable[[], float], most: int = MAX_REMEMBERED) -> None:
        self._monotonic = monotonic
        self._most = most
        self._verified: OrderedDict[bytes, Found] = OrderedDict()
        self._refused: OrderedDict[bytes, Found] = OrderedDict()

    def __len__(self) -> int:
        return len(self._verified) + len(self._refused)

    def get(self, key: bytes) -> Found | None:
        """Return what is known, if it still holds."""
        for table in (self._verified, self._refused):
            found = table.get(key)
            if found is not None:
                if self._monotonic() < found.until:
                    table.move_to_end(key)
                    return found
                del table[key]
        return None

    def put(self, key: bytes, claims: Mapping[str, Json] | None, for_s: float) -> None:
        """Remember what was found out, for that long."""
        if for_s <= 0:
            return
        table = self._refused if claims is None else self._verified
        table[key] = Found(claims, self._monotonic() + for_s)
        table.move_to_end(key)
        if len(table) > self._most:
            table.popitem(last=False)


def key_of(token: str) -> bytes:
    """Return what stands for a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
