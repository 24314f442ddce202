"""`indelible proxy` as a process between the suite and what it tests. Not a test.

    python -m tests.conformance.proxied [elsewhere] URL

This is the client's command when there is to be a proxy in the middle: it starts one before
URL, has the client speak to that, and ends as the client does. The state is where the
environment says.

A client that signs in compares the address it speaks to with the one the server says it has.
So it is told of a detour: the proxy stands at the server's own address. With `elsewhere` it
stands at another, as in a trial.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
CLIENT = [sys.executable, "-m", "tests.conformance.client"]
END_S = 20
VIA = "CONFORMANCE_VIA"
"""Tells the client where the proxy listens that stands at the server's own address."""


@contextlib.contextmanager
def proxy(upstream: str, *options: str) -> Iterator[str]:
    """Run a proxy before *upstream*, an origin; yield the origin that it listens on."""
    command = [sys.executable, "-m", "indelible", "proxy", "--upstream", upstream]
    with subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0", *options], stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        try:
            said = running.stderr.readline()
            found = re.search(r"listening on (http://[\w.:]+)", said)
            if found is None:
                raise ConnectionError(f"no proxy: {said}{running.stderr.read()}")
            yield found[1]
        finally:
            running.terminate()
            print(running.communicate(timeout=END_S)[1], end="", file=sys.stderr)
    if running.returncode:
        raise ConnectionError(f"the proxy ended with {running.returncode}")


def main(url: str, *, is_elsewhere: bool) -> int:
    """Run the client before *url*, with a proxy in between; return its exit code."""
    parts = urlsplit(url)
    upstream = f"{parts.scheme}://{parts.netloc}"
    signs_in = os.environ["MCP_CONFORMANCE_SCENARIO"].startswith("auth/")
    with proxy(upstream) as origin:
        environment = dict(os.environ)
        if signs_in and not is_elsewhere:
            environment[VIA] = origin
        else:
            url = url.replace(upstream, origin, 1)
        return subprocess.run([*CLIENT, url], check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[-1], is_elsewhere="elsewhere" in sys.argv[1:-1]))
