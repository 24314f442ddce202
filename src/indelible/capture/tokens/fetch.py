"""One small JSON document from an issuer: bounded in time and size, no redirect, TLS checked."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp

from indelible.config.kinds import secure_url
from indelible.model.canonical import Json

MAX_BYTES = 256 << 10
MAX_CONNECTIONS = 64
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # what is packed could unpack to any size
    "User-Agent": "indelible",
}


class UnreachableError(Exception):
    """An issuer gave no answer that can be used; the text says why."""


class Answer(NamedTuple):
    """What an issuer answered."""

    status: int
    document: dict[str, Json]
    """Empty where it is no JSON object."""


class Fetcher:
    """Asks an issuer.

    Args:
        timeout_s: For one question, from its first packet to the answer's last.

        tls: Whom to believe; None for the system's certificates.
    """

    def __init__(self, timeout_s: float, tls: ssl.SSLContext | None = None) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self, url: str, form: Mapping[str, str] | None = None, authorization: str | None = None
    ) -> Answer:
        """Return the answer to a GET, or to a POST where there is a *form*.

        Raises:
            UnreachableError: If there is none, or it is too much.
        """
        if wrong := secure_url(url):
            raise UnreachableError(f"{url}: {wrong}")
        headers = {"Authorization": authorization} if authorization else None
        try:
            async with self._opened().request(
                "GET" if form is None else "POST",
                url,
                data=form,
                headers=headers,
                allow_redirects=False,
            ) as response:
                if 300 <= response.status < 400:
                    raise UnreachableError(f"{url} answers with a redirect, which is not followed")
                return Answer(response.status, _object(await _body(response, url)))
        except TimeoutError as error:
            raise UnreachableError(f"{url}: no answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UnreachableError(f"{url}: {str(error) or type(error).__name__}") from error

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ssl=self._tls or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                headers=_HEADERS,
                auto_decompress=False,
            )
        return self._session


async def _body(response: aiohttp.ClientResponse, url: str) -> bytes:
    found = bytearray()
    async for chunk in response.content.iter_any():
        found += chunk
        if len(found) > MAX_BYTES:
            raise UnreachableError(f"{url} answers with more than {MAX_BYTES:,} bytes")
    return bytes(found)


def _object(body: bytes) -> dict[str, Json]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}  # an error page, for one: the status says more
    return found if isinstance(found, dict) else {}
