"""Calls as a company's servers see them, the same for the same seed; standard library only.

Three layers, each of use alone:

- `TOOLS`: what the calls of each tool look like; a template makes one set of arguments.
- `Traffic`: draws calls as plain tuples (`Seen`), some microseconds each: who called
  which tool where and when, with what arguments, and how it ended.
- `events` and `record`: a `Seen` as what an observer hands on, fed through Recorders,
  one for each server.

40 tools (Zipf 0.9), 2,000 actors (Zipf 1.05), 24 servers, 3 % errors, a load that
follows the hours of the day. Numbers are in the templates, not in an option each.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.texts import PROSE
from indelible.capture.policy import PROFILES
from indelible.capture.process import CLASS
from indelible.capture.recorder import Recorder
from indelible.deliver.spool import Spool
from indelible.model.canonical import Json
from indelible.model.event import (
    Actor,
    Completed,
    Connection,
    Effect,
    ErrorType,
    Origin,
    Outcome,
    Received,
)
from indelible.redact.record import Redactor
from indelible.redact.walk import scrubber

START_US = 1_790_000_000_000_000
"""2026-09-21T14:13:20Z."""

ACTORS, SERVERS = 2_000, 24
ERRORS = 0.03
MASKED = 0.3
"""Share of the changes to a record in whose note a redactor finds something."""
CALLS_PER_S = 2.0
SESSION_CALLS = 20
"""An actor's session on a server ends after about so many calls."""

_HOUR_US = 3_600_000_000
LOAD = (2, 1, 1, 1, 1, 2, 4, 8, 14, 18, 19, 18, 15, 17, 19, 18, 16, 12, 8, 6, 5, 4, 3, 2)
"""Share of the calls by hour of the day (UTC)."""
_DRAWN = 1_024
"""Weighted choices drawn at a time."""

_WORDS = tuple(sorted({word.strip(",;") for text in PROSE for word in text.split()}))
_DIRECTORIES = tuple(
    f"/srv/{team}/{area}/{year}"
    for team in ("billing", "crm", "data", "infra", "legal", "shop")
    for area in ("exports", "reports", "src", "tickets")
    for year in (2024, 2025, 2026)
)
_FILES = ("index", "summary", "orders", "customers", "readme", "config", "main", "notes", "invoice")
_SUFFIXES = (".md", ".csv", ".py", ".json", ".txt", ".pdf")
_TABLES = ("orders", "customers", "invoices", "tickets", "events", "payments", "shipments")
_COLUMNS = ("id", "status", "total", "created_at", "region", "owner_id", "updated_at", "priority")
_HOSTS = ("api.example.com", "docs.example.org", "wiki.example.net", "status.example.com")
_REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "ap-south-1")
_STATES = ("open", "closed", "pending", "review")
_TEAMS = ("sales", "support", "platform", "finance", "legal")


# Templates: each takes a source of randomness and returns the arguments of one call.


def _hex(dice: random.Random, digits: int) -> str:
    return f"{dice.getrandbits(4 * digits):0{digits}x}"


def _uuid(dice: random.Random) -> str:
    text = _hex(dice, 32)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _path(dice: random.Random) -> str:
    name = f"{dice.choice(_FILES)}-{dice.randrange(400)}{dice.choice(_SUFFIXES)}"
    return f"{dice.choice(_DIRECTORIES)}/{name}"


def _phrase(dice: random.Random, words: int) -> str:
    return " ".join(dice.choices(_WORDS, k=words))


def file_args(dice: random.Random) -> dict[str, Json]:
    """Return a path, and which lines of it."""
    return {"path": _path(dice), "offset": dice.randrange(0, 4000, 50), "limit": 200}


def write_args(dice: random.Random) -> dict[str, Json]:
    """Return a path and what to write there: a paragraph."""
    return {"path": _path(dice), "content": _phrase(dice, dice.randint(10, 60)), "mode": "replace"}


def sql_args(dice: random.Random) -> dict[str, Json]:
    """Return a query."""
    table, columns = dice.choice(_TABLES), dice.sample(_COLUMNS, 3)
    where = f"{columns[0]} > {dice.randrange(100_000)} AND status = '{dice.choice(_STATES)}'"
    order = f"ORDER BY {columns[1]} DESC LIMIT {dice.choice((10, 50, 100))}"
    query = f"SELECT {', '.join(columns)} FROM {table} WHERE {where} {order}"
    return {"query": query, "database": f"{dice.choice(_TEAMS)}_prod"}


def url_args(dice: random.Random) -> dict[str, Json]:
    """Return a URL with a query, and how much of it to fetch."""
    url = f"https://{dice.choice(_HOSTS)}/v2/{dice.choice(_TABLES)}/{dice.randrange(90_000)}"
    return {"url": f"{url}?page={dice.randrange(40)}&sort=desc", "max_bytes": 65_536}


