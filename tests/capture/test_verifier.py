"""Tokens are verified by a real check or not at all, and no issuer is asked without bound."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indelible.capture.tokens.checks import KeySet, RefusedError, Rules, checked_jwt
from indelible.capture.tokens.issuer import BETWEEN_S, FRESH_S, HOLD_S, metadata_urls
from indelible.capture.tokens.remembered import Remembered
from indelible.capture.verifier import SECRET, Clock, Verifier, verifier_of
from indelible.config.sections import IdentitySection, VerifierSection
from indelible.errors import ConfigError
from tests.capture.issuer import (
    AUDIENCE,
    EC_KEY,
    ED_KEY,
    OTHER_RSA_KEY,
    RSA_KEY,
    WEAK_RSA_KEY,
    Issuer,
    b64,
    pem,
    public,
    unsigned,
)


class Moved:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.by = 0.0

    @property
    def clock(self) -> Clock:
        return Clock(lambda: time.time() + self.by, lambda: 1_000.0 + self.by)


class Rig:
    """A verifier of an issuer's, what it said, and its clock."""

    def __init__(self, server: Issuer, environment: dict[str, str], **section: Any) -> None:
        given = {"audience": (AUDIENCE,), "timeout": 5, **section}
        self.said: list[str] = []
        self.time = Moved()
        found = verifier_of(
            IdentitySection(verifier=VerifierSection(**given)),
            self.said.append,
            environment,
            self.time.clock,
        )
        assert found is not None
        self.verifier: Verifier = found
        self.issuer = server

    async def sub(self, token: str) -> object:
        claims = await self.verifier.claims(token)
        return None if claims is None else claims.get("sub")


def within(work: Any) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(60):
            return await work()

    return asyncio.run(bounded())


@contextlib.asynccontextmanager
async def rig(environment: Any = None, **section: Any) -> Any:
    async with Issuer() as issuer:
        filled = {
            name: value.replace("ISSUER", issuer.url) if isinstance(value, str) else value
            for name, value in section.items()
        } or {"issuer": issuer.url}
        made = Rig(issuer, environment or {}, **filled)
        try:
            yield made
        finally:
            await made.verifier.close()


@pytest.mark.requirement("actor.verifier")
@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_a_token_that_the_issuer_signed_for_us_is_verified(algorithm: str) -> None:
    async def work() -> None:
        async with rig() as made:
            token = made.issuer.token(algorithm, act={"sub": "agent"})
            claims = await made.verifier.claims(token)
            assert (claims["sub"], claims["act"]) == ("ann", {"sub": "agent"})
            assert made.issuer.asked[-1] == "/jwks"
            asked = len(made.issuer.asked)
            assert await made.sub(token) == await made.sub(made.issuer.token()) == "ann"
            assert len(made.issuer.asked) == asked
            assert made.said == []

    within(work)


def test_keys_are_taken_from_where_the_configuration_says() -> None:
    async def work() -> None:
        async with rig(jwks_url="ISSUER/jwks") as made:
            assert await made.sub(made.issuer.token(iss="https://any.example")) == "ann"
            assert made.issuer.asked == ["/jwks"]

    within(work)


