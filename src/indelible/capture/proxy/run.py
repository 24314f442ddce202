"""The proxy put together: listeners, upstream servers, records; and its end."""

from __future__ import annotations

import asyncio
import gc
import itertools
import signal
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from indelible.capture.assemble import Emitter, open_emitter
from indelible.capture.caller import Caller
from indelible.capture.calls import Tools
from indelible.capture.http_calls import seam
from indelible.capture.process import clock_us, own_usage
from indelible.capture.proxy.callers import Callers
from indelible.capture.proxy.dialogue import Recording, ServerSaid
from indelible.capture.proxy.health import Health
from indelible.capture.proxy.options import (
    BODY_S,
    DRAIN_S,
    MAX_HEADERS,
    address_of,
    check_reach,
    checked,
    origin_of,
)
from indelible.capture.proxy.request import Room, Settings
from indelible.capture.proxy.server import Front, Listener
from indelible.capture.proxy.sessions import Sessions
from indelible.capture.proxy.upstream import Upstream
from indelible.capture.setup import Setup, rules_of
from indelible.capture.verifier import Verifier, verifier_of
from indelible.config.sections import IdentitySection, ProxyRule
from indelible.errors import UsageError
from indelible.model.event import Origin, ServerExit, ServerStart

YOUNG = 20_000
"""Objects made before the youngest are looked through: a call makes hundreds, and keeps none."""


class Served(NamedTuple):
    """One upstream server, being served."""

    front: Front
    listener: Listener
    upstream: Upstream
    emitter: Emitter
    verifier: Verifier | None


def run(
    proxies: Sequence[ProxyRule], setup: Setup, warn: Callable[[str], None], *, health: str | None
) -> int:
    """Serve until a signal ends it; return the exit code.

    Args:
        health: Where ``/livez`` and ``/readyz`` are answered, if anywhere.

    Raises:
        UsageError: If it cannot listen, or not so.
    """
    loop_factory = None
    with suppress(ImportError):
        import uvloop  # noqa: PLC0415 — half the time of the loop; not everywhere installed

        loop_factory = uvloop.new_event_loop
    gc.set_threshold(YOUNG)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(_serve(proxies, setup, warn, health))


async def _serve(
    proxies: Sequence[ProxyRule], setup: Setup, warn: Callable[[str], None], health: str | None
) -> int:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stopped, number)
    running: list[Served] = []
    told: Listener | None = None
    ended_by = 0
    try:
        for rule in proxies:
            running.append(await _start(checked(rule), setup, warn))
        if health is not None:
            told = await _answer_health(health, setup, stopped, warn)
        gc.collect()
        gc.freeze()  # what start-up made stays: collections need not walk it
        ended_by = await stopped
    finally:
        await _end(running, ended_by)
        if told is not None:  # until now it has said that we are stopping
            await told.close()
    return 0


def _stop(stopped: asyncio.Future[int], number: int) -> None:
    if stopped.done():
        signal.signal(number, signal.SIG_DFL)  # asked twice: at once
        signal.raise_signal(number)
    else:
        stopped.set_result(number)


async def _answer_health(
    address: str, setup: Setup, stopped: asyncio.Future[int], warn: Callable[[str], None]
) -> Listener:
    host, _ = address_of(address)
    check_reach(host, has_tls=False, allows_plain_http=False)
    answers = Health(setup.state, stopped.done)
    listener = Listener(answers, max_header_bytes=8_190, max_headers=MAX_HEADERS, warn=warn)
    await _listen(listener, address, None)
    shown_host, shown_port = listener.addresses[0]
    warn(f"/livez and /readyz are answered on {shown_host}:{shown_port}")
    return listener


async def _listen(listener: Listener, address: str, tls: ssl.SSLContext | None) -> None:
    host, port = address_of(address)
    try:
        await listener.start(host, port, tls)
    except OSError as error:
        why = f"cannot listen on {address}: {error.strerror or error}"
        raise UsageError(why, hint="another program may be listening there") from error


