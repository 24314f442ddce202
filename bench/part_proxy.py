"""`indelible proxy` against the bare server, and against a proxy that only copies bytes."""

from __future__ import annotations

import contextlib
import statistics
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import product

from bench import cpu
from bench.figures import Figure, Sample, differences, figure, orders, ratios
from bench.http_peer import HttpPeer, Listening, SdkHttpPeer
from bench.setting import BYTE_PROXY, Setting

Peers = Mapping[str, HttpPeer | SdkHttpPeer]
Ways = dict[str, tuple[int, list[int]]]
"""Each contender's port, and the processes that are its."""
CONTENDERS = ("direct", "bytes", "proxy")
SSE = "SSE"
WIRES = ("JSON", SSE)
"""Of revision 2026-07-28, and of 2025-11-25 with a session."""
ECHO = [sys.executable, "-m", "bench.servers.echo_http"]
CANNED = [sys.executable, "-m", "bench.servers.canned_http"]
CALLS = 100_000
QUARTERS = 4
CHUNKS = 10
"""Chunks in a quarter: its median is theirs."""


def run(setting: Setting) -> list[Figure]:
    """Measure with both clients on both wires, free and on one CPU; a quick run not free."""
    places = [True] if setting.pin or setting.quick else [False, True]
    found: list[Figure] = []
    for pinned in places:
        with cpu.on_one_cpu(pinned and cpu.can_pin()), ExitStack() as stack:
            where = "one CPU" if pinned and cpu.can_pin() else "free"
            ways = _ways(setting, stack, f"proxy-{where.replace(' ', '-')}")
            for client, wire in product(("SDK client", "raw client"), WIRES):
                with _peers(setting, ways, client, is_legacy=wire == SSE) as peers:
                    found += _figures(f"{client}, {wire}, {where}", _compare(setting, peers))
    return found + _flat(setting)


def _ways(setting: Setting, stack: ExitStack, state: str) -> Ways:
    """Return each contender's port and processes; one and the same server is behind them all."""
    environment = setting.environment()
    server = stack.enter_context(Listening(ECHO, environment))
    bytes_only = stack.enter_context(Listening([*BYTE_PROXY, server.origin], environment))
    proxy = stack.enter_context(Listening(setting.proxy(server.origin, state), environment))
    return {
        "direct": (server.port, [server.pid]),
        "bytes": (bytes_only.port, [bytes_only.pid, server.pid]),
        "proxy": (proxy.port, [proxy.pid, server.pid]),
    }


@contextlib.contextmanager
def _peers(setting: Setting, ways: Ways, client: str, *, is_legacy: bool) -> Iterator[Peers]:
    """Open a connection to each contender."""
    environment = setting.environment()
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                HttpPeer(port, pids, is_legacy=is_legacy)
                if client == "raw client"
                else SdkHttpPeer(port, pids, environment, is_legacy=is_legacy)
            )
            for name, (port, pids) in ways.items()
        }


def _compare(setting: Setting, peers: Peers) -> dict[str, list[Sample]]:
    """Return the samples of each contender, taken by turns."""
    samples: dict[str, list[Sample]] = {name: [] for name in CONTENDERS}
    for one in peers.values():
        one.measure(setting.scale(300, 100))
    for order in orders(CONTENDERS, setting.scale(9, 5)):
        for name in order:
            samples[name].append(peers[name].measure(setting.scale(150, 60)))
    return samples


def _figures(label: str, samples: dict[str, list[Sample]]) -> list[Figure]:
    cpus = {name: [one.cpu_us for one in many] for name, many in samples.items()}
    walls = {name: [one.wall_us for one in many] for name, many in samples.items()}
    found = [
        figure("proxy", f"{label}: {name}, p25 wall", "µs/call", walls[name]) for name in CONTENDERS
    ]
    for what, taken in (("CPU", cpus), ("p25 wall", walls)):
        over = {name: ratios(taken[name], taken["direct"]) for name in CONTENDERS[1:]}
        for name, ratio in over.items():
            found.append(figure("proxy", f"{label}: {name} / direct, {what}", "x", ratio))
    more = differences(over["proxy"], over["bytes"])
    found.append(figure("proxy", f"{label}: the one less the other, p25 wall", "x", more))
    return found


def _flat(setting: Setting) -> list[Figure]:
    """Return whether a call costs the same after very many; only the proxy is counted."""
    size = setting.scale(CALLS, CALLS // 20) // QUARTERS // CHUNKS
    environment = setting.environment()
    with (
        cpu.on_one_cpu(cpu.can_pin()),
        Listening(CANNED, environment) as server,
        Listening(setting.proxy(server.origin, "proxy-flat"), environment) as proxy,
        HttpPeer(proxy.port, [proxy.pid]) as peer,
    ):
        peer.call(300)
        resident = [cpu.resident_mib(proxy.pid)]
        quarters = []
        for _ in range(QUARTERS):
            quarters.append([_chunk(peer, proxy.pid, size) for _ in range(CHUNKS)])
            resident.append(cpu.resident_mib(proxy.pid))
    found = [
        figure("proxy", f"proxy's own CPU, quarter {number}", "µs/call", quarter)
        for number, quarter in enumerate(quarters, 1)
    ]
    first = statistics.median(quarters[0])
    note = f"{size * CHUNKS * QUARTERS:,} calls; against the median of the first quarter"
    last = [one / first for one in quarters[-1]]
    found.append(figure("proxy", "last quarter / first quarter", "x", last, note))
    grown, at_end = resident[-1] - resident[0], f"{resident[-1]:.1f} at the end"
    found.append(figure("proxy", "proxy's memory, last - first", "MiB", [grown], at_end))
    return found


def _chunk(peer: HttpPeer, pid: int, size: int) -> float:
    before = cpu.cpu_s([pid])
    peer.call(size)
    return (cpu.cpu_s([pid]) - before) / size * 1e6
