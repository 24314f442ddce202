"""What holds for every test: no unexpected skip in CI, no state outside the test's directory."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

ALLOWED_SKIPS = {
    "platform:": "another operating system, processor or Python than this one",
    "privilege:": "rights that CI need not have (root, mounting, namespaces)",
}
"""How the reason of a skip that CI accepts begins. Whatever can be installed is no reason."""

hypothesis.settings.register_profile(
    "house",
    deadline=None,  # two shared cores: a pause of the machine is no failure
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("house")


class Skips:
    """Collects what was skipped; in CI any skip without an allowed reason fails the run."""

    def __init__(self) -> None:
        self.unexpected: list[str] = []

    def _see(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped:
            return
        reason = getattr(report, "wasxfail", None)
        if reason is None:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            reason = reason.removeprefix("Skipped: ")
        if not reason.startswith(tuple(ALLOWED_SKIPS)):
            self.unexpected.append(f"{report.nodeid}: {reason or 'no reason'}")

    pytest_runtest_logreport = _see
    pytest_collectreport = _see

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.unexpected and session.exitstatus in (pytest.ExitCode.OK, 5):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.unexpected:
            terminalreporter.section("unexpected skips: these fail in CI")
            for line in self.unexpected:
                terminalreporter.line(line)


def pytest_configure(config: pytest.Config) -> None:
    on_worker = hasattr(config, "workerinput")
    if os.environ.get("CI") == "true" and not on_worker:
        config.pluginmanager.register(Skips())


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's real state out of reach, in this process and in its children."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("INDELIBLE_")]:
            patch.delenv(name)
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("xdg-state")))
        yield
