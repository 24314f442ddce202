"""An issuer of tokens on this machine: metadata, keys, introspection, and every way to fail."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any, Self

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "https://mcp.example/mcp"
RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
WEAK_RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
KEYS: dict[str, Any] = {"RS256": RSA_KEY, "PS256": RSA_KEY, "ES256": EC_KEY, "EdDSA": ED_KEY}
FAMILY = {"RS256": RSAAlgorithm, "PS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


def public(algorithm: str, key: Any, **more: Any) -> dict[str, Any]:
    return {**FAMILY[algorithm].to_jwk(key.public_key(), as_dict=True), **more}


def pem(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Answers as an authorization server would."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.keys: list[dict[str, Any]] = [
            public("RS256", RSA_KEY, kid="rsa", use="sig"),
            public("ES256", EC_KEY, kid="ec", alg="ES256"),
            public("EdDSA", ED_KEY, kid="ed"),
        ]
        self.metadata: dict[str, Any] = {}
        self.active: dict[str, dict[str, Any]] = {}
        self.authorization: list[str | None] = []
        self.misbehave: Callable[[web.Request], Any] | None = None
        self.gate: asyncio.Event | None = None
        self.arrived = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0]
        self.url = f"http://{host}:{port}"
        self.metadata = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.misbehave is not None:
            return await self.misbehave(request)
        if request.path == "/.well-known/openid-configuration":
            return web.json_response(self.metadata)
        if request.path == "/jwks":
            return web.json_response({"keys": self.keys})
        if request.path == "/introspect":
            self.authorization.append(request.headers.get("Authorization"))
            form = await request.post()
            return web.json_response(self.active.get(str(form["token"]), {"active": False}))
        return web.Response(status=404)

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 600}
        return {name: value for name, value in {**said, **changes}.items() if value is not None}

    def token(
        self, algorithm: str = "RS256", key: Any = None, headers: Any = None, **changes: Any
    ) -> str:
        kid = {"RS256": "rsa", "PS256": "rsa", "ES256": "ec", "EdDSA": "ed"}.get(algorithm)
        return jwt.encode(
            self.claims(**changes),
            key or KEYS[algorithm],
            algorithm,
            {"kid": kid, **(headers or {})} if kid else headers,
        )


def unsigned(header: Any, claims: Any, signature: bytes = b"") -> str:
    return ".".join(
        [b64(json.dumps(header).encode()), b64(json.dumps(claims).encode()), b64(signature)]
    )