HS = "with the public key as the secret"
HOSTILE: dict[str, Any] = {
    "signed by another": lambda i: i.token(key=OTHER_RSA_KEY),
    "signed by another, key in the header": lambda i: i.token(
        key=OTHER_RSA_KEY, headers={"jwk": public("RS256", OTHER_RSA_KEY)}
    ),
    "jku and x5u": lambda i: i.token(
        key=OTHER_RSA_KEY, headers={"jku": f"{i.url}/evil", "x5u": f"{i.url}/evil"}
    ),
    "alg none": lambda i: unsigned({"alg": "none"}, i.claims()),
    "alg None": lambda i: unsigned({"alg": "None", "kid": "rsa"}, i.claims()),
    "alg a list": lambda i: unsigned({"alg": ["RS256"], "kid": "rsa"}, i.claims()),
    "no alg": lambda i: unsigned({"kid": "rsa"}, i.claims()),
    HS: lambda i: hs256(i, pem(RSA_KEY)),
    "with the JWK as the secret": lambda i: hs256(i, json.dumps(i.keys[0]).encode()),
    "kid traversal": lambda i: i.token(key=OTHER_RSA_KEY, headers={"kid": "../../dev/null"}),
    "kid a number": lambda i: unsigned({"alg": "RS256", "kid": 7}, i.claims(), b"x"),
    "kid null": lambda i: unsigned({"alg": "RS256", "kid": None}, i.claims(), b"x"),
    "another family's key": lambda i: i.token("ES256", headers={"kid": "rsa"}),
    "crit": lambda i: i.token(headers={"crit": ["exp2"], "exp2": 1}),
    "b64": lambda i: unsigned({"alg": "RS256", "b64": False, "crit": ["b64"]}, i.claims(), b"x"),
    "huge": lambda i: i.token(pad="x" * 20_000),
    "deep": lambda i: f"{b64(b'[' * 6000)}.{b64(b'[' * 6000)}.",
    "no JSON": lambda i: "a.b.c",
    "expired": lambda i: i.token(exp=int(time.time()) - 61),
    "no end": lambda i: i.token(exp=None),
    "end a text": lambda i: i.token(exp="9999999999"),
    "end true": lambda i: i.token(exp=True),
    "end NaN": lambda i: i.token(exp=float("nan")),
    "end a list": lambda i: i.token(exp=[9_999_999_999]),
    "future": lambda i: i.token(nbf=int(time.time()) + 3_600),
    "made in the future": lambda i: i.token(iat=int(time.time()) + 3_600),
    "another audience": lambda i: i.token(aud="https://other.example/mcp"),
    "an audience that only begins so": lambda i: i.token(aud=f"{AUDIENCE}/x"),
    "no audience": lambda i: i.token(aud=None),
    "audience a table": lambda i: i.token(aud={AUDIENCE: True}),
    "audience of lists": lambda i: i.token(aud=[[AUDIENCE]]),
    "another issuer": lambda i: i.token(iss="https://evil.example"),
    "issuer a list": lambda i: signed(i, iss=[i.url]),
    "no issuer": lambda i: i.token(iss=None),
    "claims a list": lambda i: unsigned({"alg": "RS256", "kid": "rsa"}, [1], b"x"),
    "a line end": lambda i: f"{i.token()}\n",
    "a space": lambda i: f" {i.token()}",
    "four parts": lambda i: f"{i.token()}.x",
    "empty": lambda i: "",
    "not ASCII": lambda i: f"{i.token()}ü",
    "a surrogate": lambda i: "\udce4",
}


def hs256(issuer: Issuer, secret: bytes) -> str:
    text = unsigned({"alg": "HS256", "kid": "rsa"}, issuer.claims()).rstrip(".")
    return f"{text}.{b64(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def signed(issuer: Issuer, **changes: Any) -> str:
    """A token with claims that PyJWT would not write."""
    text = unsigned({"alg": "EdDSA", "kid": "ed"}, {**issuer.claims(), **changes}).rstrip(".")
    return f"{text}.{b64(ED_KEY.sign(text.encode()))}"


@pytest.mark.requirement("actor.verifier-hostile")
def test_no_hostile_token_is_verified_and_none_is_shown() -> None:
    async def work() -> None:
        async with rig() as made:
            assert await made.sub(made.issuer.token()) == "ann"
            for name, make in HOSTILE.items():
                token = make(made.issuer)
                assert await made.verifier.claims(token) is None, name
                assert await made.verifier.claims(token) is None, name
                assert not token or token not in " ".join(made.said), name
            assert {"/evil"} & set(made.issuer.asked) == set()
            assert len(made.said) == len(set(made.said)) <= 12

    within(work)


