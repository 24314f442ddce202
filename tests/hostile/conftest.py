"""A state directory, and sessions that end with their test."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.hostile.session import Session, session, wrapped


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def start(tmp_path):
    """Start a command as a server; all end with the test."""
    count = 0
    with ExitStack() as stack:

        def started(command: list[str], **environment: str) -> Session:
            nonlocal count
            count += 1
            return stack.enter_context(
                session(command, tmp_path / f"stderr-{count}", **environment)
            )

        yield started


@pytest.fixture
def wrap(start, state):
    """Start `indelible wrap` with a command, by default the raw server's."""

    def started(*options: str, command: list[str] | None = None, **environment: str) -> Session:
        return start(wrapped(state, *options, command=command), **environment)

    return started
