"""How the conformance suite's client signs in: OAuth with a user who always agrees. Not a test."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth.oauth2 import OAuthClientProvider
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)

BACK = "http://localhost:3030/callback"
DOCUMENT = "https://conformance-test.local/client-metadata.json"


class Memory:
    """Keeps tokens and the client's registration while the client runs."""

    def __init__(self, registered: OAuthClientInformationFull | None) -> None:
        self._registered = registered
        self._tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self._tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._registered

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._registered = client_info


class Browser:
    """Goes where the client sends the user, and comes back with what it was given."""

    def __init__(self) -> None:
        self._came_back = ""

    async def visit(self, url: str) -> None:
        """Open *url*, which sends the user back at once."""
        async with httpx2.AsyncClient() as http:
            answer = await http.get(url)
        self._came_back = answer.headers["location"]

    async def come_back(self) -> AuthorizationCodeResult:
        """Return what the user brought back."""
        query = {name: one[0] for name, one in parse_qs(urlsplit(self._came_back).query).items()}
        return AuthorizationCodeResult.model_validate(query)


def login(url: str, known: dict[str, Any]) -> OAuthClientProvider:
    """Return what signs requests in at *url*, with the registration that is *known*, if any."""
    registered = None
    if "client_id" in known:
        registered = OAuthClientInformationFull.model_validate(
            {
                "client_id": known["client_id"],
                "client_secret": known.get("client_secret"),
                "redirect_uris": [BACK],
                "token_endpoint_auth_method": "client_secret_basic",
            }
        )
    browser = Browser()
    return OAuthClientProvider(
        url,
        OAuthClientMetadata.model_validate({"client_name": "indelible", "redirect_uris": [BACK]}),
        Memory(registered),
        redirect_handler=browser.visit,
        callback_handler=browser.come_back,
        client_metadata_url=DOCUMENT,
    )