@pytest.mark.requirement("actor.verifier-hostile")
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # to make such a token
def test_keys_that_are_weak_private_for_encryption_or_secret_do_not_verify() -> None:
    async def work() -> None:
        async with rig() as made:
            secret = b"s" * 32
            made.issuer.keys = [
                public("RS256", WEAK_RSA_KEY, kid="weak"),
                public("RS256", RSA_KEY, kid="enc", use="enc"),
                public("RS256", RSA_KEY, kid="ops", key_ops=["encrypt"]),
                public("RS256", RSA_KEY, kid="long") | {"n": "A" * 100_000},
                public("RS256", RSA_KEY, kid="odd") | {"e": 3},
                {"kty": "oct", "kid": "rsa", "k": b64(secret)},
                {"kty": "RSA", "kid": "bare"},
                public("ES256", EC_KEY, kid="curve") | {"crv": "P-384"},
                "no key",
                public("EdDSA", ED_KEY, kid="ed"),
            ]
            for kid in ("enc", "ops", "long", "odd", "bare"):
                assert await made.sub(made.issuer.token(headers={"kid": kid})) is None, kid
            assert (
                await made.sub(made.issuer.token(key=WEAK_RSA_KEY, headers={"kid": "weak"})) is None
            )
            assert await made.sub(made.issuer.token("ES256", headers={"kid": "curve"})) is None
            assert await made.sub(hs256(made.issuer, secret)) is None
            assert await made.sub(made.issuer.token("EdDSA")) == "ann"

    within(work)


KEYS = KeySet(
    {"keys": [public("EdDSA", ED_KEY), public("RS256", RSA_KEY), public("ES256", EC_KEY)]}
)
ANY = Rules(("EdDSA", "RS256", "ES256"), None, (), 60.0)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk"]),
    st.sampled_from(["EdDSA", "RS256", "ES256", "none", "HS256", "", None, True, 1, [], {}]),
)


@pytest.mark.requirement("actor.verifier-hostile")
@given(
    st.text()
    | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True)
    | st.builds(
        unsigned, HEADERS, st.dictionaries(st.text(), st.integers()) | st.integers(), st.binary()
    )
)
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_that_nobody_signed_is_ever_verified(token: str) -> None:
    with pytest.raises(RefusedError):
        checked_jwt(token, KEYS, ANY, 0.0)


@pytest.mark.requirement("actor.verifier-hostile")
@given(st.dictionaries(st.sampled_from(["exp", "nbf", "iat", "iss", "aud", "sub", "act"]),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda one: st.lists(one) | st.dictionaries(st.text(), one), max_leaves=5)))  # fmt: skip
def test_claims_of_any_type_are_verified_or_refused(claims: dict[str, Any]) -> None:
    text = unsigned({"alg": "EdDSA"}, claims).rstrip(".")
    token = f"{text}.{b64(ED_KEY.sign(text.encode()))}"
    with contextlib.suppress(RefusedError):
        checked_jwt(token, KEYS, ANY._replace(audience=("a",), issuer="i"), 0.0)
    with contextlib.suppress(RefusedError):
        checked_jwt(token, KEYS, ANY, 0.0)


@pytest.mark.requirement("actor.verifier-bounded")
def test_ten_thousand_unknown_key_ids_ask_once_and_a_new_key_is_found() -> None:
    async def work() -> None:
        async with rig(jwks_url="ISSUER/jwks") as made:
            assert await made.sub(made.issuer.token()) == "ann"
            made.time.by += BETWEEN_S
            text = made.issuer.token(key=OTHER_RSA_KEY).split(".", 1)[1]
            for n in range(10_000):
                head = b64(json.dumps({"alg": "RS256", "kid": f"k{n}"}).encode())
                assert await made.verifier.claims(f"{head}.{text}") is None
            assert made.issuer.asked == ["/jwks"] * 2
            made.issuer.keys.append(public("RS256", OTHER_RSA_KEY, kid="new"))
            new = made.issuer.token(key=OTHER_RSA_KEY, headers={"kid": "new"})
            assert await made.sub(new) is None
            made.time.by += BETWEEN_S
            assert await made.sub(new) == "ann"
            assert len(made.issuer.asked) == 3

    within(work)


@pytest.mark.requirement("actor.verifier-bounded")
def test_many_who_wait_for_keys_ask_once_even_if_the_first_goes_away() -> None:
    async def work() -> None:
        async with rig(jwks_url="ISSUER/jwks") as made:
            made.issuer.gate = asyncio.Event()
            tokens = [made.issuer.token(jti=str(n)) for n in range(100)]
            waiting = [asyncio.create_task(made.sub(token)) for token in tokens]
            await made.issuer.arrived.wait()
            waiting[0].cancel()
            made.issuer.gate.set()
            done = await asyncio.gather(*waiting, return_exceptions=True)
            assert done[1:] == ["ann"] * 99
            assert made.issuer.asked == ["/jwks"]

    within(work)


