"""An issuer's own answer about a token (RFC 7662): one question for all who wait for it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote_plus

from indelible.capture.tokens.fetch import Answer, Fetcher, UnreachableError
from indelible.capture.tokens.outage import Outage
from indelible.model.canonical import Json

MAX_ASKING = 64
"""Questions at a time: a flood of tokens that nobody knows does not become one at the issuer."""

_OUTAGES = frozenset([401, 403, 404, 405, 429, 502, 503, 504])
"""What says something of the issuer or of our credentials, and nothing of the token."""


class Credentials(NamedTuple):
    """As whom we ask."""

    client: str
    secret: str

    def header(self) -> str:
        """Return them as RFC 6749 section 2.3.1 has them."""
        pair = f"{quote_plus(self.client)}:{quote_plus(self.secret)}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"


class Introspection:
    """Asks an issuer about tokens.

    Args:
        url: Where.

        credentials: As whom; None where it asks for none.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        url: str,
        credentials: Credentials | None,
        *,
        warn: Callable[[str], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._fetcher = fetcher
        self._url = url
        self._authorization = credentials.header() if credentials else None
        self._outage = Outage("introspection", warn, monotonic)
        self._asking: dict[bytes, asyncio.Task[dict[str, Json] | None]] = {}

    async def said(self, key: bytes, token: str) -> dict[str, Json] | None:
        """Return what the issuer says of a token; None where it gives no answer.

        Args:
            key: Stands for the token.
        """
        task = self._asking.get(key)
        if task is None:
            if self._outage.is_waiting or len(self._asking) >= MAX_ASKING:
                return None
            task = asyncio.get_running_loop().create_task(self._ask(token))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ask no more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _ask(self, token: str) -> dict[str, Json] | None:
        form = {"token": token, "token_type_hint": "access_token"}
        try:
            answer = await self._fetcher.ask(self._url, form, self._authorization)
            return self._read(answer)
        except UnreachableError as error:
            self._outage.failed(str(error))
            return None

    def _read(self, answer: Answer) -> dict[str, Json] | None:
        if answer.status in _OUTAGES:
            raise UnreachableError(f"{self._url}: status {answer.status}")
        if answer.status != 200:
            return None  # what it makes of this token is no news about others
        if not isinstance(answer.document.get("active"), bool):
            raise UnreachableError(f"{self._url}: the answer does not say `active`")
        self._outage.answered()
        return answer.document
