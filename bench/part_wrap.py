"""`wrap` against the bare server, and against a relay that only copies bytes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from bench import cpu
from bench.figures import Figure, Sample, figure, orders, ratios
from bench.setting import ECHO, RELAY, Setting
from bench.stdio_peer import SdkPeer, StdioPeer

CONTENDERS = ("direct", "bytes", "wrap")
Peer = Callable[[list[str], dict[str, str]], SdkPeer | StdioPeer]
PEERS: tuple[tuple[str, Peer], ...] = (("SDK client", SdkPeer), ("raw client", StdioPeer))


def run(setting: Setting) -> list[Figure]:
    """Measure with both clients, free and on one CPU; a quick run leaves out the former."""
    places = [True] if setting.pin or setting.quick else [False, True]
    found: list[Figure] = []
    for client, peer in PEERS:
        for pinned in places:
            with cpu.on_one_cpu(pinned and cpu.can_pin()):
                samples = _compare(setting, peer, f"{client}-{pinned}".replace(" ", "-"))
            where = "one CPU" if pinned and cpu.can_pin() else "free"
            found += _figures(f"{client}, {where}", samples)
    return found


def _compare(setting: Setting, peer: Peer, state: str) -> dict[str, list[Sample]]:
    """Return the samples of each contender, taken by turns from sessions open side by side."""
    commands = {"direct": ECHO, "bytes": RELAY, "wrap": setting.wrap(state)}
    samples: dict[str, list[Sample]] = {name: [] for name in CONTENDERS}
    with ExitStack() as stack:
        peers = {
            name: stack.enter_context(peer(command, setting.environment()))
            for name, command in commands.items()
        }
        for one in peers.values():
            one.measure(setting.scale(300, 100))
        for order in orders(CONTENDERS, setting.scale(12, 5)):
            for name in order:
                samples[name].append(peers[name].measure(setting.scale(200, 60)))
    return samples


def _figures(label: str, samples: dict[str, list[Sample]]) -> list[Figure]:
    cpus = {name: [one.cpu_us for one in many] for name, many in samples.items()}
    walls = {name: [one.wall_us for one in many] for name, many in samples.items()}
    found = []
    for name in CONTENDERS:
        found.append(figure("wrap", f"{label}: {name}, CPU", "µs/call", cpus[name]))
    for name in CONTENDERS[1:]:
        for what, taken in (("CPU", cpus), ("wall", walls)):
            over = ratios(taken[name], taken["direct"])
            found.append(figure("wrap", f"{label}: {name} / direct, {what}", "x", over))
    return found
