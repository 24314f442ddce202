"""Every key there is: one frozen dataclass for each part of the program.

To add a section: write its dataclass, and name it in `Config`. Reading, environment
variables, `config show`, the schema and the reference page follow from here.
"""
# ruff: noqa: RUF009 — the calls declare, they make nothing that is shared

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from indelible.config.kinds import (
    Flag,
    Kind,
    OneOf,
    Several,
    Text,
    Whole,
    absolute_path,
    header_name,
    member_path,
    network,
    secure_url,
)

Level = Literal["none", "metadata", "args", "result"]
Results = Literal["none", "summary", "redacted"]
Action = Literal["refuse", "spool", "proceed"]
DeclaredEffect = Literal["read", "write", "destructive"]

LEVELS = OneOf(("none", "metadata", "args", "result"))
RESULTS = OneOf(("none", "summary", "redacted"))
ACTIONS = OneOf(("refuse", "spool", "proceed"))
EFFECTS = OneOf(("read", "write", "destructive"))
SOURCES = OneOf(("token", "api-key", "header", "os-user"))
HEADER = Text("name of an HTTP header", header_name, longest=128)
CLAIM = Text("name of a claim", longest=128)
SECURE_URL = Text("https URL", secure_url)
FILE = Text("absolute path", absolute_path)
UNVERIFIED = OneOf(("claims", "fingerprint", "ignore"))
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Signatures only: with a shared secret, whoever can check a token could have made it."""

_Section = TypeVar("_Section")


def key(default: Any, kind: Kind, says: str, *, variable: str = "") -> Any:
    """Declare one key.

    Args:
        default: None where it may be left out and nothing takes its place.

        kind: What it may hold.

        says: Its line in the reference.

        variable: A further environment variable, weaker than the one it has anyway.
    """
    return field(default=default, metadata={"kind": kind, "says": says, "variable": variable})


def part(section: type[_Section], says: str) -> _Section:
    """Declare a table with keys of its own."""
    made: _Section = field(default_factory=section, metadata={"section": section, "says": says})
    return made


@dataclass(frozen=True, slots=True)
class StateSection:
    """Where records are kept."""

    directory: str | None = key(
        None,
        Text("absolute path", absolute_path),
        "The state directory. Without it: the XDG state directory.",
        variable="INDELIBLE_STATE_DIR",
    )


@dataclass(frozen=True, slots=True)
class CaptureSection:
    """How much is recorded of a call, by what the call may do."""

    read: Level = key("result", LEVELS, "Of what only reads.")
    write: Level = key("result", LEVELS, "Of what changes something.")
    destructive: Level = key("result", LEVELS, "Of what may destroy.")
    undeclared: Level = key(
        "result", LEVELS, "Of tools that do not say what they do, and of notifications."
    )
    results: Results | None = key(
        None,
        RESULTS,
        "What is kept of a result at level `result`. Without it: `redacted` of destructive calls, `summary` of all others.",  # noqa: E501
    )


@dataclass(frozen=True, slots=True)
class FailureSection:
    """What becomes of a call whose record cannot be kept."""

    profile: Literal["dev", "compliance"] = key(
        "dev", OneOf(("dev", "compliance")), "What holds where the four keys below say nothing."
    )
    read: Action | None = key(None, ACTIONS, "Of what only reads.")
    write: Action | None = key(None, ACTIONS, "Of what changes something.")
    destructive: Action | None = key(None, ACTIONS, "Of what may destroy.")
    undeclared: Action | None = key(None, ACTIONS, "Of tools that do not say what they do.")
    keep: Literal["os"] = key(
        "os",
        OneOf(("os",), later=("disk", "ack")),
        "When a record counts as kept: `os` once the system has it.",
    )


@dataclass(frozen=True, slots=True)
class ServerSection:
    """What records say of the server."""

    name: str | None = key(
        None,
        Text("text", longest=128),
        "Its name. Without it: from the command, or what the server calls itself.",
    )
    version: str | None = key(
        None,
        Text("text", longest=64),
        "`serverVersion` of every call. Without it: what the server declares.",
    )


@dataclass(frozen=True, slots=True)
class ClaimsSection:
    """Which claim of a verified token says what."""

    id: str = key("sub", CLAIM, "`actor.id`")
    issuer: str = key("iss", CLAIM, "`actor.issuer`")
    client_id: str = key("client_id", CLAIM, "`actor.clientId`")
    name: str = key("name", CLAIM, "`actor.name`")
    tenant: str | None = key(None, CLAIM, "`actor.tenant`")


@dataclass(frozen=True, slots=True)
class HeadersSection:
    """Which header, set by a trusted proxy or by the client, says what."""

    id: str | None = key(None, HEADER, "`actor.id`")
    name: str | None = key(None, HEADER, "`actor.name`")
    tenant: str | None = key(None, HEADER, "`actor.tenant`")
    api_key: str | None = key(
        None, HEADER, "Holds an API key, of which only a keyed fingerprint is recorded."
    )
    forwarded_for: str = key(
        "x-forwarded-for", HEADER, "Where a trusted proxy puts the client's address."
    )


@dataclass(frozen=True, slots=True)
class VerifierSection:
    """How `indelible proxy` checks the tokens that pass."""

    issuer: str | None = key(
        None, SECURE_URL, "Who must have issued a token; its metadata says where its keys are."
    )
    jwks_url: str | None = key(
        None, SECURE_URL, "Where its keys are (JWKS). Without it: where the metadata says."
    )
    introspection_url: str | None = key(
        None, SECURE_URL, "Where to ask about tokens that are no JWT (RFC 7662)."
    )
    introspection_client: str | None = key(
        None, Text("client id", longest=256), "As whom to ask there."
    )
    introspection_secret_file: str | None = key(
        None, FILE, "Holds its secret. Without it: the variable `INDELIBLE_INTROSPECTION_SECRET`."
    )
    audience: tuple[str, ...] = key(
        (),
        Several(Text("resource URLs", longest=512)),
        "Whom a token must be for: any of these (`aud`, RFC 8707).",
    )
    any_audience: bool = key(
        False,  # noqa: FBT003
        Flag(),
        "Whether a token may be for anybody. Without it and `audience` none is verified.",
    )
    algorithms: tuple[str, ...] = key(
        ALGORITHMS, Several(OneOf(ALGORITHMS)), "By which a token may be signed."
    )
    leeway: int = key(60, Whole(0, 600, "seconds"), "By how much clocks may differ.")
    timeout: int = key(5, Whole(1, 30, "seconds"), "How long a request waits for the issuer.")
    cache: int = key(
        60, Whole(1, 3_600, "seconds"), "How long an answer about a token holds, yes or no."
    )
    ca: str | None = key(
        None, FILE, "Whom to believe that it is the issuer (PEM). Without it: the system's."
    )


@dataclass(frozen=True, slots=True)
class IdentitySection:
    """Who asked: where that is looked for."""

    actor: tuple[str, ...] = key(
        ("token", "os-user"), Several(SOURCES), "Where from, in this order; the first that answers."
    )
    trusted_proxies: tuple[str, ...] = key(
        (),
        Several(Text("networks (CIDR)", network, longest=64)),
        "Only from these are forwarding and identity headers believed.",
    )
    unverified_token: Literal["claims", "fingerprint", "ignore"] = key(
        "claims",
        UNVERIFIED,
        "What a bearer token that nobody checked is taken for, where no source answers: what it says, as `asserted`, or a keyed fingerprint.",  # noqa: E501
    )
    claims: ClaimsSection = part(ClaimsSection, "Which claim of a verified token says what.")
    headers: HeadersSection = part(HeadersSection, "Which HTTP header says what.")
    verifier: VerifierSection = part(VerifierSection, "How the proxy checks tokens.")


@dataclass(frozen=True, slots=True)
class ToolRule:
    """What holds for the tools whose name a pattern matches."""

    glob: str
    effect: DeclaredEffect | None = key(
        None, EFFECTS, "What the tool may do, whatever it says of itself."
    )
    level: Level | None = key(None, LEVELS, "As in `[capture]`.")
    result: Results | None = key(None, RESULTS, "As `results` in `[capture]`.")
    failure: Action | None = key(None, ACTIONS, "As in `[failure]`.")
    target: str | None = key(
        None,
        Text("text like `{args.path}`", member_path, longest=256),
        "Which argument says what the call was done to.",
    )


GLOB = Text("pattern", longest=256)
MAX_ROWS = 1_000


PROXY_NAME = Text("name", longest=128)
ADDRESS = Text("HOST:PORT", longest=300)


@dataclass(frozen=True, slots=True)
class ProxyRule:
    """One HTTP server before which `indelible proxy` stands."""

    name: str
    upstream: str | None = key(None, Text("URL"), "The server: scheme, host and port.")
    listen: str | None = key(None, ADDRESS, "Where its clients come.")
    host: Literal["client", "upstream"] = key(
        "client", OneOf(("client", "upstream")), "Whose `Host` header the server gets."
    )
    tls_cert: str | None = key(None, FILE, "Certificate for clients (PEM), with its chain.")
    tls_key: str | None = key(None, FILE, "Its key (PEM).")
    upstream_ca: str | None = key(
        None, FILE, "Whom to believe that it is the server (PEM). Without it: the system's."
    )
    upstream_cert: str | None = key(None, FILE, "Certificate to show to the server (PEM).")
    upstream_key: str | None = key(None, FILE, "Its key (PEM).")
    allow_plain_http: bool = key(
        False,  # noqa: FBT003
        Flag(),
        "Whether to listen beyond this machine without TLS.",
    )
    max_body: int = key(64 << 20, Whole(1 << 10, 1 << 40, "bytes"), "Of a request; else 413.")
    max_header: int = key(
        16_384, Whole(1 << 10, 1 << 20, "bytes"), "Of a line of a request's head; else 431."
    )
    max_streams: int = key(10_000, Whole(1, 1 << 20), "Requests at a time; else 503.")
    connect_timeout: int = key(
        10, Whole(1, 3_600, "seconds"), "How long to wait for a connection to the server."
    )


@dataclass(frozen=True, slots=True)
class Config:
    """The effective configuration: what holds, wherever it is from."""

    state: StateSection = part(StateSection, "Where records are kept.")
    capture: CaptureSection = part(CaptureSection, "How much is recorded of a call, by its effect.")
    failure: FailureSection = part(FailureSection, "What becomes of calls that cannot be recorded.")
    server: ServerSection = part(ServerSection, "What records say of the server.")
    identity: IdentitySection = part(IdentitySection, "Who asked: where that is looked for.")
    tools: tuple[ToolRule, ...] = field(
        default=(),
        metadata={
            "rows": ToolRule,
            "named": GLOB,
            "says": "What holds for the tools whose name matches a pattern.",
        },
    )
    proxy: tuple[ProxyRule, ...] = field(
        default=(),
        metadata={
            "rows": ProxyRule,
            "named": PROXY_NAME,
            "says": "HTTP servers before which `indelible proxy` stands.",
        },
    )
