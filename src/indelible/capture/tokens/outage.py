"""When an issuer may be asked again, and what the operator is told: each thing once."""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 5.0
MOST_S = 60.0


class Outage:
    """Whether an issuer answers.

    Args:
        what: What is asked, for the operator.

        warn: Told when it stops answering, and when it answers again.

        monotonic: The time.
    """

    def __init__(
        self, what: str, warn: Callable[[str], None], monotonic: Callable[[], float]
    ) -> None:
        self._what = what
        self._warn = warn
        self._monotonic = monotonic
        self._wait_s = 0.0
        self._again_at = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether it failed a short time ago, so that asking would only cost time."""
        return self._wait_s > 0 and self._monotonic() < self._again_at

    def failed(self, why: str) -> None:
        """Note that it gave no answer."""
        if not self._wait_s:
            self._warn(f"{self._what}: {why}; until it answers, actors are `asserted` at most")
        self._wait_s = min(max(2 * self._wait_s, FIRST_S), MOST_S)
        self._again_at = self._monotonic() + self._wait_s

    def answered(self) -> None:
        """Note that it answered."""
        if self._wait_s:
            self._warn(f"{self._what}: it answers again")
        self._wait_s = 0.0
