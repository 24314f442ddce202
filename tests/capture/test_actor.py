"""Who asked: which source answers, how it is known, and what nobody can make it say."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.capture.actor import (
    MAX_CHAIN,
    MAX_ID_CHARS,
    Asked,
    Identity,
    Verified,
    fingerprint,
    identifies,
)
from indelible.config.sections import ClaimsSection, HeadersSection, IdentitySection
from indelible.model.event import Actor, Delegate
from indelible.redact.who import kept_actor
from tests.model.events import _SCRUBBER

KEY = bytes(range(32))
PROXY = ("10.0.0.1", 4711)
STRANGER = ("203.0.113.9", 4711)


def headers(**lines: str) -> list[tuple[bytes, bytes]]:
    return [(n.replace("_", "-").encode(), v.encode("latin-1")) for n, v in lines.items()]


def identity(*sources: str, **changes: Any) -> Identity:
    section = IdentitySection(
        actor=sources,
        trusted_proxies=("10.0.0.0/8",),
        headers=HeadersSection(id="x-user", name="x-name", tenant="x-org", api_key="x-api-key"),
        **changes,
    )
    return Identity(section, lambda: KEY)


def token(**claims: Any) -> Verified:
    return Verified("client-1", claims.get("sub"), claims, "eyJ.the.token")


@pytest.mark.requirement("actor.token")
def test_a_verified_token_says_who_asks_and_who_vouches() -> None:
    asked = Asked(verified=token(sub="ann@example.com", iss="https://idp.example", name="Ann"))
    assert identity("token").of_request(asked) == Actor(
        id="ann@example.com",
        provenance="verified",
        name="Ann",
        issuer="https://idp.example",
        client_id="client-1",
    )


@pytest.mark.requirement("actor.token")
def test_claims_are_looked_up_under_the_configured_names() -> None:
    claims = ClaimsSection(
        id="email", issuer="iss", client_id="azp", name="nick", tenant="https://example.com/org"
    )
    said = {"sub": "1", "email": "a@b.example", "azp": "cli", "nick": "A"}
    found = identity("token", claims=claims).of_request(
        Asked(verified=token(**said, **{"https://example.com/org": "acme"}))
    )
    assert (found.id, found.client_id, found.name) == ("a@b.example", "cli", "A")
    assert found.tenant == "acme"


@pytest.mark.parametrize(
    ("claims", "who"),
    [({"sub": 42}, "42"), ({"sub": ""}, "client-1"), ({"sub": True}, "client-1"), ({}, "client-1")],
)
def test_what_is_no_name_is_none_and_the_client_stands_in(claims: dict[str, Any], who: str) -> None:
    verified = Verified("client-1", None, claims)
    assert identity("token").of_request(Asked(verified=verified)).id == who


@pytest.mark.requirement("actor.no-secret")
def test_a_verifier_that_names_the_token_as_its_subject_names_nobody() -> None:
    verified = Verified("eyJ.the.token", "eyJ.the.token", {"sub": "eyJ.the.token"}, "eyJ.the.token")
    found = identity("token").of_request(Asked(verified=verified))
    assert (found.id, found.provenance, found.client_id) == ("anonymous", "unknown", None)


@pytest.mark.requirement("actor.chain")
def test_who_acts_for_the_actor_is_kept_the_one_who_acts_now_first() -> None:
    act = {"sub": "agent", "iss": "https://idp.example", "act": {"sub": "scheduler"}}
    found = identity("token").of_request(Asked(verified=token(sub="ann", act=act)))
    assert found.chain == (Delegate("agent", "https://idp.example"), Delegate("scheduler"))


@given(st.recursive(st.none() | st.text(max_size=9), lambda one: st.dictionaries(
    st.sampled_from(["sub", "act", "iss", "client_id"]), one, max_size=4), max_leaves=60
))  # fmt: skip
def test_any_act_claim_makes_a_short_chain_of_names(act: Any) -> None:
    chain = identity("token").of_request(Asked(verified=token(sub="ann", act=act))).chain
    assert len(chain) <= MAX_CHAIN
    assert all(link.id and len(link.id) <= MAX_ID_CHARS for link in chain)


def test_a_chain_without_end_is_cut() -> None:
    act: dict[str, Any] = {"sub": "last"}
    for n in range(10_000):
        act = {"sub": f"a{n}", "act": act}
    found = identity("token").of_request(Asked(verified=token(sub="ann", act=act)))
    assert len(found.chain) == MAX_CHAIN


@pytest.mark.requirement("actor.api-key")
def test_of_an_api_key_a_fingerprint_is_kept_that_only_the_key_of_the_state_makes() -> None:
    asked = Asked(headers(x_api_key="s3cr3t-k3y"), STRANGER)
    found = identity("api-key").of_request(asked)
    assert found == Actor(
        id=fingerprint("s3cr3t-k3y", KEY), provenance="asserted", ip="203.0.113.9"
    )
    assert "s3cr3t" not in found.id
    assert fingerprint("s3cr3t-k3y", b"another key") != found.id
    assert fingerprint("s3cr3t-k3Y", KEY) != found.id


@pytest.mark.requirement("actor.api-key")
def test_without_a_key_for_fingerprints_an_api_key_names_nobody() -> None:
    section = IdentitySection(actor=("api-key",), headers=HeadersSection(api_key="x-api-key"))
    asked = Asked(headers(x_api_key="s3cr3t"), STRANGER)
    assert Identity(section).of_request(asked) == Actor(ip="203.0.113.9")


def test_a_scheme_is_no_part_of_a_key() -> None:
    section = IdentitySection(actor=("api-key",), headers=HeadersSection(api_key="authorization"))
    one = Identity(section, lambda: KEY).of_request(Asked(headers(authorization="Bearer abc")))
    other = Identity(section, lambda: KEY).of_request(Asked(headers(authorization="bearer  abc")))
    assert one.id == other.id == fingerprint("abc", KEY)


@pytest.mark.requirement("actor.headers")
def test_a_header_is_believed_of_a_trusted_proxy() -> None:
    asked = Asked(headers(x_user="ann", x_name="Ann", x_org="acme"), PROXY)
    assert identity("header").of_request(asked) == Actor(
        id="ann", provenance="asserted", name="Ann", tenant="acme", ip="10.0.0.1"
    )


@pytest.mark.requirement("actor.no-spoofing")
@pytest.mark.parametrize("peer", [STRANGER, None, ("testclient", 50_000), ("", 1)])
def test_a_header_is_believed_of_nobody_else(peer: tuple[str, int] | None) -> None:
    found = identity("header").of_request(Asked(headers(x_user="root"), peer))
    assert (found.id, found.provenance) == ("anonymous", "unknown")


@pytest.mark.requirement("actor.no-spoofing")
def test_of_two_identity_headers_neither_is_believed() -> None:
    twice = headers(x_user="root") + headers(x_user="ann")
    assert identity("header").of_request(Asked(twice, PROXY)).id == "anonymous"


def test_the_first_source_that_answers_is_taken() -> None:
    asked = Asked(headers(x_user="by header", x_api_key="k"), PROXY, token(sub="by token"))
    assert identity("header", "token").of_request(asked).id == "by header"
    assert identity("token", "header").of_request(asked).id == "by token"
    assert identity("os-user", "api-key").of_request(asked).id == fingerprint("k", KEY)
    assert identity().of_request(asked) == Actor(ip="10.0.0.1")


def test_on_stdio_it_is_whoever_runs_us_if_that_is_wanted() -> None:
    ann = Actor(id="ann", provenance="inherited")
    assert identity("token", "os-user").of_process(ann) == ann
    assert identity("token").of_process(ann) == Actor()


def test_long_ids_are_cut_and_stay_apart() -> None:
    one, other = (
        identity("token").of_request(Asked(verified=token(sub="x" * 9_000 + end))).id
        for end in "ab"
    )
    assert one != other
    assert max(len(one), len(other)) <= MAX_ID_CHARS


@given(st.text(), st.text(), st.text(), st.sampled_from([PROXY, STRANGER, None]))
def test_no_header_makes_anybody_verified_nor_leaks_a_key(
    user: str, key: str, name: str, peer: tuple[str, int] | None
) -> None:
    lines = [
        (b"x-user", user.encode()),
        (b"x-api-key", b"CANARY" + key.encode()),
        (b"x-name", name.encode()),
    ]
    found = identity("token", "header", "api-key").of_request(Asked(lines, peer))
    assert found.provenance in ("asserted", "unknown")
    if found.id != user.strip():
        assert "CANARY" not in str(found)


@pytest.mark.requirement("actor.no-secret")
def test_an_id_is_kept_an_email_address_or_not_but_no_secret_in_it() -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
    actor = Actor(
        id="ann@example.com",
        name="ann@example.com",
        issuer=f"https://u:hunter2@idp.example/?token={jwt}",
        client_id=f"cli {jwt}",
        chain=(Delegate("bob@example.com", jwt),),
    )
    kept, removed = kept_actor(actor, _SCRUBBER)
    assert (kept["id"], kept["name"]) == ("ann@example.com", "[EMAIL]")
    assert kept["chain"] == [{"id": "bob@example.com", "issuer": "[TOKEN]"}]
    text = json.dumps(kept)
    assert jwt not in text
    assert "hunter2" not in text
    assert len(removed) == 4


@pytest.mark.parametrize(
    "who",
    [
        "ann",
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "110169484474386276334",
        "google-oauth2|110169484474386276334",
        "AItOawmwtWwcT0k51BayewNvutrJUqsvl6qs7A4",
        "7d9b2c1e-9c1f-4a6e-8d1e-2b7c9a1f0e3d",
        "00uid4BxXw6I6TV4m0g3",
        "S-1-5-21-3623811015-3361044348-30300820-1013",
        "CN=Ann Lee,OU=Sales,O=Example",
        "4111111111111111",
        "+1 (555) 010-9999",
        "fingerprint:9f86d081884c7d65",
    ],
)
def test_ids_as_identity_providers_give_them_are_kept(who: str) -> None:
    assert kept_actor(Actor(id=who, provenance="verified"), _SCRUBBER) == (
        {"id": who, "provenance": "verified"},
        [],
    )


def test_it_is_known_beforehand_whether_anybody_can_be_identified() -> None:
    nobody = IdentitySection()
    assert identifies(nobody, verifies_tokens=True)
    assert not identifies(nobody, verifies_tokens=False)
    assert not identifies(IdentitySection(actor=("header",)), verifies_tokens=True)
    by_key = IdentitySection(actor=("api-key",), headers=HeadersSection(api_key="x-api-key"))
    assert identifies(by_key, verifies_tokens=False)


# Tokens that nobody verified


def jwt_of(claims: Any, header: Any = '{"alg":"none"}') -> str:
    said = claims if isinstance(claims, str) else json.dumps(claims)
    parts = (base64.urlsafe_b64encode(one.encode()).rstrip(b"=").decode() for one in (header, said))
    return f"{'.'.join(parts)}.c2lnbmF0dXJl"


def bearing(token: str) -> Asked:
    return Asked(headers(authorization=f"Bearer {token}"))


@pytest.mark.requirement("actor.unverified")
def test_what_an_unverified_token_says_is_asserted() -> None:
    token = jwt_of({"sub": "ann", "iss": "https://idp.example", "azp": "cli", "name": "Ann"})
    assert identity("token").of_request(bearing(token)) == Actor(
        id="ann",
        provenance="asserted",
        name="Ann",
        issuer="https://idp.example",
        client_id="cli",
    )


@pytest.mark.requirement("actor.unverified")
@pytest.mark.parametrize(
    "token",
    ["opaque", jwt_of({}), jwt_of([1]), jwt_of("[" * 9_000), jwt_of({"sub": 1}, "[]"), "a.b.c"],
)
def test_an_unverified_token_that_names_nobody_is_its_fingerprint(token: str) -> None:
    found = identity("token").of_request(bearing(token))
    assert found == Actor(id=fingerprint(token, KEY), provenance="asserted")


@pytest.mark.requirement("actor.unverified")
def test_an_unverified_token_is_taken_for_what_is_configured() -> None:
    asked = bearing(jwt_of({"sub": "ann"}))
    by_tag = identity("token", unverified_token="fingerprint").of_request(asked)
    assert by_tag.id.startswith("fingerprint:")
    assert identity("token", unverified_token="ignore").of_request(asked) == Actor()
    assert identity("api-key").of_request(asked) == Actor()


def test_a_source_that_answers_comes_before_an_unverified_token() -> None:
    lines = headers(authorization=f"Bearer {jwt_of({'sub': 'ann'})}", x_user="bob")
    assert identity("token", "header").of_request(Asked(lines, PROXY)).id == "bob"


@pytest.mark.requirement("actor.unverified")
@pytest.mark.parametrize("scheme", ["Basic", "bearertoken", ""])
def test_of_two_authorizations_or_another_scheme_nobody_is_taken(scheme: str) -> None:
    one = headers(authorization=f"Bearer {jwt_of({'sub': 'ann'})}")
    assert identity("token").of_request(Asked(one + one)) == Actor()
    assert identity("token").of_request(Asked(headers(authorization=f"{scheme} abc"))) == Actor()


@pytest.mark.requirement("actor.unverified")
@given(st.text() | st.builds(jwt_of, st.dictionaries(st.text(), st.text() | st.integers())))
def test_no_text_makes_an_unverified_token_more_than_asserted(token: str) -> None:
    lines = [(b"authorization", b"Bearer " + token.encode())]
    found = identity("token").of_request(Asked(lines))
    assert found.provenance in ("asserted", "unknown")


def test_claims_alone_make_what_an_sdk_would_say_of_a_token() -> None:
    claims = {"sub": "ann", "azp": "cli", "act": {"sub": "agent"}}
    verified = Verified.of_claims(claims, "t")
    assert verified == Verified("cli", "ann", claims, "t")
    found = identity("token").of_request(Asked(verified=verified))
    assert (found.id, found.provenance, found.client_id) == ("ann", "verified", "cli")
    assert Verified.of_claims({"sub": [1], "client_id": {}}, "t")[:2] == (None, None)