async def _start(rule: ProxyRule, setup: Setup, warn: Callable[[str], None]) -> Served:
    assert rule.upstream is not None
    assert rule.listen is not None
    origin = origin_of(rule.upstream)
    host, _ = address_of(rule.listen)
    tls = server_tls(rule)
    check_reach(host, has_tls=tls is not None, allows_plain_http=rule.allow_plain_http)
    upstream_tls = client_tls(rule) if origin.scheme == "https" else None
    authority = origin.host_port_subcomponent or ""
    name = rule.name or setup.server or authority
    verifier = verifier_of(_identity(setup), warn)
    emitter, recording = _recording(name, rule.upstream, setup, warn)
    upstream = Upstream(origin, tls=upstream_tls, connect_s=float(rule.connect_timeout))
    settings = Settings(
        host=authority.encode("ascii") if rule.host == "upstream" else None,
        max_body_bytes=rule.max_body,
        body_s=BODY_S,
        room=Room(),
    )
    front = Front(
        recording, upstream, settings, max_streams=rule.max_streams, verifier=verifier, warn=warn
    )
    listener = Listener(front, max_header_bytes=rule.max_header, max_headers=MAX_HEADERS, warn=warn)
    running = Served(front, listener, upstream, emitter, verifier)
    try:
        await _listen(listener, rule.listen, tls)
    except UsageError:
        await _end([running], 0)
        raise
    shown_host, shown_port = listener.addresses[0]
    scheme = "https" if tls is not None else "http"
    shown_host = f"[{shown_host}]" if ":" in shown_host else shown_host
    warn(f"listening on {scheme}://{shown_host}:{shown_port} for {rule.upstream}")
    return running


def _recording(
    name: str, upstream: str, setup: Setup, warn: Callable[[str], None]
) -> tuple[Emitter, Recording]:
    """Return what records one server's traffic, begun."""
    emitter = open_emitter(
        setup.state,
        Origin(name, "http", "proxy", setup.version),
        policy=setup.policy,
        warn=warn,
        rules=rules_of(setup, name, warn),
    )
    emitter.recorder.keep([ServerStart(clock_us(), ["proxy", upstream])])
    emitter.start()
    section = _identity(setup)
    caller = Caller(emitter.recorder, section, setup.state, warn)
    recording = Recording(
        emitter.recorder,
        caller,
        Callers(caller.identity, section),
        seam(emitter.recorder, caller.identity, "unknown"),
        Tools(),
        itertools.count(),
        Sessions(),
        ServerSaid(),
    )
    return emitter, recording


async def _end(running: list[Served], number: int) -> None:
    """Accept nothing more, let calls end, and close the record."""
    for one in running:
        one.front.is_stopping = True
        one.listener.stop_accepting()
    await asyncio.gather(*(one.front.drain(DRAIN_S) for one in running))
    for one in running:
        await one.listener.close()
        await one.upstream.close()
        if one.verifier is not None:
            await one.verifier.close()
        end = ServerExit(clock_us(), None if number else 1, number or None, own_usage())
        one.emitter.recorder.keep([end])
        one.emitter.close()
        one.emitter.drain()


def _identity(setup: Setup) -> IdentitySection:
    return setup.loaded.config.identity if setup.loaded else IdentitySection()


def server_tls(rule: ProxyRule) -> ssl.SSLContext | None:
    """Return the TLS settings for clients; None where there is no certificate.

    Raises:
        UsageError: If the files cannot be used.
    """
    if rule.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _load(context, rule.tls_cert, rule.tls_key)
    return context


def client_tls(rule: ProxyRule) -> ssl.SSLContext:
    """Return the TLS settings for the upstream server.

    Raises:
        UsageError: If the files cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=rule.upstream_ca)
    except (OSError, ssl.SSLError) as error:
        why = f"cannot use {rule.upstream_ca}: {error.strerror or error}"
        raise UsageError(why, hint="give certificates in PEM form") from error
    context.set_alpn_protocols(["http/1.1"])
    if rule.upstream_cert is not None:
        _load(context, rule.upstream_cert, rule.upstream_key)
    return context


def _load(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        why = f"cannot use {certificate}: {error.strerror or error}"
        raise UsageError(why, hint="give certificate and key in PEM form") from error
