"""``indelible proxy``: put every call to an HTTP server on record."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from indelible.capture.process import tell
from indelible.capture.setup import Setup, set_up
from indelible.cli.options import SUMMARIES, state_option
from indelible.cli.terminal import visible
from indelible.config.sections import ProxyRule
from indelible.errors import UsageError


@click.command(short_help=SUMMARIES["proxy"])
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--upstream", metavar="URL", help="The MCP server; paths pass as they are.")
@click.option("--listen", metavar="HOST:PORT", help="Where its clients come.")
@click.option(
    "--server", metavar="NAME", help="How records name it. [default: the URL's host and port]"
)
@click.option(
    "--host",
    type=click.Choice(["client", "upstream"]),
    help="Whose Host header the server gets. [default: client]",
)
@click.option("--tls-cert", metavar="FILE", help="Certificate for clients (PEM).")
@click.option("--tls-key", metavar="FILE", help="Its key (PEM).")
@click.option("--upstream-ca", metavar="FILE", help="Whom to believe that it is the server (PEM).")
@click.option("--upstream-cert", metavar="FILE", help="Certificate to show to the server (PEM).")
@click.option("--upstream-key", metavar="FILE", help="Its key (PEM).")
@click.option(
    "--connect-timeout",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="For a connection to it. [default: 10]",
)
@click.option(
    "--max-body",
    type=click.IntRange(1024),
    metavar="BYTES",
    help="Of a request. [default: 67108864]",
)
@click.option(
    "--max-header",
    type=click.IntRange(1024),
    metavar="BYTES",
    help="Of a header line. [default: 16384]",
)
@click.option(
    "--max-streams",
    type=click.IntRange(1),
    metavar="N",
    help="Requests at a time. [default: 10000]",
)
@click.option("--allow-plain-http", is_flag=True, help="Listen beyond this machine without TLS.")
@click.option("--health", metavar="HOST:PORT", help="Answer /livez and /readyz there.")
@click.option("--profile", metavar="NAME", help="dev or compliance, as in wrap.")
@click.option("--config", "config_file", metavar="FILE", help="The configuration.")
@state_option
def proxy(names: tuple[str, ...], state: Path | None, **given: Any) -> int:
    """Record what passes between MCP clients and an HTTP server.

    Any Streamable HTTP server in any language; bytes pass as they are. With no
    --upstream, the proxies that are configured are started, or those that are NAMEd.

    \b
      indelible proxy --upstream http://127.0.0.1:3001 --listen 127.0.0.1:8080
      indelible proxy --config /etc/indelible/indelible.toml
    """  # noqa: D301 — click wants the backspace itself
    try:
        from indelible.capture.proxy.run import run  # noqa: PLC0415 — an optional dependency
    except ImportError as error:
        raise UsageError(
            f"the proxy needs {error.name}", hint="pip install 'indelible[proxy]'"
        ) from error
    health, file, profile = (given.pop(name) for name in ("health", "config_file", "profile"))
    server = given.pop("server")
    setup = set_up(os.environ, config=file, state=state, server=server, profile=profile)
    return run(_rules(names, server, given, setup), setup, _warn, health=health)


def _rules(
    names: tuple[str, ...], server: str | None, given: dict[str, Any], setup: Setup
) -> list[ProxyRule]:
    """Return the proxies that the words ask for."""
    said = {name: value for name, value in given.items() if value}
    if "upstream" in said:
        return [ProxyRule(server or "", **said)]
    if said:
        raise UsageError("what is started by name is configured", hint="give --upstream URL too")
    known = {rule.name: rule for rule in setup.loaded.config.proxy} if setup.loaded else {}
    if missing := [name for name in names if name not in known]:
        there = ", ".join(known) or "none"
        raise UsageError(f"no proxy {missing[0]!r} is configured", hint=f"there is: {there}")
    if not known:
        raise UsageError("nothing to do", hint="give --upstream URL and --listen HOST:PORT")
    return [known[name] for name in names or known]


def _warn(text: str) -> None:
    tell(visible(text))
