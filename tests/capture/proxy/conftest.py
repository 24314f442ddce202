"""One proxy before one server, for all tests of a module that do not need their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.capture.proxy.rig import Pair, Proxy, Server, proxy, says


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Proxy]]:
    scratch = tmp_path_factory.mktemp("proxy")
    with Server(says(b"")) as server, proxy(scratch, server.port) as run:
        yield server, run


@pytest.fixture
def pair(started: tuple[Server, Proxy]) -> Pair:
    return Pair(*started)
