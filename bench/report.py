"""A run as JSON, as a table for the terminal, and as a table for the documentation."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.setting import Setting


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    packages = ("indelible", "mcp", "fastmcp", "aiohttp", "google-re2", "zstandard", "duckdb")
    return {
        "cpu": model[1] if model else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in packages},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def document(
    setting: Setting, found: list[Figure], load: tuple[list[float], list[float]], took_s: float
) -> dict[str, Any]:
    """Return a run as it is kept."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "load": {"before": load[0], "after": load[1]},
        "pinned": setting.pin,
        "quick": setting.quick,
        "tookS": round(took_s, 1),
        "figures": [asdict(one) for one in found],
    }


def load() -> list[float]:
    """Return the load averages."""
    return [round(one, 2) for one in os.getloadavg()]


def heading(run: dict[str, Any]) -> str:
    """Return one line that says where the figures come from."""
    here = run["machine"]
    packages = ", ".join(f"{name} {one}" for name, one in here["packages"].items() if one)
    before, after = run["load"]["before"][0], run["load"]["after"][0]
    pinned = "the whole run on one CPU" if run["pinned"] else f"free to use {here['cpus']} CPUs"
    size = ", quick" if run["quick"] else ""
    return (
        f"{run['date']}, {here['cpu']}, {here['cpus']} CPUs, {here['system']}, "
        f"Python {here['python']}, {packages}; {pinned}{size}; "
        f"load {before} before, {after} after; {run['tookS']} s"
    )


def table(run: dict[str, Any]) -> str:
    """Return the figures for a terminal."""
    lines = [heading(run)]
    part = ""
    for one in run["figures"]:
        if one["part"] != part:
            part = one["part"]
            lines += ["", part]
        spread = f"{_number(one['low'])} to {_number(one['high'])}" if one["count"] > 1 else ""
        lines.append(
            f"  {one['name']:<52} {_number(one['median']):>9} {one['unit']:<10} "
            f"{spread:<21} {one['note']}".rstrip()
        )
    return "\n".join(lines)


def markdown(run: dict[str, Any]) -> str:
    """Return the figures for docs/reference/benchmarks.md."""
    lines = [
        f"{heading(run)}.",
        "",
        "| part | figure | median | min to max | |",
        "|---|---|--:|---|---|",
    ]
    for one in run["figures"]:
        spread = f"{_number(one['low'])} to {_number(one['high'])}" if one["count"] > 1 else ""
        value = f"{_number(one['median'])} {one['unit']}"
        lines.append(f"| {one['part']} | {one['name']} | {value} | {spread} | {one['note']} |")
    return "\n".join(lines)


def write(run: dict[str, Any], path: Path) -> None:
    """Keep a run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    size = abs(value)
    if size >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 20 else f"{value:.2f}"
