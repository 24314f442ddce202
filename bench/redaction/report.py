"""A run as a table: for the terminal, and as docs/reference/redaction-benchmark.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def _cells(run: dict[str, Any], name: str) -> list[str]:
    digits = 2 if name.startswith("altered") else 1
    found = [tool["figures"][name] for tool in run["tools"].values()]
    return [f"{found[0][1]:,}", *(f"{percent:.{digits}f}" for percent, _ in found)]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|---" + "|--:" * (len(head) - 1) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def _latency_rows(run: dict[str, Any]) -> list[list[str]]:
    tools = run["tools"].values()
    kinds = next(iter(tools))["latency"]
    return [
        [f"{kind}, {point}", *(f"{tool['latency'][kind][point]:,.0f}" for tool in tools)]
        for kind in kinds
        for point in ("p50", "p99")
    ]


def heading(run: dict[str, Any]) -> str:
    """Return one line that says where the figures come from."""
    here = run["machine"]
    packages = ", ".join(f"{name} {one}" for name, one in run["versions"].items())
    sources = ", ".join(f"{name} at {commit}" for name, commit in run["commits"].items())
    missing = "; ".join(f"without {name}: {why}" for name, why in run["missing"].items())
    return (
        f"{run['date']}, {here['cpu']}, {here['cpus']} CPUs, Python {here['python']}, {packages}; "
        f"load {run['load']['before'][0]} before, {run['load']['after'][0]} after; "
        f"{run['samples']:,} samples, {run['tookS']} s; {sources}{'; ' if missing else ''}{missing}"
    )


def tables(run: dict[str, Any]) -> str:
    """Return the tables of a run in Markdown."""
    names = list(run["tools"])
    figures = list(run["tools"][names[0]]["figures"])
    leak = [name for name in figures if not name.startswith("altered")]
    plain = [name for name in figures if name.startswith("altered")]
    lines = ["### Leak-free, percent", ""]
    lines += _table(["samples", "how many", *names], [[name, *_cells(run, name)] for name in leak])
    lines += ["", "### Altered though nothing is secret, percent", ""]
    rows = [[name.removeprefix("altered: "), *_cells(run, name)] for name in plain]
    lines += _table(["what", "how many", *names], rows)
    lines += ["", "### CPU time of one call, µs", ""]
    lines += _table(["value", *names], _latency_rows(run))
    worst = run["worst"]
    lines += ["", f"The slowest hostile value takes {worst['us']:,.0f} µs: {worst['name']}."]
    return "\n".join(lines)


def table(run: dict[str, Any]) -> str:
    """Return a run for the terminal."""
    return f"{heading(run)}\n\n{tables(run)}"


def page(run: dict[str, Any]) -> str:
    """Return docs/reference/redaction-benchmark.md."""
    prose = Path(__file__).with_name("page.md").read_text(encoding="utf-8")
    return prose.replace("{tables}", f"{heading(run)}.\n\n{tables(run)}")