async def _redirect(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": f"{request.url.origin()}/jwks"})


async def _huge(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b" " * (1 << 20) + b'{"keys": []}')


async def _many(request: web.Request) -> web.StreamResponse:
    return web.json_response(
        {"keys": [public("ES256", EC_KEY, kid=f"k{n}") for n in range(10_000)]}
    )


async def _packed(request: web.Request) -> web.StreamResponse:
    response = web.json_response(
        {"keys": [public("RS256", RSA_KEY, kid="rsa")], "pad": "x" * 10**6}
    )
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def _deep(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"[" * 100_000, content_type="application/json")


async def _error(request: web.Request) -> web.StreamResponse:
    return web.Response(status=503)


async def _hang(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def _drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"{")
    await asyncio.Event().wait()
    raise AssertionError


async def _cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.requirement("actor.verifier-bounded")
@pytest.mark.parametrize("path", ["/jwks", "/introspect"])
@pytest.mark.parametrize(
    "misbehave", [_redirect, _huge, _many, _packed, _deep, _error, _hang, _drip, _cut]
)
def test_an_issuer_that_misbehaves_verifies_nobody_is_left_alone_and_recovers(
    path: str, misbehave: Any
) -> None:
    async def work() -> None:
        name = "jwks_url" if path == "/jwks" else "introspection_url"
        async with rig(**{name: f"ISSUER{path}"}, timeout=1) as made:
            token = made.issuer.token() if path == "/jwks" else "opaque"
            made.issuer.active["opaque"] = made.issuer.claims() | {"active": True}
            made.issuer.misbehave = misbehave
            for _ in range(50):
                assert await made.verifier.claims(token) is None
            # aiohttp itself repeats a GET once whose connection was cut.
            assert made.issuer.asked in ([path], [path] * 2 if misbehave is _cut else [])
            assert len(made.said) == 1
            made.issuer.misbehave = None
            made.time.by += 60
            assert await made.sub(token) == "ann"
            assert len(made.said) == 2
            assert "answers again" in made.said[1]

    within(work)


@pytest.mark.requirement("actor.verifier-bounded")
def test_known_keys_serve_for_an_hour_while_the_issuer_is_away() -> None:
    async def work() -> None:
        async with rig() as made:
            token = made.issuer.token(exp=int(time.time()) + 100_000)
            assert await made.sub(token) == "ann"
            made.issuer.misbehave = _error
            made.time.by = FRESH_S + 1
            assert await made.sub(token) == "ann"
            made.time.by = HOLD_S
            assert await made.sub(token) is None
            made.issuer.misbehave = None
            made.time.by = HOLD_S + 200
            assert await made.sub(token) == "ann"

    within(work)


def test_a_verified_token_holds_no_longer_than_it_says() -> None:
    async def work() -> None:
        async with rig(jwks_url="ISSUER/jwks") as made:
            token = made.issuer.token(exp=int(time.time()) + 30)
            assert await made.sub(token) == "ann"
            made.time.by = 85.0
            assert await made.sub(token) == "ann"
            made.time.by = 91.0
            assert await made.sub(token) is None

    within(work)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({"jwks_uri": 5}, "jwks_uri"),
        ({"jwks_uri": "http://192.0.2.1/jwks"}, "plain http"),
        ({"jwks_uri": "file:///etc/passwd"}, "https"),
    ],
)
def test_metadata_that_leads_astray_is_not_followed(changes: dict[str, Any], says: str) -> None:
    async def work() -> None:
        async with rig() as made:
            made.issuer.metadata |= changes
            assert await made.verifier.claims(made.issuer.token()) is None
            assert says in made.said[0]
            assert "/jwks" not in made.issuer.asked

    within(work)


def test_metadata_is_looked_for_where_the_standards_say() -> None:
    assert metadata_urls("https://idp.example/a/") == [
        "https://idp.example/.well-known/oauth-authorization-server/a",
        "https://idp.example/.well-known/openid-configuration/a",
        "https://idp.example/a/.well-known/openid-configuration",
    ]
    assert len(metadata_urls("https://idp.example")) == 2


