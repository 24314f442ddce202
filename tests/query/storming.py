"""A storm: emitters write, collectors run, readers read, and all of them are killed.

It is driven by what happens: each turn of a reader lets every emitter make some calls
more. So it ends after so many turns, however quick the machine is.
"""

from __future__ import annotations

import os
import random
import selectors
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from indelible.query.filter import Filter
from indelible.query.trail import Trail
from indelible.store.state import State, resolve
from tests.query.storm_roles import EVERY, Seen, calls, check_whole

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
READERS = ("page", "sql", "tail", "export")


@dataclass
class Role:
    """One process of the storm."""

    kind: str
    name: str
    process: subprocess.Popen[bytes]
    rest: bytes = b""
    """Of its output: what is no whole line yet."""


@dataclass
class Storm:
    """Processes around one state; `turn` until there was enough, then `end` and `settle`.

    Args:
        root: The state.

        seed: Of what is killed, and when.

        grant: Calls that each emitter makes at each turn of somebody else.
    """

    root: Path
    seed: int = 1
    grant: int = 4
    kept: dict[str, int] = field(default_factory=dict)
    """How many calls each emitter told of."""
    killed: set[str] = field(default_factory=set)
    """Emitters that were killed."""
    turns: Counter[str] = field(default_factory=Counter)
    """Of collectors and readers, by kind."""
    kills: Counter[str] = field(default_factory=Counter)
    latencies_ns: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._selector = selectors.DefaultSelector()
        self._roles: list[Role] = []
        self._emitters = 0
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def state(self) -> State:
        return resolve(self.root, {"HOME": str(self.root.parent)})

    def start(self, kind: str) -> Role:
        """Start a process; an emitter is a new one each time, under a name of its own."""
        name = ""
        if kind == "emit":
            self._emitters += 1
            name = f"e{self._emitters}"
            self.kept[name] = 0
        words = [sys.executable, "-m", "tests.query.storm_roles", kind, str(self.root)]
        process = subprocess.Popen(
            [*words, name] if name else words,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=ENVIRONMENT, cwd=ROOT,
        )  # fmt: skip
        role = Role(kind, name, process)
        self._roles.append(role)
        self._selector.register(process.stdout, selectors.EVENT_READ, role)  # type: ignore[arg-type]
        if kind == "emit":
            self.allow(role, self.grant)
        return role

    def allow(self, emitter: Role, more: int) -> None:
        """Let an emitter make some calls more."""
        assert emitter.process.stdin is not None
        os.write(emitter.process.stdin.fileno(), f"{more}\n".encode())

    def turn(self, timeout_s: float | None = None, *, allowing: bool = True) -> None:
        """Wait for something to happen; take note of it, and let it have its consequences."""
        for key, _ in self._selector.select(timeout_s):
            role: Role = key.data
            if role not in self._roles:
                continue
            for line in self._read(role):
                if role.kind == "emit":
                    number, taken = map(int, line.split())
                    assert number == self.kept[role.name]
                    self.kept[role.name] += 1
                    self.latencies_ns.append(taken)
                else:
                    self.turns[role.kind] += 1
                    # A collector that finds the lock held takes turns faster than anybody reads.
                    if allowing and role.kind in READERS:
                        self.allow_all(self.grant)

    def allow_all(self, more: int) -> None:
        for one in self._roles:
            if one.kind == "emit":
                self.allow(one, more)

    def kill_one(self) -> None:
        """Kill whatever the dice say, and start another in its place."""
        role = self._dice.choice(self._roles)
        self.kills[role.kind] += 1
        self._kill(role)
        self.start(role.kind)

    def until(self, enough: Callable[[], bool], *, kill_every: int, kills: int) -> None:
        """Let it rage until there was *enough*; kill something after so many turns of readers.

        Args:
            kills: How many at most: who is killed at once reads nothing.
        """
        seen = 0
        while not enough():
            self.turn()
            read = sum(self.turns[kind] for kind in READERS)
            if read >= seen + kill_every and self.kills.total() < kills:
                seen = read
                self.kill_one()

    def end(self) -> None:
        """Kill who writes, and let who reads come to an end; fails if a reader failed."""
        for role in list(self._roles):
            if role.kind in ("emit", "collect"):
                self._kill(role)
        for role in list(self._roles):
            self._finish(role)

    def abort(self) -> None:
        """Kill all that runs."""
        for role in list(self._roles):
            self._kill(role)

    def settle(self) -> Seen:
        """Collect what is left; return all calls, each of which is what was recorded."""
        from indelible.capture.process import clock_us
        from indelible.collect.once import collect_once

        collect_once(self.state, user=os.geteuid(), clock_us=clock_us, random=os.urandom)
        trail = Trail.open(self.state, os.geteuid(), clock_us=clock_us)
        found = calls(trail.page(Filter(), limit=EVERY).entries)
        trail.close()
        self._check(found)
        return found

    def _check(self, found: Seen) -> None:
        """Fail unless all that was told of is there, and nobody else's end is unknown."""
        check_whole(found)
        for name, count in self.kept.items():
            for number in range(count):
                assert found[name, number] in ("ok", "error"), (name, number)
        unknown = Counter(name for (name, _), outcome in found.items() if outcome == "unknown")
        assert unknown.keys() <= self.killed
        assert set(unknown.values()) <= {1}
        assert None not in found.values()

    def _read(self, role: Role) -> list[bytes]:
        assert role.process.stdout is not None
        data = os.read(role.process.stdout.fileno(), 1 << 16)
        if not data:
            assert role.process.stderr is not None
            said = role.process.stderr.read().decode()
            raise AssertionError(f"{role.kind} {role.name} ended: {said}")
        *lines, role.rest = (role.rest + data).split(b"\n")
        return lines

    def _kill(self, role: Role) -> None:
        role.process.kill()
        assert role.process.stdout is not None
        self._selector.unregister(role.process.stdout)
        rest, said = role.process.communicate()
        self._roles.remove(role)
        if role.kind == "emit":
            # What it had told of before it was killed is kept, heard or not.
            whole = (role.rest + rest).count(b"\n")
            self.kept[role.name] += whole
            self.killed.add(role.name)
        assert not said, said.decode()

    def _finish(self, role: Role) -> None:
        assert role.process.stdout is not None
        self._selector.unregister(role.process.stdout)
        self._roles.remove(role)
        _, said = role.process.communicate()
        assert role.process.returncode == 0, said.decode()
