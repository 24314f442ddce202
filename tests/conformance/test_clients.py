"""The public suite finds in a client, with `indelible proxy` in between, what it finds alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.suite import Findings, client, count
from tests.hostile.session import query, verify

NOW, BEFORE = "2026-07-28", "2025-11-25"
SCENARIOS = [
    ("0.1", "", "initialize", 1),
    ("0.1", "", "tools_call", 1),
    ("0.1", "", "elicitation-sep1034-client-defaults", 5),
    ("0.2", BEFORE, "sse-retry", 2),
    ("0.2", BEFORE, "tools_call", 2),
    ("0.2", NOW, "tools_call", 2),
    ("0.2", NOW, "request-metadata", 6),
    ("0.2", NOW, "sep-2322-client-request-state", 5),
    ("0.2", NOW, "http-standard-headers", 9),
    ("0.2", NOW, "http-custom-headers", 18),
    ("0.2", NOW, "http-invalid-tool-headers", 12),
    ("0.2", NOW, "json-schema-2020-12-preservation", 9),
]
"""Suite, revision, scenario, and how many checks must succeed; `make conformance` runs all."""
SIGNING_IN = [
    ("0.1", "", "auth/2025-03-26-oauth-endpoint-fallback", 7),
    ("0.2", BEFORE, "auth/scope-step-up", 20),
    ("0.2", NOW, "auth/metadata-default", 18),
]
"""As above. The client dials the server's address; that is where the proxy has to stand."""


def both(version: str, revision: str, scenario: str, behind: str, scratch: Path) -> list[Findings]:
    """Return what is found in the client alone, and in it behind the proxy."""
    chosen = ["--scenario", scenario, *(["--spec-version", revision] if revision else [])]
    return [client(version, module, *chosen, scratch=scratch) for module in ("client", behind)]


@pytest.mark.requirement("proxy.conformance-clients", "proxy.conformance-oauth")
@pytest.mark.parametrize(("version", "revision", "scenario", "floor"), SCENARIOS + SIGNING_IN)
def test_the_suite_finds_the_same_in_a_client_behind_the_proxy(
    version: str, revision: str, scenario: str, floor: int, tmp_path: Path
) -> None:
    direct, through = both(version, revision, scenario, "proxied", tmp_path)

    assert (direct - through, through - direct) == (Counter(), Counter())
    assert count(through, "SUCCESS") >= floor
    assert query(tmp_path / "state")
    assert verify(tmp_path / "state") == 0


@pytest.mark.requirement("proxy.conformance-oauth")
def test_a_client_signs_in_nowhere_but_at_the_address_the_server_says_it_has(
    tmp_path: Path,
) -> None:
    """RFC 9728, section 3.3: the resource must be the one that was asked."""
    scenario = ("0.2", "2026-07-28", "auth/metadata-default")
    direct, through = both(*scenario, "proxied elsewhere", tmp_path)

    lost = {check for _, check, _, status in direct - through if status == "SUCCESS"}
    assert "prm-pathbased-requested" not in lost, "the metadata did pass"
    assert {"authorization-request", "valid-bearer-token"} <= lost