# Introspection

ASKED = {"introspection_url": "ISSUER/introspect", "introspection_client": "indelible"}


@pytest.mark.requirement("actor.verifier")
def test_an_opaque_token_is_verified_by_asking_with_our_credentials() -> None:
    async def work() -> None:
        async with rig({SECRET: "s:e/cret"}, **ASKED) as made:
            made.issuer.active["opaque"] = made.issuer.claims() | {"active": True}
            waiting = [made.sub("opaque") for _ in range(50)]
            assert await asyncio.gather(*waiting) == ["ann"] * 50
            assert await made.sub("opaque") == "ann"
            assert made.issuer.authorization == [
                "Basic aW5kZWxpYmxlOnMlM0FlJTJGY3JldA=="  # indelible:s%3Ae%2Fcret
            ]
            del made.issuer.active["opaque"]
            assert await made.sub("opaque") == "ann"
            made.time.by += 61
            assert await made.sub("opaque") is None
            assert await made.sub("opaque") is None
            assert len(made.issuer.authorization) == 2
            assert "s:e/cret" not in " ".join(made.said)

    within(work)


@pytest.mark.requirement("actor.verifier-hostile")
@pytest.mark.parametrize(
    "changes",
    [
        {"active": "true"},
        {"active": 1},
        {"active": False},
        {"aud": "https://other.example"},
        {"aud": None},
        {"exp": 1},
        {"nbf": 1 << 40},
        {"iss": "https://evil.example"},
    ],
)
def test_an_answer_that_is_not_a_plain_yes_for_us_verifies_nobody(changes: Any) -> None:
    async def work() -> None:
        async with rig(introspection_url="ISSUER/introspect", issuer="ISSUER") as made:
            made.issuer.active["opaque"] = made.issuer.claims(active=True) | changes
            assert await made.verifier.claims("opaque") is None

    within(work)


@pytest.mark.requirement("actor.verifier-bounded")
def test_what_an_issuer_makes_of_one_token_is_no_news_about_others() -> None:
    async def work() -> None:
        async with rig(introspection_url="ISSUER/introspect") as made:
            made.issuer.active["opaque"] = made.issuer.claims(active=True)
            for status in (400, 413, 500):

                async def refuse(_: web.Request, status: int = status) -> web.Response:
                    return web.Response(status=status)

                made.issuer.misbehave = refuse
                assert await made.verifier.claims(f"odd{status}") is None
            made.issuer.misbehave = None
            assert await made.sub("opaque") == "ann"

    within(work)


def test_a_secret_that_cannot_be_used_is_an_error_at_the_start(tmp_path) -> None:
    secret = tmp_path / "secret"
    for content, says in [(b"", "no secret"), (b"\xff", "no text"), (b"x" * 5_000, "too long")]:
        secret.write_bytes(content)
        section = VerifierSection(
            introspection_url="https://idp.example/i",
            introspection_client="c",
            introspection_secret_file=str(secret),
            any_audience=True,
        )
        with pytest.raises(ConfigError, match=says):
            verifier_of(IdentitySection(verifier=section), print, {})


@pytest.mark.requirement("actor.verifier")
def test_without_an_audience_nothing_is_verified_unless_that_is_said() -> None:
    said: list[str] = []
    issuer = "https://idp.example"
    assert verifier_of(IdentitySection(), said.append) is None
    assert said == []
    section = IdentitySection(verifier=VerifierSection(issuer=issuer))
    assert verifier_of(section, said.append) is None
    assert "no audience" in said[0]
    section = IdentitySection(verifier=VerifierSection(issuer=issuer, any_audience=True))
    assert verifier_of(section, said.append) is not None
    assert len(said) == 1


@pytest.mark.requirement("actor.verifier-bounded")
def test_what_is_remembered_is_bounded_and_refusals_push_out_no_verified_token() -> None:
    known = Remembered(lambda: 0.0, most=10)
    known.put(b"good", {"sub": "ann"}, 60)
    for n in range(1_000):
        known.put(b"bad%d" % n, None, 60)
    assert len(known) == 11
    found = known.get(b"good")
    assert found is not None
    assert found.claims == {"sub": "ann"}
