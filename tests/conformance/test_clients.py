"""The public suite finds in a client, with `indelible proxy` in between, what it finds alone."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.suite import count, run
from tests.hostile.session import query, verify

NOW, BEFORE = "2026-07-28", "2025-11-25"
SCENARIOS = [
    ("0.1", "", "initialize", 1),
    ("0.1", "", "tools_call", 1),
    ("0.1", "", "elicitation-sep1034-client-defaults", 5),
    ("0.2", BEFORE, "sse-retry", 2),
    ("0.2", BEFORE, "tools_call", 2),
    ("0.2", BEFORE, "auth/2025-03-26-oauth-endpoint-fallback", 0),
    ("0.2", BEFORE, "auth/scope-step-up", 20),
    ("0.2", NOW, "tools_call", 2),
    ("0.2", NOW, "request-metadata", 6),
    ("0.2", NOW, "sep-2322-client-request-state", 5),
    ("0.2", NOW, "http-standard-headers", 9),
    ("0.2", NOW, "http-custom-headers", 18),
    ("0.2", NOW, "http-invalid-tool-headers", 12),
    ("0.2", NOW, "json-schema-2020-12-preservation", 9),
    ("0.2", NOW, "auth/metadata-default", 18),
]
"""Suite, revision, scenario, and how many checks must succeed; `make conformance` runs all."""


def command(module: str) -> str:
    return f"{sys.executable} -m tests.conformance.{module}"


@pytest.mark.requirement("proxy.conformance-clients")
@pytest.mark.parametrize(("version", "revision", "scenario", "floor"), SCENARIOS)
def test_the_suite_finds_the_same_in_a_client_behind_the_proxy(
    version: str, revision: str, scenario: str, floor: int, tmp_path: Path
) -> None:
    chosen = ["--scenario", scenario, *(["--spec-version", revision] if revision else [])]
    state = tmp_path / "state"
    direct, through = (
        run(
            version,
            "client",
            "--command",
            command(module),
            *chosen,
            into=tmp_path / module,
            INDELIBLE_STATE_DIR=str(state),
        )
        for module in ("client", "proxied")
    )

    assert (direct - through, through - direct) == (Counter(), Counter())
    assert count(through, "SUCCESS") >= floor
    assert query(state)
    assert verify(state) == 0
