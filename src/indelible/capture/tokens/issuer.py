"""The keys of an issuer: found by its metadata, asked for again in good time, never too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from indelible.capture.tokens.checks import KeySet
from indelible.capture.tokens.fetch import Fetcher, UnreachableError
from indelible.capture.tokens.outage import Outage
from indelible.config.kinds import secure_url
from indelible.model.canonical import Json

FRESH_S = 600.0
"""After that, keys are asked for again, while the known ones serve."""
HOLD_S = 3_600.0
"""After that, known keys serve no more: the issuer may have withdrawn them."""
BETWEEN_S = 10.0
"""Between two requests for keys, whatever tokens name: nobody can have us ask more often."""


class IssuerKeys:
    """Has the keys of one issuer.

    Args:
        issuer: Its identifier, if its metadata is to say where the keys are.

        jwks_url: Where they are, if that is known.

        timeout_s: For one attempt, with all its questions.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        issuer: str | None,
        jwks_url: str | None,
        timeout_s: float,
        warn: Callable[[str], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._fetcher = fetcher
        self._issuer = issuer
        self._url = jwks_url
        self._is_given = jwks_url is not None
        self._timeout_s = timeout_s
        self._monotonic = monotonic
        self._outage = Outage(f"keys of {issuer or jwks_url}", warn, monotonic)
        self._keys: KeySet | None = None
        self._read_at = 0.0
        self._asked_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    async def current(self) -> KeySet | None:
        """Return the keys; None where the issuer has given none for too long."""
        age = self._monotonic() - self._read_at
        if self._keys is None or age >= HOLD_S:
            await self._renew()
        elif age >= FRESH_S:
            self._begin()
        return self._valid()

    async def newer(self) -> KeySet | None:
        """Return the keys, asked for again unless that was done just now."""
        await self._renew()
        return self._valid()

    async def close(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _valid(self) -> KeySet | None:
        return self._keys if self._monotonic() - self._read_at < HOLD_S else None

    def _begin(self) -> asyncio.Task[None] | None:
        """Return the attempt that is under way, begun now if it is time for one."""
        if self._task is None or self._task.done():
            now = self._monotonic()
            just_now = self._asked_at is not None and now - self._asked_at < BETWEEN_S
            if self._outage.is_waiting or (just_now and self._keys is not None):
                return None
            self._asked_at = now
            self._task = asyncio.get_running_loop().create_task(self._read())
        return self._task

    async def _renew(self) -> None:
        if (task := self._begin()) is not None:
            # One for all who wait: it goes on if the client that began it has gone.
            await asyncio.shield(task)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                self._keys = await self._fetch()
        except (UnreachableError, TimeoutError) as error:
            if not self._is_given:
                self._url = None
            self._outage.failed(str(error) or "no answer in time")
        else:
            self._read_at = self._monotonic()
            self._outage.answered()

    async def _fetch(self) -> KeySet:
        if self._url is None:
            self._url = await self._discover()
        answer = await self._fetcher.ask(self._url)
        keys = KeySet(answer.document)
        if answer.status != 200 or not keys:
            raise UnreachableError(f"{self._url}: no keys (status {answer.status})")
        return keys

    async def _discover(self) -> str:
        """Return where the issuer's metadata (RFC 8414, OpenID Connect) says that keys are."""
        assert self._issuer is not None
        for url in metadata_urls(self._issuer):
            answer = await self._fetcher.ask(url)
            if answer.status == 200 and answer.document:
                return _jwks_url(answer.document, self._issuer, url)
        raise UnreachableError("it has no metadata where RFC 8414 and OpenID Connect say")


def metadata_urls(issuer: str) -> list[str]:
    """Return where the metadata of an issuer can be, the likeliest first."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    found = [
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}/.well-known/openid-configuration{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    ]
    return list(dict.fromkeys(found))


def _jwks_url(document: dict[str, Json], issuer: str, url: str) -> str:
    if document.get("issuer") != issuer:
        raise UnreachableError(f"{url} is the metadata of another issuer")
    found = document.get("jwks_uri")
    if not isinstance(found, str) or (wrong := secure_url(found)):
        wrong = wrong if isinstance(found, str) else "it is missing"
        raise UnreachableError(f"{url}: jwks_uri: {wrong}")
    if urlsplit(found).scheme == "http" and urlsplit(issuer).scheme != "http":
        raise UnreachableError(f"{url}: jwks_uri: plain http of an issuer that has https")
    return found
