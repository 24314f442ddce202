"""A random run is redacted where a mark, a name or a word says what it is, and kept elsewhere."""

from __future__ import annotations

import pytest

from indelible.redact import keys, opaque
from indelible.redact.walk import scrubber

BODY = "Zx9Kq2Lm7Rt4" + "Wv8Yb3Nc6Hd1"
HEX = "4f9e1a07b3d86c25" * 2
UUID = "550e8400-e29b-41d4-a716-446655440000"


@pytest.fixture(scope="module")
def scrub():
    made = scrubber()
    made.load()
    return made


@pytest.mark.parametrize(
    "value",
    [BODY, HEX[:17] + "xyz", "abcd1234-ef56-gh78-ij90-klmn1234opqr", "a1b2c3.d4e5f6.g7h8i9j0-k1"],
)
def test_what_is_drawn_at_random_is_opaque(value: str) -> None:
    assert opaque.is_opaque(value)


@pytest.mark.parametrize(
    "value",
    [
        "", "short1", "configuration_settings_v2", "2026-11-24T04:13:07.123456Z",
        "/var/lib/x86_64-linux-gnu/a1b2c3", "https://example.com/a1b2c3d4e5f6", "10.85.49.250:8443",
        "python3.11-slim-amd64",
        "123456789012345678", "the-quick-brown-fox-jumps", "sha256:" + HEX, "a1b2" * 200,
    ],
)  # fmt: skip
def test_names_dates_paths_and_numbers_are_not(value: str) -> None:
    assert not opaque.is_opaque(value, digests=True)


def test_digests_count_only_where_the_name_says_enough() -> None:
    for value in (HEX, UUID, HEX.upper()):
        assert not opaque.is_opaque(value)
        assert opaque.is_opaque(value, digests=True)


@pytest.mark.requirement("redact.opaque")
@pytest.mark.parametrize(
    "value",
    [
        {"deepgram": HEX}, {"t": f"deepgram: {HEX}"},
        {"acme_key": BODY}, {"acmeKey": BODY}, {"x": [{"crm-auth": BODY}]}, {"license": BODY},
        {"t": f"acme_key = '{BODY}'"}, {"t": f"Using Key={BODY}"}, {"t": f"acmeAuth := {BODY}"},
        {"t": f"Incorrect API key provided: {BODY}."}, {"t": f"acme SECRET {BODY}"},
        {"t": f'req.Header.Set("x-acme-api-key", "{BODY}")'}, {"t": f"use zq_live_{BODY}, please"},
        {"t": f"pw:{BODY[:9]}"}, {"t": f'password: String = "{BODY}"'}, {"t": f"KEY {BODY}"},
    ],
)  # fmt: skip
def test_beside_the_name_of_a_key_it_goes(scrub, value) -> None:
    kept = str(scrub.value(value).value)
    assert BODY[:9] not in kept
    assert HEX not in kept


@pytest.mark.requirement("redact.opaque")
@pytest.mark.parametrize(
    "value",
    [
        {"primary_key": BODY}, {"sortKey": BODY}, {"cache_key": HEX}, {"key": HEX}, {"key": "name"},
        {"t": "datadog-agent-7d9f8b6c5d-x2x9z is up"}, {"t": "auth0|5f7c8ec7c33c6c004bbafe82"},
        {"t": "secret-store-csi-5d8c7b9f6d-abcde"}, {"t": "okta|00u1a2b3c4d5e6f7g8h9"},
        {"t": f"cache key {HEX}"}, {"t": f"commit {HEX}"}, {"t": BODY}, {"id": BODY},
        {"t": f"public key {BODY}"}, {"t": f"req_{BODY}"}, {"t": f"access granted to {UUID}"},
        {"monkey": "banana-split-2026"}, {"t": "see the key in settings_v2_final_2026"},
    ],
)  # fmt: skip
def test_elsewhere_it_stays(scrub, value) -> None:
    assert value == scrub.value(value).value


@pytest.mark.requirement("redact.echo")
def test_a_secret_goes_wherever_else_it_stands_in_the_text(scrub) -> None:
    kept = scrub.value("token = 's3cretvalue9' | 's3cretvalue9' was refused: s3cretvalue9").value
    assert "[REDACTED]" in kept
    assert "s3cretvalue9" not in kept


def test_a_terminals_colours_hide_nothing(scrub) -> None:
    kept = scrub.value(f"key \x1b[93msk-{HEX}\x1b[0m was refused").value
    assert kept == "key \x1b[93m[TOKEN]\x1b[0m was refused"


def test_a_secret_counts_once_however_it_was_found(scrub) -> None:
    kept = scrub.text("token=s3cretvalue9; " * 60, limit=2_000)
    assert kept.value == "token=[REDACTED]; " * 60
    assert kept.count == 60


def test_an_ordinary_word_that_is_a_password_goes_once(scrub) -> None:
    assert "password=[REDACTED], banana" in scrub.value("password=banana, banana bread").value


def test_every_name_of_a_key_holds_a_stem_of_the_gate() -> None:
    for name in ("acme_key", "crm-auth", "PSWD", "my_pw", "netcore_api", "MYSQLPASS", "license"):
        assert keys.is_weak(name) or keys.is_short_password(name)
        assert any(stem in name.lower() for stem in keys.STEMS)
