"""What every reading command does first: find the state and seal what is new, if it may."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indelible.capture.reading import record_reading
from indelible.cli.terminal import colour, visible
from indelible.collect.once import collect_once
from indelible.collect.report import Collected
from indelible.errors import FormatError, StateError, TamperedError
from indelible.model.event import ExportFormat, ReadCommand
from indelible.query.trail import Trail
from indelible.store.state import State, resolve


@dataclass(frozen=True, slots=True)
class Place:
    """A state that is read: whose it is, and what the collection before reading met."""

    state: State
    user: int
    """Owner of the state; spool files of others are not read."""
    tampered: TamperedError | None = None
    hindered: str = ""
    """Why nothing could be sealed though it was ours to do, or empty."""
    writes: bool = True
    """Whether anything may be written: false with ``--no-collect``."""

    @property
    def exit_code(self) -> int:
        """What a command ends with that could read all the same."""
        return self.tampered.exit_code if self.tampered else 0

    @contextlib.contextmanager
    def reading(self) -> Iterator[State]:
        """Yield the state to read; what cannot be read leads the operator to `verify`.

        Raises:
            TamperedError: If a file cannot be read, and the collection met tampering.

            StateError: If a file cannot be read.
        """
        try:
            yield self.state
        except FormatError as error:
            if self.tampered:
                raise self.tampered from error
            if error.hint:
                # It is the query copy that is damaged, and `verify` does not look at that.
                raise StateError(str(error), hint=error.hint) from error
            raise StateError(f"the log cannot be read: {error}", hint="indelible verify") from error

    @contextlib.contextmanager
    def trail(self) -> Iterator[Trail]:
        """Yield what is kept, open for questions; raises as `reading` does."""
        with self.reading() as state:
            trail = Trail.open(state, self.user, clock_us=_clock_us)
            try:
                yield trail
            finally:
                trail.close()

    def put_on_record(
        self,
        command: ReadCommand,
        words: Sequence[str],
        rows: int | None,
        *,
        export_format: ExportFormat | None = None,
        target: str | None = None,
    ) -> None:
        """Leave a record of this reading, before all of the answer is out.

        Where that cannot be, it is said on stderr, and the answer comes all the same.
        """
        if not self.writes:
            return
        why = record_reading(
            self.state.root, command, words, rows, export_format=export_format, target=target
        )
        if why:
            note(why)


def fresh_place(argument: Path | None, *, sealing: bool = True) -> Place:
    """Return the state to read, after a collection where that is ours to do.

    It never waits: if another collection runs, what is sealed and the spools are
    read as they are. What hinders the collection is said on stderr and hinders
    no reader, tampering least of all.

    Args:
        sealing: Whether to collect at all; if not, nothing is written.

    Raises:
        StateError: If there is no state, or it cannot be read.

        TamperedError: If there is none, and a checkpoint outside tells of one.
    """
    state = find_state(argument)
    user = os.stat(state.root).st_uid
    lost = gone(state)
    if lost is not None:
        return Place(state, user, _said(lost), writes=False)
    if not sealing:
        return Place(state, user, writes=False)
    if user != os.geteuid():
        note(f"this state belongs to user {user}: reading only, nothing is sealed")
    elif not os.access(state.root, os.W_OK | os.X_OK):
        note("this state is read-only: nothing is sealed")
    elif unsigned := _without_key(state):
        hindered = f"cannot seal: no signing key at {str(unsigned)!r}"
        note(f"{hindered}; what is there is read")
        # A copy that is only to be read: not even that it was read is written to it.
        return Place(state, user, hindered=hindered, writes=False)
    else:
        return _sealed(state, user)
    return Place(state, user)


def find_state(argument: Path | None) -> State:
    """Return the state directory, which exists and can be read.

    Raises:
        StateError: If it does not, or cannot.

        TamperedError: If it does not, and a checkpoint outside tells of one.
    """
    state = resolve(argument, os.environ)
    if not state.root.is_dir():
        if lost := gone(state):
            raise lost
        raise StateError(
            f"no state directory at {str(state.root)!r}",
            hint="nothing was recorded here yet, or --state is wrong; try: indelible demo",
        )
    require_readable(state, os.stat(state.root).st_uid)
    return state


def collect(state: State) -> list[Collected]:
    """Seal what the spools hold, once; what `collect_once` raises is raised."""
    return collect_once(state, user=os.geteuid(), clock_us=_clock_us, random=os.urandom)


def gone(state: State) -> TamperedError | None:
    """Return what is wrong if a checkpoint outside tells of a log that is not here any more."""
    for name in sorted(set(state.classes_outside()) - set(state.classes())):
        return TamperedError(
            f"the log {name!r} is gone, though a checkpoint of it is kept outside",
            where=str(state.log(name).directory),
            hint="if --state is right, somebody took the log away; indelible verify says more",
        )
    return None


def _sealed(state: State, user: int) -> Place:
    try:
        collect(state)
    except TamperedError as error:
        return Place(state, user, _said(error))
    except (StateError, OSError) as error:
        hindered = f"nothing was sealed now: {error}"
        note(hindered)
        return Place(state, user, hindered=hindered)
    return Place(state, user)


def require_readable(state: State, user: int) -> None:
    """Refuse a state that others may not look into.

    Raises:
        StateError: If that is so.
    """
    if not os.access(state.root, os.R_OK | os.X_OK):
        raise StateError(
            f"no right to read the state at {str(state.root)!r}",
            hint=f"it belongs to user {user}: read it as that user, or give another --state",
        )


def _without_key(state: State) -> Path | None:
    """Return where the private key of a log should be that was sealed before and has none.

    A copy that is only to be read may go without. Whether it was taken from a log
    that is written to is for `verify` to say.
    """
    for name in state.classes():
        paths = state.log(name)
        if paths.checkpoint.exists() and paths.vkey.exists() and not paths.key.exists():
            return paths.key
    return None


def _said(error: TamperedError) -> TamperedError:
    """Say on stderr that tampering was met, loud enough not to be missed."""
    print(
        f"{colour('TAMPERED', 'red', sys.stderr)}: {visible(str(error))}\n"
        f"  where: {visible(error.where)}\n"
        "  fix: indelible verify says more; nothing was repaired, nothing is sealed",
        file=sys.stderr,
    )
    return error


def note(text: str) -> None:
    """Say something on stderr that hinders nothing."""
    print(f"{colour('note:', 'yellow', sys.stderr)} {visible(text)}", file=sys.stderr)


def _clock_us() -> int:
    return time.time_ns() // 1000
