"""Detectors of opaque tokens: long, random, and beside something that says what they are.

No provider is known here. A run of letters and digits alone is kept, since ids and digests
look alike and an investigation needs them; behind a mark (`acme_live_…`), a name
(`acme_key = …`) or a word (`the new key is …`) it is not.
"""

from __future__ import annotations

import re

from indelible.redact import keys
from indelible.redact.detectors import TOKEN, Detector, Span

SHORTEST, LONGEST = 16, 512
_LOOK = 96
"""Characters that tell."""
_CHUNK = re.compile(r"[A-Za-z0-9]+")
_CHANGE = re.compile(r"[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z])")
_CASES = re.compile(r"[a-z](?=[A-Z])|[A-Z](?=[a-z])")
_DIGEST = re.compile(
    r"(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-f]{32,128}|[0-9A-F]{32,128})"
)
_PLAIN = re.compile(
    r"(?:19|20)[0-9]{2}-[01][0-9]|[0-9]+(?:\.[0-9]+)+|[.~]?/|[A-Za-z][a-z0-9+.-]*://|sha[0-9]+[-:]"
)
_TRAILING = ".,;:!?"


def is_opaque(value: str, *, digests: bool = False) -> bool:
    """Return whether *value* looks drawn at random: digits and letters in turn, in long runs.

    Args:
        digests: Whether a UUID or a bare hex digest counts.
    """
    if not SHORTEST <= len(value) <= LONGEST or _PLAIN.match(value):
        return False
    if _DIGEST.fullmatch(value):
        return digests
    value = value[:_LOOK]
    changes = len(_CHANGE.findall(value))
    if not changes:
        return False
    longest = max(map(len, _CHUNK.findall(value)))
    if longest >= 20 and changes >= 3:
        return True
    if changes >= 5:
        return longest >= 8
    return len(_CASES.findall(value)) >= 8


def is_named_so(member: object, name: str) -> bool:
    """Return whether *member*, whose name is that of some key, looks like a credential."""
    return isinstance(member, str) and is_opaque(member, digests=keys.is_qualified(name))


_TELLING = frozenset(
    "key keys sk pk rk tk apikey api tok token tkn secret sec pat live prod auth oauth access priv"
    " private pwd pass cred bot sa admin svc".split()
)
_TELLING_ENDS = ("key", "secret", "token", "private", "access", "apikey")
# What ids of requests, calls and objects begin with.
_ID_MARKS = frozenset(
    "req request msg message call toolu chatcmpl run thread asst file batch resp trace span evt"
    " event cus pi ch in inv sub prod price txn acct usr user org team job task build img image"
    " sha md5 commit rev blob chunk part session sess corr id uuid node pod container".split()
)


_VERSION = re.compile(r"[_.-]v[0-9]{1,2}[_.-]")
_MARK = re.compile(r"(?:[A-Za-z][A-Za-z0-9]{0,11}[_.-]){1,3}?(?=[A-Za-z0-9_.-]{16})")


def _marked(match: re.Match[str]) -> Span | None:
    """Return a run whose mark and whose randomness say that it is a credential."""
    run = match[0].rstrip(".-_")
    chunks = [one for one in _CHUNK.finditer(run) if one.start()]
    chunk = max(chunks, key=lambda one: len(one[0]), default=None)
    if chunk is None or len(chunk[0]) < SHORTEST or chunk.start() > 48:
        return None
    first = _MARK.match(run)
    mark = keys.words(run[: chunk.start()])
    if not mark or (mark[0] in _ID_MARKS and not set(mark) & _TELLING):
        return None
    telling = _VERSION.search(run, 0, chunk.start()) is not None or any(
        word in _TELLING or word.endswith(_TELLING_ENDS) for word in mark
    )
    loud = first is not None and first[0].isupper() and first[0].endswith("-") and len(first[0]) > 3
    whole = _is_random(chunk[0], telling=telling or loud)
    parts = first is not None and _is_random(run[first.end() :], telling=False)
    return (match.start(), match.start() + len(run)) if whole or parts else None


def _is_random(body: str, *, telling: bool) -> bool:
    """Return whether what follows a mark is drawn at random; without *telling*, surely so."""
    changes = len(_CHANGE.findall(body[:_LOOK]))
    if body not in (body.lower(), body.upper()):
        cases = len(_CASES.findall(body[:_LOOK]))
        return len(body) >= (18 if telling else 30) and changes >= 2 and changes + cases >= 6
    return telling and len(body) >= 20 and changes >= 5


_STRONG = frozenset("secret token password passwd pwd credential credentials bearer".split())
_HEAD = re.compile(r"[\w.-]{0,48}$|[A-Za-z]{2,16}[ ]$", re.ASCII)
_BEFORE = re.compile(r"([A-Za-z]{2,16})[ _-]$")


