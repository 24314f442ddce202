"""An entry as one line of NDJSON: exact, and safe for whatever takes text line by line. Pure."""

from __future__ import annotations

import json
import re

from indelible.model.flat import Fields

_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
)
_TOUCHY = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""DEL, the C1 controls, what some take for the end of a line, halves of a surrogate pair.

JSON lets all of these stand as they are. Syslog daemons replace some of them, and a
terminal obeys others, so they are written as escapes: to JSON that is the same.
"""


def entry_line(entry: Fields) -> bytes:
    """Return *entry* as JSON in UTF-8 on one line, with its LF.

    Raises:
        ValueError: On NaN or an infinity.
    """
    text = _ENCODER.encode(entry)
    if not text.isascii() or "\x7f" in text:
        text = _TOUCHY.sub(_escaped, text)
    return text.encode() + b"\n"


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
