"""The careful walk: every member by the key rule, every text by the exact rules, all bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring

from indelible.model.canonical import Json
from indelible.model.event import Unreadable
from indelible.redact import gate, keys, opaque, scan, validators
from indelible.redact.detectors import REDACTED, SUFFIX, UNREDACTABLE

LIMIT = 500
"""Characters up to which a string is kept whole."""
KEEP = 200
"""Characters kept of a longer string."""
MAX_DEPTH = 32
MAX_NODES = 2_000
MAX_TEXT_CHARS = 64 * 1024
MAX_NOTES = 32
MIN_CARD_NUMBER = 10**11
"""Integers of fewer digits are no payment card."""
MAX_CARD_NUMBER = 10**19
_BASIC_NAMES = frozenset(["auth", "_auth"])
_KEY_LIMIT = 128
_MAX_OUTPUT_BYTES = 160 * 1024
_MAX_JSON_LEVELS = 3
_MAX_JSON_NODES = 4_000
_MAX_PASSES = 4
_MAX_WORK = 8_000
_JSON_WORK = 8
_MAX_SAFE = (1 << 53) - 1
_MAX_INT_BITS = 512
_MORE = SUFFIX.strip()
_CUT_ITEMS = re.compile(r"\.\.\. \[TRUNCATED [0-9]{1,9} more\]")


@dataclass(frozen=True, slots=True)
class Note:
    """Something was removed: where, and by which rule."""

    path: str
    """JSON Pointer (RFC 6901) into the redacted value."""
    rule: str


def is_plain_int(value: int) -> bool:
    """Return whether *value* is exact in every JSON reader (RFC 8785 section 3.2.2.3)."""
    return -_MAX_SAFE <= value <= _MAX_SAFE


class CarefulWalk:
    """Redacts one value. Holds its budgets and what was found; used once.

    Args:
        rules: The gate.

        json_levels: How deep JSON in strings in JSON in strings is parsed.

        passes: How often a text is redacted at most until it stays the same.
    """

    def __init__(
        self, rules: gate.Gate, *, json_levels: int = _MAX_JSON_LEVELS, passes: int = _MAX_PASSES
    ) -> None:
        self._gate = rules
        self._json_levels = json_levels
        self._json_nodes = _MAX_JSON_NODES
        self._passes = passes
        self._nodes = MAX_NODES
        self._chars = MAX_TEXT_CHARS
        self._bytes = _MAX_OUTPUT_BYTES
        self._work = scan.Work(_MAX_WORK)
        self.count = 0
        self.notes: list[Note] = []

    def note(self, path: str, rule: str) -> None:
        """Count a removal at *path* by *rule*."""
        self.count += 1
        if len(self.notes) < MAX_NOTES:
            self.notes.append(Note(path, rule))

    def value(self, value: object, path: str, depth: int) -> Json:
        """Return *value* redacted; *depth* containers are around it."""
        if isinstance(value, str):
            return self.string(value, path, depth)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return self._integer(value, path)
        if isinstance(value, float):
            return self._float(value, path)
        if isinstance(value, dict | list | tuple):
            if depth >= MAX_DEPTH:
                return self.unredactable(path, "depth")
            if isinstance(value, dict):
                return self._object(value, path, depth + 1)
            return self.array(value, path, depth + 1)
        rule = value.name.lower().replace("_", "-") if isinstance(value, Unreadable) else "type"
        return self.unredactable(path, rule)

    def unredactable(self, path: str, rule: str) -> str:
        """Return what stands for something that breaks a bound."""
        self.note(path, rule)
        return UNREDACTABLE

    def array(self, value: Sequence[object], path: str, depth: int) -> Json:
        """Return a list redacted; what follows a secret's flag is a secret."""
        return self._items(value, path, depth, names=False)

    def _items(self, value: Sequence[object], path: str, depth: int, *, names: bool) -> Json:
        """Return a list redacted; with *names*, names and their values take turns in it."""
        out: list[Json] = []
        after_flag = in_key = False
        for at, item in enumerate(value):
            is_cut = at == len(value) - 1 and isinstance(item, str) and _CUT_ITEMS.fullmatch(item)
            if not is_cut and not self._take_node():
                self.note(path, "nodes")
                out.append(f"... [TRUNCATED {len(value) - at} more]")
                break
            text = item if isinstance(item, str) else ""
            if in_key and text:
                out.append(self.replaced(item, f"{path}/{at}", "private-key"))
            elif after_flag and isinstance(item, str | int | float) and keys.is_value(str(item)):
                out.append(self.replaced(item, f"{path}/{at}", "flag"))
            elif isinstance(item, list | tuple) and keys.is_named_pair(item) and depth < MAX_DEPTH:
                out.append(self._items(item, f"{path}/{at}", depth + 1, names=True))
            else:
                out.append(self.value(item, f"{path}/{at}", depth))
            in_key = _leaves_key_open(text, in_key=in_key)
            after_flag = keys.is_secret_flag(text[:66]) or (
                names and at % 2 == 0 and len(text) <= keys.MAX_KEY and keys.is_pair_name(text)
            )
        return out

    def _object(self, value: dict[object, object], path: str, depth: int) -> Json:
        out: dict[str, Json] = {}
        numbers: dict[str, int] = {}
        named = keys.sensitive_siblings(value)
        for at, (raw, member) in enumerate(value.items()):
            is_cut = at == len(value) - 1 and raw == _MORE
            if not is_cut and not self._take_node():
                self.note(path, "nodes")
                out[_MORE] = f"{len(value) - at} more"
                break
            key = _distinct(self._key(raw, path), out, numbers)
            inner = f"{path}/{_segment(key)}"
            if isinstance(raw, str) and (
                keys.is_sensitive(raw)
                or (named and raw.lower() in named)
                or (raw.lower() in _BASIC_NAMES and _is_basic(member))
                or ((keys.is_weak(raw) or keys.is_service(raw)) and opaque.is_named_so(member, raw))
            ):
                out[key] = self.replaced(member, inner, "key")
            elif type(member) is list and isinstance(raw, str) and keys.is_header_list(raw):
                flat = depth < MAX_DEPTH
                out[key] = (
                    self._items(member, inner, depth + 1, names=True)
                    if flat
                    else self.value(member, inner, depth)
                )
            else:
                out[key] = self.value(member, inner, depth)
        return out

    def replaced(self, value: object, path: str, rule: str) -> Json:
        """Return the marker for a value whose name is sensitive; booleans and null stay."""
        if value is None or isinstance(value, bool):
            return value
        if value != REDACTED:
            self.note(path, rule)
        return REDACTED

    def _key(self, raw: object, path: str) -> str:
        """Return a member's name as it may be kept: names can be data."""
        if type(raw) is not str:
            plain = isinstance(raw, int) and is_plain_int(raw)
            raw = str(int(raw)) if plain else UNREDACTABLE  # type: ignore[call-overload]
        if keys.is_plain(raw):
            return str(raw)
        limit = _KEY_LIMIT
        return self.string(raw, path, MAX_DEPTH, limit=limit, keep=limit - len(SUFFIX))

    def _float(self, value: float, path: str) -> Json:
        if value - value != 0:
            return _odd_float(value)
        if not MIN_CARD_NUMBER <= value < MAX_CARD_NUMBER or not value.is_integer():
            return value
        text = str(int(value))
        clean = self.string(text, path, MAX_DEPTH)
        return value if clean == text else clean

    def _integer(self, value: int, path: str) -> Json:
        if value.bit_length() > _MAX_INT_BITS:
            return self.unredactable(path, "size")
        number = int(value)
        if -MIN_CARD_NUMBER < number < MIN_CARD_NUMBER:
            return number
        text = str(number)
        clean = self.string(text, path, MAX_DEPTH)
        return number if clean == text and is_plain_int(number) else clean

    def string(
        self, text: str, path: str, depth: int, *, limit: int = LIMIT, keep: int = KEEP
    ) -> str:
        """Return *text* redacted and cut, JSON inside it walked.

        It is redacted until nothing changes any more, so that what comes out
        would come out again.
        """
        text = _well_formed(str.__str__(text))
        self._chars -= keep + scan.LOOK_AHEAD if len(text) > limit else len(text)
        if self._chars < 0:
            return self.unredactable(path, "text")
        if self._work.left < 0:
            return self.unredactable(path, "work")
        for _ in range(self._passes):
            new = self._once(text, path, depth, limit, keep)
            if new is None:
                return self.unredactable(path, "matches")
            if new == text:
                break
            text = new
        else:
            if self._passes > 1:
                return self.unredactable(path, "unstable")
        return text if self._take_output(text) else self.unredactable(path, "size")

    def _once(self, text: str, path: str, depth: int, limit: int, keep: int) -> str | None:
        """Return *text* after one pass, or None if it holds too many matches."""
        if self._may_be_json(text, depth, keep + scan.LOOK_AHEAD):
            walked = self._json(text, path, depth)
            if walked is not None:
                return walked
        redacted = scan.redact(text, self._gate, limit=limit, keep=keep, work=self._work)
        if redacted is None:
            return None
        for rule in redacted.rules:
            self.note(path, rule)
        return redacted.text

    def _may_be_json(self, text: str, depth: int, longest: int) -> bool:
        return (
            self._json_levels > 0
            and depth < MAX_DEPTH
            and len(text) <= longest
            and text.lstrip()[:1] in ("{", "[", '"')
        )

    def _json(self, text: str, path: str, depth: int) -> str | None:
        """Return JSON *text* redacted, or None if it is none or there is nothing to redact."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict | list | str):
            return None
        # One pass is enough inside: the outermost text is redacted until it stays the same.
        inner = CarefulWalk(self._gate, json_levels=self._json_levels - 1, passes=1)
        inner._nodes = self._json_nodes
        inner._work = self._work
        self._work.left -= _JSON_WORK
        clean = inner.value(value, path, depth)
        self._json_nodes = max(0, inner._nodes)
        if not inner.count:
            return None
        self.count += inner.count
        self.notes += inner.notes[: MAX_NOTES - len(self.notes)]
        return json.dumps(clean, ensure_ascii=False, separators=(",", ":"))

    def _take_node(self) -> bool:
        self._nodes -= 1
        return self._nodes >= 0

    def _take_output(self, text: str) -> bool:
        """Return whether *text* still fits into the output, and count it."""
        self._bytes -= len(encode_basestring(text).encode("utf-8"))
        return self._bytes >= 0


def _leaves_key_open(text: str, *, in_key: bool) -> bool:
    """Return whether the items after *text*, one of a list of lines, belong to a private key."""
    begin = text.rfind("-----BEGIN ")
    if begin >= 0:
        return "PRIVATE KEY" in text[begin : begin + 64] and "-----END" not in text[begin:]
    return in_key and "-----END" not in text


def _is_basic(member: object) -> bool:
    """Return whether *member* is user and password in base64, as in a Docker configuration."""
    if not isinstance(member, str) or len(member) > LIMIT:
        return False
    return b":" in (validators.decode_base64(member) or b"")


def _odd_float(value: float) -> str:
    """Return the name of a float that JSON does not have."""
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _well_formed(text: str) -> str:
    """Return *text* with each lone surrogate replaced by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _distinct(key: str, taken: dict[str, Json], numbers: dict[str, int]) -> str:
    """Return *key*, numbered if redaction has made it the same as another.

    *numbers* remembers where to go on, so that a thousand equal names cost a thousand steps.
    """
    if key not in taken:
        return key
    number = numbers.get(key, 1) + 1
    while f"{key} #{number}" in taken:
        number += 1
    numbers[key] = number
    return f"{key} #{number}"


def _segment(key: str) -> str:
    """Return *key* as a segment of a JSON Pointer."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key
