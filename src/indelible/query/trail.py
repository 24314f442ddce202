"""What is kept, open for questions: pages, counts, groups, SQL.

Answers come from the query copies and from what they do not cover yet, and are those
that the log itself gives (`query.search`), only sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from indelible.errors import IndelibleError, UsageError
from indelible.model.canonical import format_time, is_uuid7, uuid7_time
from indelible.model.flat import Fields, text
from indelible.query import guard, views
from indelible.query.compile import Where, compile_filter
from indelible.query.engine import Engine, GoneError, Rows
from indelible.query.fields import ALIASES, FIELDS, Kind
from indelible.query.filter import Filter
from indelible.query.named import MAX_FOUND, Wanted
from indelible.query.pages import Cursor, Group, Page, Table
from indelible.query.snapshot import Sealed, Stack, Tables, branches, by_stack
from indelible.query.walk import EVERYTHING, Place, place_of, walk
from indelible.store.index.columns import to_entry
from indelible.store.state import State

STRETCH = 5000
"""Entries that `scan` gives at a time."""
_NEAR_US = 3_600_000_000
"""How far the clock of an id may be from that of its row, to be found at the first look."""
_TRIES = 50
_PERIODS = {"day": "%Y-%m-%d", "hour": "%Y-%m-%dT%H:00:00Z"}
"""What can be grouped by besides fields."""

_T = TypeVar("_T")


class Trail:
    """What is kept, open for questions. One snapshot; `refresh` takes the next.

    Of one thread at a time. Takes no lock and waits for none.
    """

    def __init__(self, state: State, user: int, clock_us: Callable[[], int]) -> None:
        self._state, self._user, self._clock_us = state, user, clock_us
        # Asked once: a class that turns up in between would be known, and could not be read.
        self._known = state.classes()
        self._engine = Engine([state.log(name).index for name in self._known])
        self._tables = Tables(self._engine)
        self._stacks: list[Stack] = []
        self._files: list[Sealed] = []
        self._has_views = False
        self.now_us = 0
        """When the snapshot was taken: what `now` means in filters and in SQL."""

    @classmethod
    def open(cls, state: State, user: int, *, clock_us: Callable[[], int]) -> Trail:
        """Return the trail of a state as it is now.

        Args:
            user: Owner of the state; spool files of others are not read.

            clock_us: Returns microseconds since 1970.

        Raises:
            FormatError: If the log or its copy cannot be read.

            StateError: If DuckDB is not installed.
        """
        trail = cls(state, user, clock_us)
        try:
            trail.refresh()
        except BaseException:
            trail.close()
            raise
        return trail

    def refresh(self) -> None:
        """Take the next snapshot; raises as `open` does."""
        if self._state.classes() != self._known:
            self._begin_again()
        self._stacks = self._tables.take(self._state, self._known, self._user)
        self._files = [file for stack in self._stacks for file in stack.files]
        self._has_views = False
        self.now_us = self._clock_us()

    def close(self) -> None:
        """Let go of it all."""
        self._engine.close()

    def page(
        self,
        wanted: Filter,
        *,
        limit: int,
        after: Cursor | None = None,
        oldest_first: bool = False,
    ) -> Page:
        """Return the entries that are *wanted*, newest first.

        Args:
            limit: How many at most.

            after: `Page.next` of the page before.

        Raises:
            FormatError: If the query copy cannot be read.
        """
        where = compile_filter(wanted, self.now_us)
        return self._answer(
            lambda: self._page(where, Place(limit, after, oldest_first=oldest_first))
        )

    def count(self, wanted: Filter) -> int:
        """Return how many entries are *wanted*; raises as `page` does."""
        where = compile_filter(wanted, self.now_us)
        return int(self._answer(lambda: self._rows("SELECT count(*)", where))[0][0])

    def groups(self, wanted: Filter, by: Sequence[str], limit: int) -> list[Group]:
        """Return the *wanted* entries by what they have in common, the largest group first.

        Args:
            by: Fields of the filter grammar whose values are text, or ``day`` or ``hour``.

            limit: How many groups at most.

        Raises:
            UsageError: If there is no such field.

            FormatError: If the query copy cannot be read.
        """
        names = [_group_expression(name) for name in by]
        keys = ", ".join(f"{name} AS key{at}" for at, name in enumerate(names))
        grouped = ", ".join(f"key{at}" for at in range(len(names)))
        head = (
            f"SELECT {f'{keys}, ' if keys else ''}count(*) AS calls, "
            "count(*) FILTER (WHERE outcome = 'error') AS errors, epoch_us(max(time)) AS latest"
        )
        tail = f"GROUP BY {grouped}" if keys else "HAVING count(*) > 0"
        tail += f" ORDER BY calls DESC, latest DESC{f', {grouped}' if keys else ''} LIMIT {limit:d}"
        where = compile_filter(wanted, self.now_us)
        found = self._answer(lambda: self._rows(head, where, tail))
        return [Group(row[:-3], row[-3], row[-2], format_time(row[-1])) for row in found]

    def sql(self, source: str, *, max_rows: int, timeout_s: float) -> Table:
        """Return the answer to one SELECT over `audit_log` and `audit_events`.

        Args:
            max_rows: How many rows at most.

            timeout_s: After how many seconds to give up.

        Raises:
            UsageError: If it is anything else, or is not understood.

            IndelibleError: If it takes too long, or more memory than there is.
        """

        def answer() -> Table:
            self._make_views()
            return guard.ask(self._engine, source, max_rows=max_rows, timeout_s=timeout_s)

        return self._answer(answer)

    def find(self, wanted_id: str) -> list[Fields]:
        """Return what an id names: one entry, or the calls that share a `requestId`.

        Args:
            wanted_id: A callId or recordId, a requestId, a prefix of one of these of
                eight characters or more, or the index of a leaf.

        Raises:
            UsageError: If it is too short.

            IndelibleError: If it names nothing, or several things.
        """
        if is_uuid7(wanted_id):
            made = uuid7_time(wanted_id)
            near = Where("call_id = ?", [wanted_id], made - _NEAR_US, made + _NEAR_US)
            everywhere = Where("call_id = ?", [wanted_id], None, None)
            for where in (near, everywhere):
                page = self._answer(partial(self._page, where, Place(1)))
                if page.entries:
                    return page.entries
        asked = Wanted.parse(wanted_id)
        where = _named(asked)
        page = self._answer(lambda: self._page(where, Place(MAX_FOUND)))
        return asked.choose(page.entries, more=page.next is not None)

    def previous(self, entry: Fields) -> Fields | None:
        """Return this actor's previous call of the same tool on the same server.

        Raises:
            FormatError: If the query copy cannot be read.
        """
        actor = entry.get("actor")
        asked = {
            "actor_id": text(actor, "id") if isinstance(actor, dict) else None,
            "actor_issuer": text(actor, "issuer") if isinstance(actor, dict) else None,
            "tool": text(entry, "tool"),
            "server": text(entry, "server"),
            "method": text(entry, "method"),
        }
        terms = [
            f"{name} IS NULL" if value is None else f"{name} = ?" for name, value in asked.items()
        ]
        values: list[object] = [value for value in asked.values() if value is not None]
        where = Where(" AND ".join(["kind = 'call'", *terms]), values, None, None)
        own = self._cursor_of(entry)
        if own is None:
            return None
        found = self._answer(lambda: self._page(where, Place(1, own)))
        return next(iter(found.entries), None)

    def scan(self, wanted: Filter) -> Iterator[list[Fields]]:
        """Yield all that is *wanted*, oldest first, some thousand entries at a time.

        Where the copy is replaced meanwhile it goes on after the last entry, in a new
        snapshot; raises as `page` does.
        """
        after: Cursor | None = None
        where = compile_filter(wanted, self.now_us)
        while True:
            place = Place(STRETCH, after, oldest_first=True)
            page = self._answer(partial(self._page, where, place))
            if page.entries:
                yield page.entries
            if page.next is None:
                return
            after = page.next

    def _begin_again(self) -> None:
        """Open another engine: what the present one may read was fixed when it began."""
        self._engine.close()
        self._known = self._state.classes()
        self._engine = Engine([self._state.log(name).index for name in self._known])
        self._tables = Tables(self._engine)

    def _answer(self, ask: Callable[[], _T]) -> _T:
        """Ask; where a file was replaced meanwhile, take another snapshot and ask that."""
        for _ in range(_TRIES):
            try:
                return ask()
            except GoneError:
                now_us = self.now_us
                self.refresh()
                # The question stays the same: "the last hour" is still that one.
                self.now_us = now_us
        raise IndelibleError("the query copy was replaced each time it was read", hint="Try again.")

    def _page(self, where: Where, place: Place) -> Page:
        hits = walk(self._engine, self._files, where, place, replaced=self._tables.any_replaced)
        logs = {stack.name: stack.log for stack in self._stacks}
        more = len(hits) > place.limit
        del hits[place.limit :]
        entries = [to_entry(hit[1:], logs[hit[0]]) for hit in hits]
        return Page(entries, place_of(hits[-1]) if more and hits else None)

    def _rows(self, head: str, where: Where, tail: str = "") -> Rows:
        """Return what a query over the rows of *where* gives."""
        return self._engine.rows(
            f"{head} FROM ({self._relation(where)}) WHERE {where.sql} {tail}", where.parameters
        )

    def _relation(self, where: Where = EVERYTHING) -> str:
        """Return the query for all rows, without the files that can have none of *where*."""
        files = [file for file in self._files if file.meets(where.from_us, where.to_us)]
        replaced = self._tables.any_replaced
        return branches(by_stack(files), hot=True, late=True, replaced=replaced)

    def _make_views(self) -> None:
        if self._has_views:
            return
        for statement in views.create_views(self._relation()):
            self._engine.run(statement)
        for statement in views.create_datetime(self.now_us):
            self._engine.run(statement)
        self._has_views = True

    def _cursor_of(self, entry: Fields) -> Cursor | None:
        """Return the place of an entry, or None where it is not (any more)."""
        found = self._answer(lambda: self._page_rows(_record(str(entry["recordId"]))))
        return place_of(found[0]) if found else None

    def _page_rows(self, where: Where) -> Rows:
        return walk(self._engine, self._files, where, Place(0), replaced=self._tables.any_replaced)


def _record(record_id: str) -> Where:
    """Return the condition on a recordId."""
    writer, _, seq = record_id.rpartition("/")
    number = int(seq) if seq.isascii() and seq.isdigit() and len(seq) < 19 else -1
    return Where("writer = ? AND seq = ?", [writer, number], None, None)


def _named(asked: Wanted) -> Where:
    """Return the condition that `Wanted.matches` is."""
    if asked.leaf is not None:
        leaf = asked.leaf
        ends = "leaf_end <> 0 AND coalesce(leaf, 0) + leaf_end = ?"
        return Where(f"(leaf = ? OR ({ends}))", [leaf, leaf], None, None)
    columns = ("call_id", "request_id", "writer || '/' || seq", "TRY(extra ->> '$.requestId')")
    sql = " OR ".join(f"starts_with({column}, ?)" for column in columns)
    return Where(f"({sql})", [asked.text] * len(columns), None, None)


def _group_expression(name: str) -> str:
    """Return the expression of what can be grouped by.

    Raises:
        UsageError: If it cannot be.
    """
    if name in _PERIODS:
        return f"strftime(time, '{_PERIODS[name]}')"
    field = FIELDS.get(ALIASES.get(name, name))
    if field is None or field.kind is not Kind.TEXT:
        known = [one for one, held in FIELDS.items() if held.kind is Kind.TEXT]
        raise UsageError(
            f"cannot group by {name!r}", hint=f"Group by one of: {', '.join([*known, *_PERIODS])}"
        )
    return field.columns[0]
