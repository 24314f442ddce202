"""What was seen: unredacted, in memory only. Never written, never logged.

The two events of a call are named tuples: made with every call, and made in a
third of the time of a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Literal, NamedTuple

from indelible.model.canonical import Json

Effect = Literal["read", "write", "destructive", "undeclared"]
EffectSource = Literal["annotation", "method", "config", "none"]
Direction = Literal["client", "server"]
Transport = Literal["stdio", "http", "sse", "memory"]
CapturedBy = Literal["wrap", "sdk", "proxy"]
NoticeKind = Literal["notification", "stray", "closed"]
Provenance = Literal["verified", "asserted", "inherited", "unknown"]
ReadCommand = Literal["query", "sql", "show", "tail", "session", "export"]
ExportFormat = Literal["ndjson", "csv", "sqlite", "parquet"]


class Unreadable(Enum):
    """Stands for a value that was too large or too deep to be read: never kept raw."""

    TOO_LARGE = "too large"
    TOO_DEEP = "too deep"


class Outcome(StrEnum):
    """How a call ended."""

    OK = "ok"
    ERROR = "error"
    UNKNOWN = "unknown"


class ErrorType(StrEnum):
    """Why a call did not end well."""

    TOOL_ERROR = "tool_error"
    RPC_ERROR = "rpc_error"
    EXCEPTION = "exception"
    DENIED = "denied"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    ABANDONED = "abandoned"


class Delegate(NamedTuple):
    """One of those through whom a call came (RFC 8693 section 4.1)."""

    id: str
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked, as far as known, and how it is known."""

    id: str = "anonymous"
    provenance: Provenance = "unknown"
    name: str | None = None
    issuer: str | None = None
    client_id: str | None = None
    ip: str | None = None
    tenant: str | None = None
    chain: tuple[Delegate, ...] = ()
    """Who acts for this actor, the one who acts now first."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What is the same for every event of one emitter."""

    server: str
    transport: Transport
    captured_by: CapturedBy
    server_version: str | None = None
    """The server's version where the operator says it, whatever the server declares."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What is the same for every call on a connection, until a peer says more of itself."""

    actor: Actor = Actor()
    client: dict[str, Json] | None = None
    """Name and version as the client declares itself."""
    session: tuple[str, str] | None = None
    """Session id, and what it was derived from."""
    server_version: str = "unknown"
    protocol_version: str | None = None
    transport: Transport = "stdio"


class Instant(NamedTuple):
    """One moment on two clocks: microseconds since 1970, and monotonic microseconds."""

    wall_us: int
    monotonic_us: int


class Received(NamedTuple):
    """A request was seen; the tool has not run yet."""

    number: int
    """Counts the requests of one observer; joins a request and its `Completed`."""
    at_us: int
    """When it was received: microseconds since 1970."""
    direction: Direction
    method: str
    method_known: bool = True
    """Whether MCP defines the method; any other name is content."""
    jsonrpc_id: Json = None
    tool: str | None = None
    tool_registered: bool = False
    """Whether the server has listed a tool of this name before."""
    args: Json | Unreadable = None
    args_bytes: int | None = None
    """Size of the message as sent; None where the wire is not seen."""
    effect: Effect = "undeclared"
    effect_source: EffectSource = "none"
    connection: Connection = Connection()
    trace: str | None = None
    """W3C trace id; the correlation id where there is one."""
    level: Literal["metadata", "args", "result"] = "result"
    """How much of the call the operator wants kept; at ``metadata`` no arguments."""
    target: tuple[str, ...] | None = None
    """Where in the arguments it stands what is done to what, if the operator says so."""
    request_id: str | None = None
    """Correlation id as the client gave it; it may still be content."""
    has_odd_request_id: bool = False
    """Whether the client gave a correlation id that cannot be one."""
    state: str | None = None
    """Digest of the ``requestState`` that it brings back: which round before it goes on."""


class Completed(NamedTuple):
    """A request came to its end, or will never have one."""

    number: int
    outcome: Outcome
    error_type: ErrorType | None = None
    error: str | None = None
    result: Json | Unreadable = None
    result_bytes: int | None = None
    duration_us: int | None = None
    keep_result: bool = False
    """Whether the redacted result is kept, not only its shape."""
    state: str | None = None
    """Digest of the ``requestState`` that it asks to bring back: the call goes on with that."""


@dataclass(frozen=True, slots=True)
class Unparseable:
    """Bytes on the wire that are no JSON-RPC message; they were passed on as they are."""

    at_us: int
    direction: Direction
    text: bytes
    """The start of what was seen."""
    lines: int
    size_bytes: int


class Notice(NamedTuple):
    """A message that is no call: nobody answers it."""

    at_us: int
    kind: NoticeKind
    direction: Direction
    method: str | None
    content: Json
    """What a notification says, or a stray reply."""
    connection: Connection = Connection()
    jsonrpc_id: Json = None


class ToolsListed(NamedTuple):
    """A server lists other tools than it did, or lists them for the first time."""

    at_us: int
    connection: Connection
    digest: str
    """SHA-256 of the list."""
    hashes: dict[str, str]
    """SHA-256 of each definition, by the tool's name."""
    first: bool
    added: list[str]
    removed: list[str]
    changed: list[str]


@dataclass(frozen=True, slots=True)
class ServerStart:
    """A wrapped server is about to be started, or one with the hook begins to record."""

    at_us: int
    argv: list[str] = field(default_factory=list)


class Usage(NamedTuple):
    """What a process has used (getrusage(2))."""

    user_us: int
    system_us: int
    max_rss_bytes: int


@dataclass(frozen=True, slots=True)
class ServerExit:
    """A wrapped server has ended; or one with the hook is about to, nobody knows how yet."""

    at_us: int
    exit_code: int | None
    signal: int | None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Configured:
    """A configuration holds from now on."""

    at_us: int
    sha256: str
    """Of its values, in hex."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Somebody reads what is kept: whoever looks into the trail leaves a trace in it."""

    at_us: int
    command: ReadCommand
    actor: Actor
    words: str = ""
    """What was asked for, in the words of whoever asked."""
    rows: int | None = None
    """How many entries were found; None where they are put out as they are found."""
    format: ExportFormat | None = None
    target: str | None = None
    """The file that an export goes to."""


Event = (
    Received
    | Completed
    | Unparseable
    | Notice
    | ToolsListed
    | ServerStart
    | ServerExit
    | Configured
)
