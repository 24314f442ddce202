"""What a power cut can leave of an unsynced write: any of its sectors, at any size.

In process, over the scanner alone, so that tens of thousands of states cost seconds.
"""

from __future__ import annotations

import random

import pytest

from indelible.seal.merkle import Frontier
from indelible.seal.segment import COLLECTOR, Scanner, encode_batch, leaf_line

SECTOR = 512


class SimulatedFile:
    """Bytes that are durable, and bytes that are only in the page cache."""

    def __init__(self) -> None:
        self.durable = b""
        self.cache = b""

    def sync(self) -> None:
        self.durable = self.cache

    def crash(self, dice: random.Random, size: int) -> bytes:
        """Any subset of the unsynced sectors reached the disk; holes read as zeros."""
        out = bytearray(self.durable[:size].ljust(size, b"\0"))
        likely = dice.choice([0.1, 0.5, 0.9])
        for at in range(len(self.durable) // SECTOR * SECTOR, size, SECTOR):
            if dice.random() < likely:
                end = min(at + SECTOR, size)
                out[at:end] = self.cache[at:end]
        return bytes(out)


def scan(data: bytes):
    scanner = Scanner(data, Frontier())
    size = 0
    for one in scanner.batches():
        size = one.size
    return size, scanner.tail


def write_batch(file: SimulatedFile, frontier: Frontier, dice: random.Random) -> None:
    lines = [
        leaf_line(b'{"pad":"%s"}' % (b"x" * dice.randint(50, 900)), COLLECTOR, 0)
        for _ in range(dice.choice([1, 3, 9]))
    ]
    file.cache += encode_batch(lines, frontier)


def states(count: int, *, sync: bool):
    """Yield what is on the disk after a crash, and how many leaves were acknowledged."""
    dice = random.Random(1)
    done = 0
    while done < count:
        file, frontier, acked = SimulatedFile(), Frontier(), 0
        for _ in range(dice.randint(1, 6)):
            write_batch(file, frontier, dice)
            low, high = len(file.durable), len(file.cache)
            for size in (low, dice.randint(low, high), dice.randint(low, high), high):
                done += 1
                yield file.crash(dice, size), acked
            if sync:
                file.sync()
            acked = frontier.size


@pytest.mark.requirement("seal.torn-tail")
def test_no_acknowledged_leaf_is_lost_and_no_crash_looks_like_tampering():
    torn = 0
    for data, acked in states(20_000, sync=True):
        size, tail = scan(data)
        assert size >= acked
        assert tail is None or tail.torn
        torn += tail is not None
    assert torn > 5_000


@pytest.mark.requirement("seal.commit-lines")
def test_the_enumeration_finds_a_writer_that_does_not_sync():
    lost = sum(scan(data)[0] < acked for data, acked in states(2_000, sync=False))
    assert lost > 500


def test_damage_before_the_last_batch_is_never_taken_for_a_crash():
    dice = random.Random(2)
    for _ in range(3_000):
        file, frontier = SimulatedFile(), Frontier()
        ends = []
        for _ in range(dice.randint(2, 5)):
            write_batch(file, frontier, dice)
            ends.append(len(file.cache))
        data = bytearray(file.cache)
        at = dice.randrange(ends[-2])
        data[at] ^= 1 << dice.randrange(8)
        size, tail = scan(bytes(data))
        assert size < frontier.size
        assert tail is not None
        assert not tail.torn
        assert tail.start <= at
