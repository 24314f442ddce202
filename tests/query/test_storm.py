"""Emitters, collectors and readers at once, killed at random: every row is right."""

from __future__ import annotations

import os

import pytest

from indelible.capture.process import clock_us
from indelible.seal.verify import Verdict
from indelible.store.check import check
from tests.query.storming import READERS, Storm

TURNS = 4
"""Of each kind of reader and of the collectors, at least."""
KILLS = 7


@pytest.mark.requirement("trail.storm")
def test_readers_in_a_storm_of_writers_collections_and_kills_see_no_wrong_row(tmp_path):
    storm = Storm(tmp_path / "state")
    try:
        for kind in ("emit", "emit", "emit", "collect", "collect", *READERS):
            storm.start(kind)
        storm.until(
            lambda: (
                storm.kills.total() == KILLS
                and all(storm.turns[kind] >= TURNS for kind in ("collect", *READERS))
            ),
            kill_every=3,
            kills=KILLS,
        )
        storm.end()
    finally:
        storm.abort()
    found = storm.settle()
    assert len(found) >= sum(storm.kept.values()) > 0
    assert storm.kills.total() == KILLS
    report = check(storm.state, user=os.geteuid(), now_us=clock_us())
    assert report.verdict is Verdict.INTACT, report.findings
