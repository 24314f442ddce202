"""A real rsyslogd, set up as docs/how-to/ship-logs.md says, takes what `wrap --ndjson` writes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.capture.messages import call
from tests.hostile.session import session, until, wrapped

ROOT = Path(__file__).parents[2]
UNPACKED = ROOT / ".cache" / "rsyslog"
PAGE = ROOT / "docs/how-to/ship-logs.md"
NASTY = (
    "grüße 漢字 🎉 \u202e \u2028 \x85 \x7f \x1b[31m \t %msg% %% \\n # 100% \u00a0 '\"</script>",
    " leading and trailing ",
    "x" * 500,
)


@pytest.fixture
def rsyslogd() -> tuple[list[str], dict[str, str]]:
    """Return how to start it: the command, and what of the environment it needs."""
    found = sorted(UNPACKED.glob("usr/lib/*/rsyslog/imfile.so"))
    if found:
        modules = found[0].parent
        command = [str(UNPACKED / "usr/sbin/rsyslogd"), "-M", str(modules)]
        return command, {"LD_LIBRARY_PATH": str(modules.parent)}
    installed = shutil.which("rsyslogd", path=f"{os.environ['PATH']}:/usr/sbin")
    if installed is not None:
        return [installed], {}
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        pytest.skip("platform: no rsyslogd and no Debian package tools here")
    raise AssertionError("no rsyslogd in .cache/rsyslog: make setup")


def documented(directory: Path) -> str:
    """Return the page's configuration with its paths below *directory*."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(r'```text title="indelible.conf"\n(.*?)```', text, re.DOTALL)
    assert found
    config, count = re.subn(r"/var/log/(?=indelible)", f"{directory}/", found[1])
    assert count == 2
    return f'global(workDirectory="{directory}/work")\n{config}'


@contextlib.contextmanager
def running(rsyslogd: tuple[list[str], dict[str, str]], directory: Path) -> Iterator[None]:
    (directory / "indelible").mkdir()
    (directory / "work").mkdir()
    config = directory / "rsyslog.conf"
    config.write_text(documented(directory), encoding="utf-8")
    command, environment = rsyslogd
    said = directory / "said"
    with said.open("wb") as sink:
        process = subprocess.Popen(
            [*command, "-n", "-f", str(config), "-i", str(directory / "pid")],
            env={**os.environ, **environment},
            stdout=sink,
            stderr=sink,
        )
    try:
        yield
        assert process.poll() is None, said.read_text()
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.requirement("ndjson.shipped")
def test_every_line_arrives_as_it_was_written_and_through_a_rotation(rsyslogd, tmp_path) -> None:
    out = tmp_path / "indelible" / "calls.ndjson"
    rotated = out.with_suffix(".1")
    shipped = tmp_path / "indelible-shipped.ndjson"
    stderr = tmp_path / "stderr"
    nasty = [call(n, "echo", text=text, **{text: n}) for n, text in enumerate(NASTY)]
    long = call(7, "echo", text="", rows=[{f"column {n}": "long words " * 40} for n in range(400)])

    def written() -> bytes:
        return b"".join(one.read_bytes() for one in (rotated, out) if one.exists())

    with running(rsyslogd, tmp_path):
        command = wrapped(tmp_path / "state", "--ndjson", str(out))
        with session(command, stderr) as server:
            for one in [*nasty, long]:
                server.ask(one)
            until(lambda: written().count(b"\n") == 1 + len(NASTY) + 1)
            out.rename(rotated)
            for one in [long, *nasty]:
                server.ask(one)
            assert server.end()[0] == 0
        until(lambda: shipped.exists() and shipped.stat().st_size >= len(written()))

    assert shipped.read_bytes() == written()
    lines = written().split(b"\n")[:-1]
    assert len(lines) == 2 * (1 + len(NASTY) + 1)
    assert max(map(len, lines)) > 48 * 1024
    texts = [json.loads(line).get("args", {}).get("text") for line in lines]
    assert texts.count(NASTY[0]) == 2
    assert rotated.exists()
    assert out.exists()
    assert stderr.read_bytes() == b""
