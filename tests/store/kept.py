"""A state with every kind of file, and how it stood after each of its collections."""

from __future__ import annotations

from pathlib import Path

from indelible.seal.verify import Verdict
from indelible.store import bodies, segments
from tests.collect.emitters import House, snapshot

DAY_US = 86_400_000_000


def pack(name: str, lines: bytes) -> bytes:
    """Return what the file of this name holds for *lines*."""
    if not name.endswith(".zst"):
        return lines
    return bodies.compress(lines) if "/bodies/" in name else segments.compress(lines)


def unpack(name: str, data: bytes) -> bytes:
    """Return the lines in a file of this name."""
    if not name.endswith(".zst"):
        return data
    return (bodies if "/bodies/" in name else segments).decompress(data, name)


def is_of_the_log(name: str) -> bool:
    """Whether the file is part of what is signed, and not a lock or a copy for queries."""
    return not name.endswith("/lock") and "/index/" not in name


class Kept:
    """A state that was collected several times, and how it stood after each."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.house = House(directory, roll_bytes=3000)
        self.copies: list[dict[str, bytes]] = []
        for number in range(4):
            one = self.house.emitter()
            for _ in range(3):
                one.call()
            one.received()
            if number == 1:
                one.raw(b"IND1\x00\x00\x01\x00torn")
            one.end()
            self.house.collect()
            self.house.clock.now_us += DAY_US
            self.copies.append(snapshot(directory))
        assert self.house.verify().verdict is Verdict.INTACT

    @property
    def files(self) -> dict[str, bytes]:
        return self.copies[-1]

    def restore(self, files: dict[str, bytes] | None = None, within: str = "") -> None:
        wanted = self.files if files is None else files
        for name in {*snapshot(self.directory), *wanted}:
            path = self.directory / name
            if not name.startswith(within):
                continue
            if name not in wanted:
                path.unlink()
            elif path.is_symlink() or not path.exists() or path.read_bytes() != wanted[name]:
                path.unlink(missing_ok=True)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(wanted[name])
                path.chmod(0o600)

    def label(self, name: str) -> str:
        inside = name.removeprefix("state/")
        return inside if inside != name else str(self.directory / name)
