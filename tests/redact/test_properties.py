"""Laws of the scrubber over generated values: no leak, no change, no difference between gates."""

from __future__ import annotations

import base64
import copy
import json
import urllib.parse

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indelible.model.canonical import encode
from indelible.redact import gate
from indelible.redact.walk import scrubber
from tests.redact.hostile import HOSTILE
from tests.redact.test_detectors import PIECES, TEXTS

PURE = scrubber(prefer_re2=False)
FAST = scrubber()
FAST.load()

FILL = "lorem ipsum dolor sit amet consectetur "
SECRETS = {
    detector.name: detector.examples[0]
    for detector in gate.DETECTORS
    if detector.label == "[TOKEN]"
    and detector.name not in {"private-key", "putty-key", "go-dsn-password"}
    and len(detector.examples[0].split()) == 1
    and "://" not in detector.examples[0]
    and "." not in detector.examples[0]
}


def leaks(secret: str, text: str, run: int = 8) -> list[str]:
    """Return every run of *run* characters of *secret* that stands in *text*."""
    return [
        secret[at : at + run]
        for at in range(max(1, len(secret) - run + 1))
        if secret[at : at + run] in text
    ]


def json_values(leaf):
    return st.recursive(
        leaf,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(PIECES | KEYS, inner, max_size=4)
        ),
        max_leaves=8,
    )


KEYS = st.sampled_from(
    "q path password creditCard x-api-key value name max_tokens note args".split()
)
LEAVES = (
    TEXTS
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(), max_size=20)
    | st.sampled_from(["--token", "-p", "x" * 600, "\ud800", '{"password": "x"}'])
)


@given(json_values(LEAVES))
@settings(max_examples=300)
def test_the_gates_agree_the_input_is_unchanged_and_the_output_encodes(value) -> None:
    before = copy.deepcopy(value)
    result = FAST.value(value, "/args")
    assert repr(before) == repr(value)
    assert result == PURE.value(value, "/args")
    assert len(result.notes) <= min(32, result.count)
    assert len(encode(result.value)) < 256 * 1024


@given(json_values(LEAVES))
@settings(max_examples=300)
@example(["password=[REDACTED]x"])
@example({"a": "pin=1 " * 80})
@example({"path": f"-----BEGIN RSA PRIVATE KEY-----{'a' * 70}-----END x-----Token: x", "value": ""})
@example(["-token", "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----"])
def test_redacting_twice_is_redacting_once(value) -> None:
    once = FAST.value(value).value
    assert once == FAST.value(once).value


@given(TEXTS, st.sampled_from([64, 128, 500]))
@settings(max_examples=200)
def test_error_text_is_short_stable_and_alike_for_both_gates(text, limit) -> None:
    once = FAST.text(text * 5, limit=limit)
    assert len(once.value) <= limit
    assert once == PURE.text(text * 5, limit=limit)
    assert once.value == FAST.text(once.value, limit=limit).value


@pytest.mark.requirement("redact.truncation-last")
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_at_any_offset_leaves_no_run_of_eight(name) -> None:
    secret = SECRETS[name]
    length = len(secret)
    edges = [200, 484, 500, 2048]
    offsets = {edge - back for edge in edges for back in (0, 1, 7, length // 2, length - 1, length)}
    for offset in sorted(offset for offset in offsets if offset >= 1):
        for tail in ("", " " + FILL * 60):
            text = (FILL * 60)[: offset - 1] + " " + secret + tail
            for out in (FAST.value(text).value, FAST.text(text).value):
                assert not leaks(secret, out), (offset, bool(tail))


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


WRAPS = {
    "json": lambda s: json.dumps({"k": s}),
    "json twice": lambda s: json.dumps({"k": json.dumps({"k": s})}),
    "json thrice": lambda s: json.dumps([json.dumps({"k": json.dumps([s])})]),
    "base64": lambda s: "data " + b64("the value is " + s),
    "base64url": lambda s: base64.urlsafe_b64encode(("~~value is " + s).encode()).decode(),
    "percent": lambda s: "".join(f"%{ord(c):02X}" if n % 3 == 0 else c for n, c in enumerate(s)),
    "quoted": lambda s: "https://x.org/?q=" + urllib.parse.quote(s, safe=""),
    "escapes": lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    "some escapes": lambda s: "".join(
        f"\\u{ord(c):04x}" if n % 3 == 0 else c for n, c in enumerate(s)
    ),
    "fullwidth": lambda s: "".join(chr(ord(c) + 0xFEE0) for c in s),
    "joiners": "\u200d".join,
    "error": lambda s: f"ValueError: cannot use {s!r} here",
    "userinfo": lambda s: f"https://user:{s}@example.com/x",
    "query": lambda s: f"https://example.com/x?api_key={s}&a=1",
    "header": lambda s: f"X-Api-Key: {s}",
    "bearer": lambda s: f"Authorization: Bearer {s}",
    "flag": lambda s: f"run --token {s} --verbose",
    "yaml": lambda s: f"db:\n  secret: {s}\n  port: 1\n",
    "env": lambda s: f"export SERVICE_TOKEN='{s}'",
    "xml": lambda s: f"<password>{s}</password>",
    "code": lambda s: f'client_secret = "{s}"',
    "prose": lambda s: f"the password is {s}, keep it",
}  # fmt: skip
PROVIDER = ["ghp_" + "a1B2c3D4" * 5, "sk-proj-" + "Zx9Kq2Lm7Rt4" * 3, "AKIA" + "Z7Y6X5W4V3U2T1S0"]


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("secret", PROVIDER)
def test_a_provider_token_in_any_wrapping_is_gone(wrap, secret) -> None:
    wrapped = WRAPS[wrap](secret)
    for scrub in (PURE, FAST):
        for out in (scrub.value({"v": wrapped}).value["v"], scrub.text(wrapped).value):
            assert wrapped != out
            assert not leaks(secret, out), out
            assert not leaks(secret, urllib.parse.unquote(out)), out


NAMED = "userinfo query header bearer flag yaml env xml code prose"


@pytest.mark.parametrize("wrap", NAMED.split())
@given(
    secret=st.text(
        alphabet="abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!$%^*_+~",
        min_size=9,
        max_size=40,
    ).filter(lambda s: any(c.isdigit() for c in s) and s[0].isalnum() and s[-1].isalnum())
)
@settings(max_examples=40)
def test_a_secret_of_no_known_format_is_gone_where_a_name_tells(wrap, secret) -> None:
    out = FAST.value({"v": WRAPS[wrap](secret)}).value["v"]
    assert not leaks(secret, out), out


class Counting:
    """A gate that counts the characters it was given."""

    def __init__(self) -> None:
        self.seen = 0
        self.inner = FAST._gate

    def fired(self, text: str):
        self.seen += len(text)
        return self.inner.fired(text)


@pytest.mark.requirement("redact.bounded-time")
@pytest.mark.parametrize("family", HOSTILE)
@pytest.mark.parametrize("times", [1, 40])
def test_hostile_text_is_looked_at_a_bounded_number_of_times(family, times) -> None:
    from indelible.redact.walk import Scrubber

    counting = Counting()
    value = HOSTILE[family] if times == 1 else [HOSTILE[family][:2000]] * times
    result = Scrubber(counting).value(value)
    # At most the window, once for the fast path and for each pass, in four readings.
    assert counting.seen <= times * 2_100 * 16
    assert len(encode(result.value)) <= times * 600 + 1_000
