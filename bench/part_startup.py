"""What starting a command takes, over starting Python."""

from __future__ import annotations

import sys

from bench.figures import Figure, differences, figure, orders
from bench.setting import INDELIBLE, Setting
from bench.trail import child
from indelible.cli.options import SUMMARIES

BARE = "python -c pass"
COMMANDS = {
    BARE: [sys.executable, "-c", "pass"],
    "--help": [*INDELIBLE, "--help"],
    **{f"{name} --help": [*INDELIBLE, name, "--help"] for name in SUMMARIES},
}


def run(setting: Setting) -> list[Figure]:
    """Start each command by turns."""
    taken = {name: [child(command, setting)][1:] for name, command in COMMANDS.items()}
    for order in orders(list(COMMANDS), setting.scale(9, 3)):
        for name in order:
            taken[name].append(child(COMMANDS[name], setting))
    walls = {name: [one.wall_s * 1e3 for one in many] for name, many in taken.items()}
    found = [figure("start-up", f"{BARE}, wall", "ms", walls[BARE])]
    for name in list(COMMANDS)[1:]:
        more = differences(walls[name], walls[BARE])
        found.append(figure("start-up", f"{name}, over it", "ms", more))
    return found
