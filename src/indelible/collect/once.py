"""`collect --once`: seal what the spools hold, unless somebody else is at it.

The lock comes first. What seals is imported only once it is held: a collector that
finds the log busy costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from indelible.collect.report import Collected
from indelible.errors import StateError
from indelible.store import lock, spools
from indelible.store.state import LogPaths, State, check_owner, prepare_log

ROLL_BYTES = 8 << 20
"""A segment of this size or more is closed and compressed."""


def collect_once(
    state: State,
    *,
    user: int,
    clock_us: Callable[[], int],
    random: Callable[[int], bytes],
    roll_bytes: int = ROLL_BYTES,
) -> list[Collected]:
    """Seal what the spools of every retention class hold; return what was done.

    A class whose log another process holds is left to that process, which is told
    to look again (`Collected.ran` is then false).

    Args:
        user: The effective uid; it must own the state, and every spool file.

        clock_us: Returns microseconds since 1970.

        random: Returns that many random bytes.

        roll_bytes: A segment of this size or more is closed and compressed, if it was not sooner.

    Raises:
        TamperedError: If what is stored differs from what was signed.

        StateError: If the state is missing, not *user*'s, or cannot be written now.
    """
    check_owner(state, user)
    results = []
    for name in state.classes():
        paths = state.log(name)
        if not paths.directory.is_dir() and not spools.list_parts(paths.spool):
            continue
        try:
            results.append(
                _collect(
                    state, paths, user=user, clock_us=clock_us, random=random, roll_bytes=roll_bytes
                )
            )
        except OSError as exc:
            raise StateError(
                f"cannot seal the log {name!r}: {exc}",
                hint="Nothing is lost; put it right and run `indelible collect --once` again.",
            ) from exc
    return results


def _collect(
    state: State,
    paths: LogPaths,
    *,
    user: int,
    clock_us: Callable[[], int],
    random: Callable[[int], bytes],
    roll_bytes: int,
) -> Collected:
    prepare_log(state, paths.name)
    total = Collected(paths.name)

    def work() -> None:
        from indelible.collect import index  # noqa: PLC0415  lock before heavy imports
        from indelible.collect.ingest import Ingest  # noqa: PLC0415  as above

        run = Ingest(
            state, paths.name, user=user, clock_us=clock_us, random=random, roll_bytes=roll_bytes
        )
        result = run.run()
        # A crash from here on leaves a log that is whole, and a copy that lags behind.
        result.copy_failed = index.keep_up(paths, clock_us())
        total.add(result)

    lock.run_exclusively(paths, work)
    return total