def search_args(dice: random.Random) -> dict[str, Json]:
    """Return words to look for, and filters."""
    filters: dict[str, Json] = {"team": dice.choice(_TEAMS), "state": dice.choice(_STATES)}
    return {"query": _phrase(dice, dice.randint(2, 7)), "filters": filters, "limit": 25}


def record_args(dice: random.Random) -> dict[str, Json]:
    """Return the id of a record, and the fields of it that are wanted."""
    fields: list[Json] = [*dice.sample(_COLUMNS, dice.randint(1, 4))]
    return {"id": _uuid(dice), "fields": fields}


def change_args(dice: random.Random) -> dict[str, Json]:
    """Return the id of a record, and what to change in it."""
    changes: dict[str, Json] = {"status": dice.choice(_STATES), "total": dice.randrange(10**6)}
    note = dice.choice(PROSE)
    if dice.random() < MASKED:
        note = f"{note}, as {dice.choice(_WORDS)}{dice.randrange(900)}@example.com asked"
    return {"customer_id": dice.randrange(10**6), "changes": changes, "note": note}


def gone_args(dice: random.Random) -> dict[str, Json]:
    """Return what to delete, and where it is."""
    path = f"/scratch/{dice.choice(_TEAMS)}-{_hex(dice, 10)}"
    return {"path": path, "region": dice.choice(_REGIONS)}


def message_args(dice: random.Random) -> dict[str, Json]:
    """Return a message to somebody."""
    to = f"#{dice.choice(_TEAMS)}-{dice.choice(_STATES)}"
    return {"to": to, "text": f"{dice.choice(PROSE)}: {_phrase(dice, 6)}", "silent": False}


def commit_args(dice: random.Random) -> dict[str, Json]:
    """Return a repository and a commit in it."""
    return {"repo": f"{dice.choice(_TEAMS)}/{dice.choice(_TABLES)}", "sha": _hex(dice, 40)}


class Tool(NamedTuple):
    """A tool of the population."""

    name: str
    effect: Effect
    args: Callable[[random.Random], dict[str, Json]]


_VERBS: tuple[tuple[str, Effect, Callable[[random.Random], dict[str, Json]]], ...] = (
    ("read_file", "read", file_args),
    ("query", "read", sql_args),
    ("search", "read", search_args),
    ("get_record", "read", record_args),
    ("fetch_url", "read", url_args),
    ("update_record", "write", change_args),
    ("send_email", "write", message_args),
    ("write_file", "write", write_args),
    ("show_commit", "read", commit_args),
    ("delete_file", "destructive", gone_args),
)
TOOLS = tuple(
    Tool(f"{prefix}{name}", effect, args)
    for prefix in ("", "crm_", "wiki_", "ops_")
    for name, effect, args in _VERBS
)
"""40, the most used first."""

_ERRORS = (
    (ErrorType.TOOL_ERROR, "not found: {}"),
    (ErrorType.TOOL_ERROR, "permission denied for {}"),
    (ErrorType.RPC_ERROR, "invalid params: {} is not of type 'integer'"),
    (ErrorType.TIMEOUT, "no answer from {} within 30 s"),
)


class Seen(NamedTuple):
    """One call, as plain values."""

    number: int
    at_us: int
    server: int
    actor: int
    session: str
    tool: Tool
    args: dict[str, Json]
    duration_us: int
    result_bytes: int
    error_type: ErrorType | None
    error: str | None

    @property
    def server_name(self) -> str:
        """As the operator calls it."""
        return f"{_TEAMS[self.server % len(_TEAMS)]}-{self.server:02d}"

    @property
    def server_version(self) -> str:
        """As the server declares it."""
        return f"{1 + self.server % 4}.{self.server % 7}.0"

    @property
    def actor_id(self) -> str:
        """An account's name."""
        return f"user{self.actor:04d}"

    @property
    def actor_ip(self) -> str:
        """The same address each time."""
        return f"10.{self.actor % 7}.{self.actor // 250}.{1 + self.actor % 250}"


