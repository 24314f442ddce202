"""The public suite finds in a server, through `indelible proxy`, what it finds there directly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.proxied import proxy
from tests.conformance.suite import count, reference_server, run, served, server
from tests.hostile.session import calls, query, verify

NOW, BEFORE = "2026-07-28", "2025-11-25"
LEGS = [
    ("v2", "0.1", "", 44),
    ("v2", "0.2", BEFORE, 84),
    ("v2", "0.2", NOW, 152),
    ("v2", "0.2", "", 200),  # with the extensions, some of which no SDK has yet
    ("v1", "0.1", "", 44),
    ("v1", "0.2", BEFORE, 84),
    ("v1", "0.2", NOW, 40),  # a revision it does not speak: its refusals have to pass too
]
"""SDK, suite, revision (all of them where none is named), and how many checks must succeed."""


@pytest.mark.requirement("proxy.conformance-servers")
@pytest.mark.parametrize(("sdk", "version", "revision", "floor"), LEGS)
def test_the_suite_finds_the_same_in_a_server_through_the_proxy(
    sdk: str, version: str, revision: str, floor: int, tmp_path: Path
) -> None:
    chosen = ["--suite", "all", *(["--spec-version", revision] if revision else [])]
    state = tmp_path / "state"
    with server(sdk, tmp_path / "direct.txt") as origin:
        direct = run(version, "server", "--url", f"{origin}/mcp", *chosen, into=tmp_path / "direct")
    with (
        server(sdk, tmp_path / "served.txt") as origin,
        proxy(origin, "--state", str(state)) as before_it,
    ):
        through = run(
            version, "server", "--url", f"{before_it}/mcp", *chosen, into=tmp_path / "through"
        )

    assert (direct - through, through - direct) == (Counter(), Counter())
    assert count(through, "SUCCESS") >= floor
    called = served(tmp_path / "served.txt")
    recorded = Counter(entry["tool"] for entry in calls(state))
    assert called - recorded == Counter()
    assert verify(state) == 0


@pytest.mark.requirement("proxy.reference-server")
@pytest.mark.parametrize(
    ("version", "revision", "floor"), [("0.1", "", 10), ("0.2", BEFORE, 40), ("0.2", NOW, 10)]
)
def test_a_typescript_server_fails_in_the_same_ways_through_the_proxy(
    version: str, revision: str, floor: int, tmp_path: Path
) -> None:
    chosen = ["--suite", "all", *(["--spec-version", revision] if revision else [])]
    state = tmp_path / "state"
    with reference_server(tmp_path / "direct.txt") as origin:
        url = f"{origin}/mcp"
        direct = run(version, "server", "--url", url, *chosen, into=tmp_path / "direct")
    with (
        reference_server(tmp_path / "behind.txt") as origin,
        proxy(origin, "--state", str(state)) as before_it,
    ):
        url = f"{before_it}/mcp"
        through = run(version, "server", "--url", url, *chosen, into=tmp_path / "through")

    assert (direct - through, through - direct) == (Counter(), Counter())
    assert count(through, "SUCCESS") >= floor
    assert query(state)
    assert verify(state) == 0