def _named(match: re.Match[str]) -> Span | None:
    """Return an opaque run after a word for a credential, with at most two words between."""
    word, start = match["k"].lower(), match.start("k")
    head = _HEAD.search(match.string, max(0, start - 48), start)
    name = (head[0] if head else "") + match["k"]
    before = _BEFORE.search(match.string, max(0, start - 18), start)
    strong = word in _STRONG
    if before and not keys.is_secret(name):
        spaced = f"{before[1]}_{match['k']}"
        if keys.is_harmless_key(spaced):
            return None
        strong = strong or keys.is_secret(spaced)
    strong = strong or keys.is_secret(name) or match["k"].isupper()
    if keys.is_harmless_key(name) or (word in _STRONG and not keys.is_secret(name)):
        return None
    value = match["s"].rstrip(_TRAILING)
    if not (is_opaque(value, digests=strong) and _is_apart(match, value)):
        return None
    return match.start("s"), match.start("s") + len(value)


def _is_apart(match: re.Match[str], value: str) -> bool:
    """Return whether *value* is more than the rest of a name with dashes, like that of a pod."""
    if match.string[match.end("k") : match.start("s")] != "-":
        return True
    return _DIGEST.fullmatch(value) is not None or max(map(len, _CHUNK.findall(value))) >= 20


def _of_service(match: re.Match[str]) -> Span | None:
    """Return an opaque run after the name of a service."""
    value = match["s"].rstrip(_TRAILING)
    if not (is_opaque(value, digests=True) and _is_apart(match, value)):
        return None
    return match.start("s"), match.start("s") + len(value)


_BODY = "Zx9Kq2Lm7Rt4Wv8Yb3Nc6Hd1Jf5Gs0Pa"
_WORDS = ("key", "secret", "token", "passw", "pwd", "private", "access", "credential", "bearer")
# What may stand between a name and a value: up to two words, an operator, quotes. A dash or
# a bar alone makes names: `datadog-agent-7d9f8b6c5d`, `okta|00u1a2b3`.
_GAP = (
    r"[\"'`)\]]{0,2}(?:[ \t]+(?:[a-z]{2,12}[ \t]+){0,2}"
    r"|(?:[ \t]+[a-z]{2,12}){0,2}[ \t]{0,2}(?:[:=#>?,]{1,3}|\|\||(?<=[ \t])-(?=[ \t]))[ \t]{0,4})"
    r"[\"'`(]{0,2}"
)
_VALUE = r"(?P<s>[A-Za-z0-9_][A-Za-z0-9_+/=.~!$*-]{15,}+)"
_VALUE_GATE = r"[^\n]*[A-Za-z0-9+/=._~!$*-]{8}"
_SERVICE = "(?:" + "|".join(sorted(keys.SERVICES)) + ")"

DETECTORS: tuple[Detector, ...] = (
    Detector(
        "marked-token", TOKEN, "[_.-][A-Za-z0-9]{16}", ("_", ".", "-"),
        r"(?<![\w.@/\\-])[A-Za-z][A-Za-z0-9]{0,15}[_.-][A-Za-z0-9_.-]{16,}+",
        ("acme_live_" + _BODY[:20], "use zq-" + _BODY, "vnd.key." + "4f9e1a07b3d86c25" * 2),
        ("req_011CSHoEeqs5C35K2UUGrW7S", "msg_01XFDUDYJgAACzvnptvVoYEL",
         "some_module_name_that_is_long", "build-4f9e1a07b3d86c254f9e1a07b3d86c25",
         "snake_case_1234567890123456789"),
        "RFC 8959 (the reason for marks)", _marked,
    ),
    Detector(
        "named-token", TOKEN,
        "(?i)(?:" + "|".join(_WORDS) + ")" + _VALUE_GATE, _WORDS,
        r"(?ai)(?P<k>key|secret|token|password|passwd|pwd|private|access|credentials?|bearer)"
        rf"(?:{_GAP}|-){_VALUE}",
        ("the new key is " + _BODY,
         "Incorrect API key provided: " + _BODY + ".", "env.API_KEY || '" + _BODY + "'",
         "acme SECRET 4f9e1a07b3d86c254f9e1a07b3d86c25", "token 'x9" + _BODY + "'"),
        ("cache key 4f9e1a07b3d86c254f9e1a07b3d86c25", "the key is in configuration_settings_v2",
         "access granted to 550e8400-e29b-41d4-a716-446655440000", "public key " + _BODY),
        "OWASP logging cheat sheet: data to exclude", _named,
    ),
    Detector(
        "service-token", TOKEN, f"(?i){_SERVICE}{_VALUE_GATE}", tuple(sorted(keys.SERVICES)),
        rf"(?ai)(?<![a-z0-9./@])(?P<k>{_SERVICE})(?:{_GAP}|-){_VALUE}",
        ('deepgram: "' + "4f9e1a07b3d86c25" * 2 + '"', "mixpanel " + _BODY),
        ("see deepgram-sdk-python-3.11.2", "https://api.deepgram.com/v1/4f9e1a07b3d86c25",
         "twitter users liked it"),
        "the services' own documentation of their keys", _of_service,
    ),
)  # fmt: skip