class Traffic:
    """An endless run of calls; two with the same seed are the same.

    Args:
        seed: Decides everything.

        start_us: When the first call is made: microseconds since 1970.

        calls_per_s: Mean over a day.
    """

    def __init__(
        self, seed: int = 1, *, start_us: int = START_US, calls_per_s: float = CALLS_PER_S
    ) -> None:
        self._dice = random.Random(seed)
        self._at_us = float(start_us)
        self._gap_us = 1e6 / calls_per_s * sum(LOAD) / len(LOAD)
        self._number = 0
        self._sessions: dict[tuple[int, int], str] = {}
        self._tools = self._choices(len(TOOLS), 0.9)
        self._actors = self._choices(ACTORS, 1.05)

    def _choices(self, count: int, exponent: float) -> Iterator[int]:
        """Yield ranks, the lower the more often, by Zipf's law."""
        weights = [1 / rank**exponent for rank in range(1, count + 1)]
        cumulative = list(itertools.accumulate(weights))
        ranks = range(count)
        while True:
            yield from self._dice.choices(ranks, cum_weights=cumulative, k=_DRAWN)

    def __iter__(self) -> Iterator[Seen]:
        return self

    def __next__(self) -> Seen:
        """Draw the next call."""
        dice = self._dice
        hour = int(self._at_us // _HOUR_US % 24)
        self._at_us += dice.expovariate(1) * self._gap_us / LOAD[hour]
        tool, actor = TOOLS[next(self._tools)], next(self._actors)
        # An actor uses few servers: its own three.
        server = (actor * 7 + dice.randrange(3) * 5) % SERVERS
        error_type, error = None, None
        if dice.random() < ERRORS:
            error_type, text = dice.choice(_ERRORS)
            error = text.format(dice.choice(_TABLES))
        self._number += 1
        return Seen(
            self._number,
            int(self._at_us),
            server,
            actor,
            self._session(actor, server),
            tool,
            tool.args(dice),
            int(dice.lognormvariate(10.5, 1.2)),
            0 if error else int(dice.lognormvariate(6.5, 1.0)) + 60,
            error_type,
            error,
        )

    def _session(self, actor: int, server: int) -> str:
        key = actor, server
        if key not in self._sessions or self._dice.random() < 1 / SESSION_CALLS:
            self._sessions[key] = _hex(self._dice, 32)
        return self._sessions[key]


def connection(seen: Seen) -> Connection:
    """Return the connection that a call came over."""
    actor = Actor(seen.actor_id, "verified", issuer="https://id.example.com", ip=seen.actor_ip)
    return Connection(
        actor=actor,
        client={"name": "desk", "version": f"3.{seen.actor % 5}.1"},
        session=(seen.session, "mcp-session-id"),
        server_version=seen.server_version,
        protocol_version="2025-11-25",
        transport="http",
    )


def events(seen: Seen, over: Connection) -> tuple[Received, Completed]:
    """Return what an observer hands on of a call: its beginning and its end."""
    received = Received(
        number=seen.number,
        at_us=seen.at_us,
        direction="client",
        method="tools/call",
        jsonrpc_id=seen.number % 1000,
        tool=seen.tool.name,
        tool_registered=True,
        args=dict(seen.args),
        args_bytes=len(str(seen.args)) + 60,
        effect=seen.tool.effect,
        effect_source="annotation",
        connection=over,
    )
    completed = Completed(
        seen.number,
        Outcome.ERROR if seen.error else Outcome.OK,
        error_type=seen.error_type,
        error=seen.error,
        result={"content": [{"type": "text", "text": ""}]},
        result_bytes=seen.result_bytes,
        duration_us=seen.duration_us,
    )
    return received, completed


class Fleet:
    """A Recorder for each server, all spooling into one state; their clock is the traffic's."""

    def __init__(self, state: Path) -> None:
        self.now_us = START_US
        """When the last call ended."""
        self._state = state
        self._cleaner = scrubber()
        self._cleaner.load()
        self._recorders: dict[int, Recorder] = {}
        self._connections: dict[tuple[int, str], Connection] = {}

    def record(self, calls: Iterable[Seen]) -> int:
        """Record calls, each whole before the next; return how many."""
        count = 0
        for seen in calls:
            recorder = self._recorders.get(seen.server) or self._recorder(seen)
            key = seen.actor, seen.session
            over = self._connections.get(key)
            if over is None:
                over = self._connections[key] = connection(seen)
            received, completed = events(seen, over)
            self.now_us = seen.at_us + seen.duration_us
            recorder.keep([received])
            recorder.keep([completed])
            count += 1
        return count

    def close(self) -> None:
        """End all recorders; nobody collects by himself what they left."""
        for one in self._recorders.values():
            one.close()
        self._recorders.clear()

    def _recorder(self, seen: Seen) -> Recorder:
        spool = Spool(
            self._state / "spool" / CLASS, clock_us=lambda: self.now_us, on_roll=lambda: None
        )
        made = Recorder(
            Redactor(self._cleaner, Origin(seen.server_name, "http", "sdk")),
            spool,
            policy=PROFILES["dev"],
            reserve=self._state / "reserve",
            clock_us=lambda: self.now_us,
            warn=print,
        )
        return self._recorders.setdefault(seen.server, made)
