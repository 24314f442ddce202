"""A thousand honest histories, kills and all: no false alarm, nothing lost, nothing twice."""

from __future__ import annotations

import contextlib
import random

import pytest

from indelible import durable
from indelible.collect import batch
from indelible.seal.verify import Verdict
from tests.collect.emitters import Disk, Emitter, House, KilledError
from tests.crash.test_kill_at_every_step import check_complete

HISTORIES = 1000
HOUR_US = 3_600_000_000


def act(house: House, live: list[Emitter], dice: random.Random) -> bool:
    """Do one thing that happens; return whether it loses a number."""
    if not live or dice.random() < 0.2:
        live.append(house.emitter())
    one = dice.choice(live)
    for _ in range(dice.randint(0, 4)):
        one.received()
        if dice.random() < 0.8:
            one.completed()
    what = dice.random()
    if what < 0.1:
        one.roll()
    elif what < 0.3:
        if dice.random() < 0.5:
            one.raw(b"IND1\0\0\x02\0" + dice.randbytes(dice.randint(0, 40)))
        one.end()
        live.remove(one)
    elif what < 0.33:
        one.skip(dice.randint(1, 3))
        one.received()
        return True
    elif what < 0.4:
        # Clocks are set forward, and back.
        house.clock.now_us += dice.choice([-3, 1, 30]) * HOUR_US
    return False


def collect(house: House, dice: random.Random, patch: pytest.MonkeyPatch) -> None:
    kill = dice.randint(1, 45) if dice.random() < 0.4 else None
    patch.setattr(durable, "os", Disk(kill, dice=dice))
    with contextlib.suppress(KilledError):
        house.collect()
    if dice.random() < 0.3:
        assert house.verify().verdict is not Verdict.TAMPERED


@pytest.mark.requirement("verify.no-false-alarm")
def test_no_honest_history_raises_an_alarm(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "MAX_RECORDS", 5)
    for seed in range(HISTORIES):
        dice = random.Random(seed)
        directory = tmp_path / str(seed)
        directory.mkdir()
        house = House(directory, seed, roll_bytes=dice.choice([500, 3000, 8 << 20]))
        live: list[Emitter] = []
        lossy = False
        for _ in range(dice.randint(1, 6)):
            lossy |= act(house, live, dice)
            if dice.random() < 0.5:
                collect(house, dice, monkeypatch)
        monkeypatch.setattr(durable, "os", Disk())
        house.collect()
        check_complete(house)
        report = house.verify()
        expected = Verdict.INCOMPLETE if lossy else Verdict.INTACT
        assert report.verdict is expected, (seed, report.findings)
        assert report.unsealed == 0
        house.close()
        house.collect()
        check_complete(house)
        assert not any(house.paths.spool.iterdir())
        assert house.verify().verdict is expected, seed
