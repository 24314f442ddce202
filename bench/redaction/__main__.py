"""`python -m bench.redaction`: how much redaction lets through, ours beside others'.

Samples and rivals are in `.cache/redaction`, put there by `make bench-redaction`. Public
repositories are cloned there if the network allows it; without them the other sets remain.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import report as machine
from bench.redaction import measure, report
from bench.redaction.latency import latencies, timed
from bench.redaction.sample import Sample, read, write
from indelible.redact.walk import Scrubber, scrubber
from tests.redact.hostile import HOSTILE

ROOT = Path(__file__).parent.parent.parent
CACHE = ROOT / ".cache/redaction"
PYTHON = CACHE / "env/bin/python"
SAMPLES = CACHE / "samples"
RIVALS = (
    "detect-secrets", "presidio", "scrubadub", "logfire", "cpex-pii-filter", "depii", "guide",
)  # fmt: skip
TIMEOUT_S = 1_800


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.redaction", description=__doc__)
    parser.add_argument(
        "--public", type=Path, default=CACHE / "public", metavar="DIR",
        help="clones of the public repositories, each `owner+name`; made if missing",
    )  # fmt: skip
    parser.add_argument("--ours", action="store_true", help="leave the others out")
    parser.add_argument(
        "--tuning", action="store_true",
        help="score the half that rules are tuned on, and list what fails; implies --ours",
    )  # fmt: skip
    parser.add_argument("--kept", action="store_true", help="use the samples of the last run")
    parser.add_argument("--json", type=Path, default=CACHE / "run.json", metavar="FILE")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page of a kept run")
    return parser.parse_args()


def child(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a module of this package in the environment of the rivals."""
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [str(PYTHON), "-W", "ignore", "-m", *words],
        stdout=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT_S, env=env, cwd=CACHE,
    )  # fmt: skip


def samples(*, tuning: bool) -> Iterator[Sample]:
    """Yield the samples of the half that is asked for."""
    for name in (*measure.LEAKY, *measure.PLAIN):
        for sample in read(SAMPLES / f"{name}.jsonl"):
            whole = name in ("people", "scalars", "benign") and not tuning
            if whole or sample.is_reported is not tuning:
                yield sample


def redacted(cleaner: Scrubber, value: Any) -> Any:
    """Return *value* as a record would have it, but not cut."""
    if isinstance(value, str):
        return cleaner.text(value, limit=1 << 15).value
    return cleaner.value(value).value


def worst(cleaner: Scrubber) -> tuple[str, float]:
    """Return the slowest of the hostile values, as one text and as forty, and its median."""
    values: dict[str, Any] = {**HOSTILE}
    values |= {f"40 times {name}": [text[:2_000]] * 40 for name, text in HOSTILE.items()}
    taken = {name: timed(cleaner.value, one, 5)[2] for name, one in values.items()}
    name = max(taken, key=taken.__getitem__)
    return name, taken[name]


def rival(name: str, chosen: list[Sample], place: Path) -> dict[str, Any]:
    """Return the figures of another tool."""
    done = child("bench.redaction.rivals", name, str(place))
    answers = map(json.loads, done.stdout.splitlines())
    found = measure.rows(measure.score(zip(chosen, answers, strict=True)))
    times = json.loads(child("bench.redaction.rivals", name, "--time").stdout)
    return {"figures": found, "latency": times}


def versions() -> dict[str, str]:
    """Return the versions of what is compared."""
    text = (ROOT / "requirements/redaction.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", text, re.MULTILINE))
    names = [name for name in pinned if name.removesuffix("-analyzer") in RIVALS]
    return {name: pinned[name] for name in names}


def show(sample: Sample, text: str) -> None:
    """Print a failure of the tuning half."""
    said = (sample.corpus, sample.shape, sample.provider, sample.secret[:80], text[:900])
    print(json.dumps(said))


def main() -> None:
    """Do what the command line says."""
    given = arguments()
    if given.page:
        given.page.write_text(report.page(json.loads(given.json.read_text())), encoding="utf-8")
        return
    started, before = time.monotonic(), machine.load()
    if not given.kept:
        child("bench.redaction.gather", str(CACHE / "archives"), str(given.public), str(SAMPLES))
    cleaner = scrubber()
    cleaner.load()
    chosen = list(samples(tuning=given.tuning))
    pairs = ((one, redacted(cleaner, one.value)) for one in chosen)
    ours = measure.rows(measure.score(pairs, show if given.tuning else lambda *_: None))
    if given.tuning:
        print(json.dumps(ours, indent=1), file=sys.stderr)
        return
    tools = {"Indelible": {"figures": ours, "latency": latencies(cleaner.value)}}
    slowest = worst(cleaner)
    place = CACHE / "chosen.jsonl"
    write(place, chosen)
    for name in () if given.ours else RIVALS:
        print(f"{name} …", file=sys.stderr, flush=True)
        tools[name] = rival(name, chosen, place)
    run = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine.machine(),
        "load": {"before": before, "after": machine.load()},
        "tookS": round(time.monotonic() - started, 1),
        "versions": versions(),
        "samples": len(chosen),
        **json.loads((SAMPLES / "sources.json").read_text()),
        "worst": {"name": slowest[0], "us": slowest[1]},
        "tools": tools,
    }
    given.json.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(report.table(run))


if __name__ == "__main__":
    main()
