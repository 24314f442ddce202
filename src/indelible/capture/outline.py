"""The outline of a JSON message too large to be read: a few short members, found in one pass.

Sans-I/O. Linear in the bytes fed, constant in memory: depth is a number, and
only keys and short scalars of the two outer levels are kept. It does not
validate: what it cannot follow it leaves out.
"""

from __future__ import annotations

import json
import re

from indelible.model.canonical import Json

WANTED = frozenset(["id", "method", "params.name", "result.isError", "error.code", "error.message"])
ALIKE = {key.casefold(): key for path in WANTED for key in path.split(".")}
"""The names in `WANTED`, by what is left of them to a reader that ignores case."""

MAX_CAPTURED_BYTES = 4_096

_STRUCTURE = re.compile(rb'["{}\[\],:\r]')
# Runs of what cannot matter below the second level: plain strings, other scalars,
# innermost containers.
_LEAVES = re.compile(rb'(?:[^"{}\[\]]++|"[^"\\]*+"|\[[^"{}\[\]]*+\]|\{[^"{}\[\]]*+\})++')
_DEEP_STRETCH = re.compile(rb'(?:[^"]|"[^"\\{}\[\]]*+")++')
_OPENERS = b"{["
_CLOSERS = b"}]"


class Outline:
    """Collects the `WANTED` members of one message, fed in chunks of any size.

    `found` has them by path. As in `json.loads`, the last of equal keys counts.
    `alike` is what a reader finds to whom ``Method`` is ``method``.
    A CR after the message ends it: `is_over`, and what follows is not its business.
    """

    def __init__(self) -> None:
        self.found: dict[str, Json] = {}
        self.alike: dict[str, Json] = {}
        self.is_over = False
        self._has_begun = False
        self._answers = False
        self._depth = 0
        self._keys = ["", ""]
        self._alike_keys = ["", ""]
        self._is_object = [False, False]
        self._in_key_place = [False, False]
        self._string: bytearray | None = None
        self._escaped = False
        self._scalar = bytearray()
        self._last_string = b""

    @property
    def is_reply(self) -> bool:
        """Whether a result or an error was seen, and no method that makes it a request."""
        methods = (self.found.get("method"), self.alike.get("method"))
        return self._answers and not any(isinstance(method, str) for method in methods)

    @property
    def jsonrpc_id(self) -> Json:
        """The message's id as far as one was seen, or None."""
        return self.found.get("id", self.alike.get("id"))

    @property
    def is_whole(self) -> bool:
        """Whether the message stands at an end: whoever has read this far may act on it."""
        return self._depth == 0 and self._string is None and self._has_begun

    def feed(self, chunk: bytes) -> None:
        """Read on through *chunk*."""
        at = 0
        while at < len(chunk) and not self.is_over:
            if self._string is not None:
                at = self._through_string(chunk, at)
            else:
                at = self._through_structure(chunk, at)

    def _through_string(self, chunk: bytes, at: int) -> int:
        """Read on inside a string; return where to go on."""
        assert self._string is not None
        start = at
        if self._escaped:
            self._escaped = False
            at += 1
        while True:
            quote = chunk.find(b'"', at)
            end = quote if quote >= 0 else len(chunk)
            backslashes = 0
            while end - backslashes > at and chunk[end - backslashes - 1] == 0x5C:
                backslashes += 1
            if quote < 0:
                self._escaped = backslashes % 2 == 1
                self._capture(chunk[start:end])
                return end
            if backslashes % 2 == 0:
                self._capture(chunk[start:end])
                self._string_ended()
                return end + 1
            at = end + 1

    def _capture(self, piece: bytes) -> None:
        string = self._string
        if string is not None and len(string) <= MAX_CAPTURED_BYTES:
            string += piece[: MAX_CAPTURED_BYTES + 1]

    def _string_ended(self) -> None:
        text, self._string = bytes(self._string or b""), None
        level = self._depth - 1
        if level not in (0, 1):
            return
        if self._in_key_place[level]:
            self._last_string = text
        else:
            self._keep(b'"' + text + b'"')

    def _through_structure(self, chunk: bytes, at: int) -> int:
        """Read on outside strings; return where to go on."""
        if self._depth > 2 and (end := self._through_depth(chunk, at)) > at:
            return end
        match = _STRUCTURE.search(chunk, at)
        if match is None:
            self._note_scalar(chunk[at:])
            return len(chunk)
        self._note_scalar(chunk[at : match.start()])
        symbol = chunk[match.start()]
        if symbol == 0x0D:
            self._note_scalar(b"\r")
            self.is_over = self._depth == 0 and self._has_begun
            return match.end()
        self._has_begun = True
        if symbol == 0x22:
            self._string = bytearray()
        elif symbol in _OPENERS:
            self._depth += 1
            if self._depth <= 2:
                self._keys[self._depth - 1] = self._alike_keys[self._depth - 1] = ""
                self._is_object[self._depth - 1] = symbol == 0x7B
                self._in_key_place[self._depth - 1] = symbol == 0x7B
        elif symbol in _CLOSERS:
            self._scalar_ended()
            self._depth = max(0, self._depth - 1)
        elif symbol == 0x3A:
            self._colon()
        else:
            self._scalar_ended()
            if self._depth in (1, 2):
                self._in_key_place[self._depth - 1] = self._is_object[self._depth - 1]
        return match.end()

    def _through_depth(self, chunk: bytes, at: int) -> int:
        """Read on below the second level, where only the depth counts.

        So many characters at a time that they cannot end the second level, even
        if each of them were a closer.
        """
        if leaves := _LEAVES.match(chunk, at):
            return leaves.end()
        stretch = _DEEP_STRETCH.match(chunk, at, at + max(1, self._depth - 2))
        if stretch is None:
            return at
        piece = stretch[0]
        self._depth += piece.count(b"{") + piece.count(b"[") - piece.count(b"}") - piece.count(b"]")
        return stretch.end()

    def _colon(self) -> None:
        if self._depth in (1, 2):
            key = _decode(b'"' + self._last_string + b'"')
            known = isinstance(key, str) and "." not in key  # a dot would feign a path
            self._keys[self._depth - 1] = str(key) if known else "?"
            self._alike_keys[self._depth - 1] = ALIKE.get(str(key).casefold(), "?")
            _forget(self.found, self._keys[: self._depth])
            _forget(self.alike, self._alike_keys[: self._depth])
            self._answers |= self._depth == 1 and key in ("result", "error")
            self._in_key_place[self._depth - 1] = False
            self._scalar.clear()

    def _note_scalar(self, piece: bytes) -> None:
        if self._depth == 0:
            self._has_begun |= bool(piece.strip())
        elif self._depth <= 2 and len(self._scalar) <= MAX_CAPTURED_BYTES:
            self._scalar += piece[: MAX_CAPTURED_BYTES + 1]

    def _scalar_ended(self) -> None:
        text = self._scalar.strip()
        self._scalar.clear()
        if text and self._depth in (1, 2):
            self._keep(bytes(text))

    def _keep(self, text: bytes) -> None:
        path = ".".join(self._keys[: self._depth])
        alike = ".".join(self._alike_keys[: self._depth])
        if alike not in WANTED or len(text) > MAX_CAPTURED_BYTES:
            return
        value = _decode(text)
        if value is None or isinstance(value, (str, int, float, bool)):
            self.alike[alike] = value
            if path in WANTED:
                self.found[path] = value


def _forget(found: dict[str, Json], keys: list[str]) -> None:
    """Forget what stood under the same key before."""
    path = ".".join(keys)
    for known in [name for name in found if f"{name}.".startswith(f"{path}.")]:
        del found[known]


def _decode(text: bytes) -> Json:
    try:
        value: Json = json.loads(text)
    except ValueError:
        return None
    return value
