"""`python -m bench`: measure, print, keep. Linux only; loopback and pipes only."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench import (
    cpu,
    part_audit,
    part_collect,
    part_export,
    part_flat,
    part_many,
    part_proxy,
    part_query,
    part_redact,
    part_size,
    part_spool,
    part_startup,
    part_storm,
    part_verify,
    part_wrap,
    report,
)
from bench.figures import Figure
from bench.setting import HERE, Setting

PARTS = {
    "wrap": part_wrap.run,
    "flat": part_flat.run,
    "proxy": part_proxy.run,
    "audit": part_audit.run,
    "many": part_many.run,
    "spool": part_spool.run,
    "collect": part_collect.run,
    "verify": part_verify.run,
    "redact": part_redact.run,
    "size": part_size.run,
    "query": part_query.run,
    "export": part_export.run,
    "startup": part_startup.run,
    "storm": part_storm.run,
}
ASKED_FOR = ("storm",)
"""Parts of which a plain run has none."""
KEPT = HERE.parent / ".cache/bench.json"


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under 40 s")
    parser.add_argument("--pin", action="store_true", help="keep the whole run on one CPU")
    parser.add_argument("--json", type=Path, default=KEPT, metavar="FILE", help="keep it here")
    parser.add_argument(
        "--rows", type=int, default=1_000_000, metavar="N", help="of how many calls `query` asks"
    )
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="measure nothing: print a kept run"
    )
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if given.pin and not cpu.can_pin():
        parser.error("this system does not let us choose a CPU")
    return given


def measure(setting: Setting, parts: list[str]) -> list[Figure]:
    """Run *parts*, one after the other, each when nothing of the one before still runs."""
    found: list[Figure] = []
    for name in parts:
        started = time.monotonic()
        print(f"{name} …", end="", file=sys.stderr, flush=True)
        found += PARTS[name](setting)
        cpu.wait_for_adopted()
        print(f" {time.monotonic() - started:.1f} s", file=sys.stderr)
    return found


def main() -> None:
    """Do what the command line says."""
    given = arguments()
    if given.markdown:
        print(report.markdown(json.loads(given.markdown.read_text(encoding="utf-8"))))
        return
    cpu.adopt()
    before, started = report.load(), time.monotonic()
    scratch = Path(tempfile.mkdtemp(prefix="indelible-bench-"))
    setting = Setting(scratch=scratch, pin=given.pin, quick=given.quick, rows=given.rows)
    try:
        with cpu.on_one_cpu(given.pin):
            found = measure(setting, given.parts or [one for one in PARTS if one not in ASKED_FOR])
    finally:
        cpu.wait_for_adopted()
        shutil.rmtree(scratch, ignore_errors=True)
    run = report.document(setting, found, (before, report.load()), time.monotonic() - started)
    report.write(run, given.json)
    print(report.table(run))


if __name__ == "__main__":
    main()
