"""The kinds of values a configuration has: what is allowed, read from TOML or from a variable.

Each kind says the same three ways: it reads a TOML value, it reads the text of an
environment variable, and it gives its JSON Schema.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from indelible.model.canonical import Json

MAX_TEXT_CHARS = 1_024
MAX_ITEMS = 256

Check = Callable[[str], str]
"""Returns what is wrong with a text, or nothing."""


class Refused(Exception):  # noqa: N818 — it is turned into a ConfigError with its place
    """A value is not allowed; the text says what is.

    Args:
        nearest: The allowed word that was probably meant, or empty.
    """

    def __init__(self, why: str, nearest: str = "") -> None:
        super().__init__(why)
        self.nearest = nearest


class Kind(Protocol):
    """What a key may hold."""

    def read(self, value: object) -> Any:
        """Return the value that stands in a file; raise `Refused` if it is not allowed."""

    def read_text(self, text: str) -> Any:
        """Return the value that an environment variable holds; raise `Refused` as above."""

    def schema(self) -> dict[str, Json]:
        """Return the JSON Schema of what `read` takes."""

    def words(self) -> str:
        """Return what is allowed, for people."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words; *later* ones are known, and refused with a reason."""

    allowed: tuple[str, ...]
    later: tuple[str, ...] = ()

    def read(self, value: object) -> str:
        """Return the word."""
        if value in self.later:
            raise Refused(f"{value!r} is not there yet; now: {self.words()}")
        if not isinstance(value, str) or value not in self.allowed:
            raise Refused(f"{shown(value)} is none of {self.words()}", self._nearest(value))
        return value

    def read_text(self, text: str) -> str:
        """Return the word."""
        return self.read(text)

    def schema(self) -> dict[str, Json]:
        """Return an enumeration."""
        return {"enum": list(self.allowed)}

    def words(self) -> str:
        """Return the words."""
        return ", ".join(self.allowed)

    def _nearest(self, value: object) -> str:
        return nearest(value, self.allowed) if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text of at least one and at most *longest* characters."""

    what: str
    check: Check = lambda _: ""
    longest: int = MAX_TEXT_CHARS

    def read(self, value: object) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise Refused(f"{shown(value)} is no text")
        if not 1 <= len(value) <= self.longest:
            raise Refused(f"a text of 1 to {self.longest:,} characters belongs here")
        if not value.isprintable():
            raise Refused("it has characters that cannot be seen")
        if wrong := self.check(value):
            raise Refused(wrong)
        return value

    def read_text(self, text: str) -> str:
        """Return the text."""
        return self.read(text)

    def schema(self) -> dict[str, Json]:
        """Return a string with its bounds."""
        return {"type": "string", "minLength": 1, "maxLength": self.longest}

    def words(self) -> str:
        """Return what the text is."""
        return self.what


@dataclass(frozen=True, slots=True)
class Several:
    """A list without repeats; in a variable its items are parted by commas."""

    of: OneOf | Text

    def read(self, value: object) -> tuple[str, ...]:
        """Return the items."""
        if not isinstance(value, list):
            raise Refused(f'{shown(value)} is no list; write ["…"]')
        if len(value) > MAX_ITEMS:
            raise Refused(f"more than {MAX_ITEMS} items")
        items = tuple(self.of.read(item) for item in value)
        if len(set(items)) < len(items):
            raise Refused("an item stands there twice")
        return items

    def read_text(self, text: str) -> tuple[str, ...]:
        """Return the items; none of an empty text."""
        return self.read([item.strip() for item in text.split(",")] if text.strip() else [])

    def schema(self) -> dict[str, Json]:
        """Return an array of what an item may be."""
        items = self.of.schema()
        return {"type": "array", "items": items, "uniqueItems": True, "maxItems": MAX_ITEMS}

    def words(self) -> str:
        """Return what the items are."""
        return f"list of {self.of.words()}"


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds."""

    least: int
    most: int
    unit: str = ""

    def read(self, value: object) -> int:
        """Return the number."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refused(f"{shown(value)} is no whole number")
        if not self.least <= value <= self.most:
            raise Refused(f"a number from {self.least:,} to {self.most:,} belongs here")
        return value

    def read_text(self, text: str) -> int:
        """Return the number."""
        if not (text.isascii() and text.isdigit()):
            raise Refused(f"{shown(text)} is no whole number")
        return self.read(int(text[:20]))

    def schema(self) -> dict[str, Json]:
        """Return an integer with its bounds."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def words(self) -> str:
        """Return what is counted."""
        return self.unit or "whole number"


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no."""

    def read(self, value: object) -> bool:
        """Return the answer."""
        if not isinstance(value, bool):
            raise Refused(f"{shown(value)} is neither true nor false")
        return value

    def read_text(self, text: str) -> bool:
        """Return the answer."""
        if text not in ("true", "false"):
            raise Refused(f"{shown(text)} is neither true nor false")
        return text == "true"

    def schema(self) -> dict[str, Json]:
        """Return a boolean."""
        return {"type": "boolean"}

    def words(self) -> str:
        """Return both."""
        return "true, false"


def absolute_path(text: str) -> str:
    """Say what is wrong with a path that is not absolute."""
    return "" if text.startswith("/") else f"{text!r} is no absolute path"


def network(text: str) -> str:
    """Say what is wrong with what is no network in CIDR notation."""
    import ipaddress  # noqa: PLC0415 — rarely asked

    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        return f"{error}: a network is written as 10.0.0.0/8 or 2001:db8::/32"
    return ""


def secure_url(text: str) -> str:
    """Say what is wrong with a URL that is neither https nor leads to this machine."""
    import ipaddress  # noqa: PLC0415 — rarely asked
    from urllib.parse import urlsplit  # noqa: PLC0415

    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError as error:
        return f"no URL: {error}"
    if not host or url.scheme not in ("https", "http"):
        return "no https URL"
    if url.username is not None or url.password is not None or url.fragment or " " in text:
        return "a URL without user, fragment and spaces belongs here"
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    return "" if url.scheme == "https" or is_here else "plain http is for this machine only"


def header_name(text: str) -> str:
    """Say what is wrong with the name of an HTTP header (RFC 9110 section 5.1)."""
    odd = [c for c in text if not (c.isascii() and (c.isalnum() or c in "!#$%&'*+-.^_`|~"))]
    return f"{text!r} is no name of an HTTP header" if odd else ""


def member_path(text: str) -> str:
    """Say what is wrong with a target like ``{args.path}``."""
    parts = text.removeprefix("{args.").removesuffix("}").split(".")
    fits = text.startswith("{args.") and text.endswith("}") and all(parts)
    return "" if fits else f"{text!r} names no argument: write {{args.NAME}} or {{args.NAME.NAME}}"


def shown(value: object) -> str:
    """Return a value as an error shows it: short, and no table or list in full."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = ascii(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def nearest(word: str, known: tuple[str, ...]) -> str:
    """Return the known word that is most like *word*, or nothing."""
    import difflib  # noqa: PLC0415 — only for an error

    return next(iter(difflib.get_close_matches(word[:64], known, n=1)), "")
