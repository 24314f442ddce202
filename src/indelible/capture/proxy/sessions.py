"""What outlives one HTTP exchange: who waits for what in a session. Sans-I/O.

Law: a reply meets its request within its exchange, else within its session; never by
the JSON-RPC id alone, which unrelated clients use again and again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

from indelible.capture.calls import Open, OpenCalls
from indelible.model.canonical import Json

MAX_SESSIONS = 10_000
MAX_SEEN = 100_000
"""Ids of events, of all sessions together."""


class ExchangeCalls(OpenCalls):
    """The calls of one exchange; what is not among them is looked for in its session.

    Args:
        others: Returns the other calls of the session.
    """

    def __init__(self, others: Callable[[], Iterable[OpenCalls]]) -> None:
        super().__init__()
        self._others = others

    def take(self, jsonrpc_id: Json) -> Open | None:
        """Return the oldest call under an id: of this exchange, else of its session."""
        found = super().take(jsonrpc_id)
        for calls in self._others() if found is None else ():
            found = OpenCalls.take(calls, jsonrpc_id)
            if found is not None:
                break
        return found

    def take_same(self, jsonrpc_id: Json) -> list[Open]:
        """Return all calls under an id of exactly that type, as `take`."""
        found = super().take_same(jsonrpc_id)
        for calls in self._others() if not found else ():
            found = OpenCalls.take_same(calls, jsonrpc_id)
            if found:
                break
        return found


class Session:
    """One session, or one stream of the older transport with what is posted for it."""

    def __init__(self, *, is_nameless: bool = False) -> None:
        self.is_nameless = is_nameless
        """Whether nothing in the request names it."""
        self.client: dict[str, Json] | None = None
        """As the client declares itself."""
        self.protocol_version: str | None = None
        self.asked_by_server = OpenCalls()
        self.left = OpenCalls()
        """Calls of exchanges that ended without a reply: it may come on another stream."""
        self._live: list[OpenCalls] = []

    def join(self, calls: OpenCalls) -> None:
        """Count an exchange's calls among those of the session."""
        self._live.append(calls)

    def leave(self, calls: OpenCalls) -> None:
        """Count them no longer."""
        self._live = [other for other in self._live if other is not calls]

    def others(self, mine: OpenCalls) -> Iterator[OpenCalls]:
        """Return the calls of the session that are not *mine*."""
        yield self.left
        yield from (calls for calls in self._live if calls is not mine)

    def take_all(self) -> list[Open]:
        """Return every call that waits for a reply, no longer expected."""
        return [*self.left.take_all(), *self.asked_by_server.take_all()]


class Sessions:
    """The sessions of one server; the one unused for longest is given up for a new one."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Session] = OrderedDict()
        self._seen: OrderedDict[int, None] = OrderedDict()

    def find(self, key: str) -> Session | None:
        """Return the session under *key*."""
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def put(self, key: str, session: Session) -> list[Open]:
        """Remember a session the server has shown to know; return calls given up for it."""
        self._known[key] = session
        if len(self._known) <= MAX_SESSIONS:
            return []
        return self._known.popitem(last=False)[1].take_all()

    def drop(self, key: str) -> list[Open]:
        """Forget a session that has ended; return the calls that will have no reply."""
        found = self._known.pop(key, None)
        return found.take_all() if found is not None else []

    def drop_all(self) -> list[Open]:
        """Forget every session; return the calls that will have no reply."""
        return [call for key in list(self._known) for call in self.drop(key)]

    def is_new(self, key: str, event: str) -> bool:
        """Return whether an event of a session comes for the first time, and remember it."""
        seen = hash((key, event))
        if seen in self._seen:
            self._seen.move_to_end(seen)
            return False
        self._seen[seen] = None
        if len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)
        return True
