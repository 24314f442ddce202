"""How fast entries are written out, by `indelible export` as a process of its own."""

from __future__ import annotations

from bench.figures import Figure, figure, orders
from bench.recorded import recorded
from bench.setting import INDELIBLE, Setting
from bench.trail import Used, child

FORMATS = ("ndjson", "csv", "sqlite", "parquet")


def run(setting: Setting) -> list[Figure]:
    """Export the recorded trail in each format, by turns."""
    source = recorded(setting)
    taken: dict[str, list[Used]] = {name: [] for name in FORMATS}
    sizes: dict[str, int] = {}
    for order in orders(FORMATS, setting.scale(2, 1)):
        for name in order:
            path = setting.scratch / f"out.{name}"
            command = [*INDELIBLE, "--state", str(source.state.root), "export", "--no-collect"]
            taken[name].append(child([*command, "-o", str(path)], setting))
            sizes[name] = path.stat().st_size
            path.unlink()
    found = []
    for name in FORMATS:
        calls, note = source.calls, f"{sizes[name] / source.calls:.0f} bytes each"
        rates = [calls / one.wall_s for one in taken[name]]
        cpu_us = [one.cpu_s / calls * 1e6 for one in taken[name]]
        found.append(figure("export", f"{name}, wall", "entries/s", rates, note))
        found.append(figure("export", f"{name}, CPU", "µs/entry", cpu_us))
    return found
