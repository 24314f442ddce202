"""The forms in which a secret or a personal datum stands in MCP traffic."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from bench.redaction.sample import Sample

LONGEST = 300
_PREFIXED = re.compile(r"(?:[A-Za-z]{2,10}[0-9]{0,2}[_.~-]){1,3}[A-Za-z0-9_.~+/=-]{12,}")
_KNOWN_HEADS = re.compile(r"(?:AKIA|ASIA|AIza|LTAI|EAA|SG\.|ya29\.)[A-Za-z0-9_.-]{12,}")
_NAME = re.compile(
    r"(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[a-z]+(?:[_.-][a-z]+)+)\Z", re.IGNORECASE
)

_SAID = (
    "please use {s} for the staging cluster",
    "I rotated it yesterday, the new one is {s}. Tell the others.",
    "here you go: {s} (expires on Friday)",
)
_KEYS = ("api_key", "apiKey", "X-API-KEY", "accessToken", "client_secret", "DB_PASSWORD", "token")
_ERRORS = (
    "401 Unauthorized: Incorrect API key provided: {s}.",
    "authentication failed for token {s}",
    'upstream said: {{"error": "invalid api key", "key": "{s}"}}',
)


def _nested(s: str, key: str) -> Any:
    inner = json.dumps({"user": "app", "auth": {key: s}})
    return {"path": "/etc/app.json", "content": inner}


def _escaped(s: str, _: str) -> Any:
    return {"text": "value " + "".join(f"\\u{ord(one):04x}" for one in s)}


Shape = Callable[[str, str], Any]
"""Makes a value of a secret and a sensitive name."""

ALONE: dict[str, Shape] = {
    "bare": lambda s, _: {"text": s},
    "in prose": lambda s, key: {"text": _SAID[len(key) % len(_SAID)].format(s=s)},
    "error text": lambda s, key: _ERRORS[len(key) % len(_ERRORS)].format(s=s),
    "base64": lambda s, _: {"data": base64.b64encode(f"value {s} end".encode()).decode()},
    "\\u-escaped": _escaped,
}
"""Where nothing but its own form, or an error's words, give a secret away."""

NAMED: dict[str, Shape] = {
    "key in JSON": lambda s, key: {"server": "db1", "options": {key: s}},
    "nested JSON": _nested,
    "command line": lambda s, key: {"command": f"deploy --{_flag(key)} {_shell(s)} --verbose"},
    "URL query": lambda s, key: {"url": f"https://api.example.com/v1/x?a=1&{key}={quote(s)}"},
    "URL user": lambda s, _: {"url": f"postgres://app:{quote(s, safe='')}@db.example.com/main"},
    "YAML": lambda s, key: {"content": f"service:\n  name: app\n  {key}: {json.dumps(s)}\n"},
    "header": lambda s, _: {"headers": {"Authorization": f"Bearer {s}", "Accept": "*/*"}},
}
"""Where a name or a place gives it away."""


def _flag(key: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", "-", key).lower()


def _shell(s: str) -> str:
    return s if re.fullmatch(r"[\w.,:/@%+=~-]+", s) else "'" + s.replace("'", "'\\''") + "'"


def is_prefixed(secret: str) -> bool:
    """Return whether *secret* begins with a mark of its own."""
    whole = _PREFIXED.fullmatch(secret) or _KNOWN_HEADS.fullmatch(secret)
    return bool(whole) and any(map(str.isdigit, secret)) and not _NAME.match(secret)


def secrets(
    pool: Sequence[Sample], prefixed: int, generic: int, rng: random.Random
) -> Iterator[Sample]:
    """Yield secrets of other sets in the shapes that MCP traffic has."""
    by_secret = {
        one.secret: one.provider
        for one in pool
        if 8 <= len(one.secret) <= LONGEST and one.secret.isascii() and one.secret.isprintable()
        and " " not in one.secret and "://" not in one.secret
    }  # fmt: skip
    names = sorted(by_secret)
    rng.shuffle(names)
    marked = [one for one in names if is_prefixed(one)][:prefixed]
    others = [one for one in names if not is_prefixed(one) and _is_random(one)][:generic]
    for at, secret in enumerate([*marked, *others]):
        key = _KEYS[at % len(_KEYS)]
        wrappings = {**ALONE, **NAMED} if at < len(marked) else NAMED
        for shape, wrap in wrappings.items():
            value = wrap(secret, key)
            yield Sample("MCP", shape, by_secret[secret], value, _as_written(shape, secret))


def _is_random(secret: str) -> bool:
    return any(map(str.isdigit, secret)) and any(map(str.isalpha, secret))


def _as_written(shape: str, secret: str) -> str:
    """Return *secret* in the form that must not survive."""
    if shape == "base64":
        # Three alignments are possible; this is the one of the wrapping.
        before = len("value ")
        whole = base64.b64encode(f"value {secret} end".encode()).decode()
        return whole[before // 3 * 4 : (before + len(secret)) // 3 * 4]
    if shape == "\\u-escaped":
        return "".join(f"\\u{ord(one):04x}" for one in secret)
    if shape == "URL query":
        return quote(secret)
    return quote(secret, safe="") if shape == "URL user" else secret


_TOLD = {
    "card": ("charge {s} please", "card {s}, exp 12/29", "{s}"),
    "IBAN": ("send it to {s}", "IBAN: {s}", "{s}"),
    "SSN": ("my SSN is {s}", "employee {s} was hired", "{s}"),
    "e-mail": ("write to {s}.", "<{s}>", "{s}"),
    "phone": ("call me at {s}", "Phone: {s}", "mobile {s} or mail"),
}
_FIELDS = {
    "card": "cardNumber", "IBAN": "iban", "SSN": "ssn", "e-mail": "emailAddress",
    "phone": "phone_number",
}  # fmt: skip


def personal(kind: str, text: str, provider: str, rng: random.Random) -> Sample:
    """Return a value with personal data in a text, under a name, or in JSON in a text."""
    told = _TOLD[kind][rng.randrange(3)].format(s=text)
    values: tuple[Any, ...] = (
        {"note": told},
        {"user": {_FIELDS[kind]: text}},
        {"body": json.dumps({"n": told})},
    )
    return Sample("personal data", kind, provider, rng.choice(values), text)
