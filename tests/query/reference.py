"""The generated part of docs/reference/query.md, from the table of fields."""

from __future__ import annotations

import re
from pathlib import Path

from indelible.query.fields import ALIASES, FIELDS, MEMBERS, Field, Kind
from indelible.query.flags import FLAGS, Flag

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "query.md"
START = "<!-- Generated from indelible.query.fields: `make docs` writes it again. -->\n"
END = "\n<!-- /Generated -->"


def page() -> str:
    """Return the page with its generated part as the code has it."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{_fields()}\n{_flags()}{END}{after}"


def examples() -> list[str]:
    """Return the filters of the page's examples, without their comments."""
    blocks = re.findall(
        r"^```query\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return [line.split("  #")[0] for block in blocks for line in block.splitlines()]


def _fields() -> str:
    rows = [
        f"| {_name(field)} | {field.kind.value} | {_help(field)} | {_others(field)} |"
        for field in FIELDS.values()
    ]
    head = "| field | value | what it is | also written |\n|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _name(field: Field) -> str:
    if field.name in MEMBERS and field.kind is Kind.JSON:
        return f"`{field.name}.PATH`"
    return f"`{field.name}`, `{field.name}.PATH`" if field.name in MEMBERS else f"`{field.name}`"


def _help(field: Field) -> str:
    known = f": {', '.join(f'`{value}`' for value in field.known)}" if field.known else ""
    return f"{field.help}{known}"


def _others(field: Field) -> str:
    return ", ".join(f"`{alias}`" for alias, name in ALIASES.items() if name == field.name)


def _flags() -> str:
    rows = [_row(field, flag) for field, flags in FLAGS.items() for flag in flags.values()]
    return "| condition | holds where |\n|---|---|\n" + "\n".join(rows) + "\n"


def _row(field: str, flag: Flag) -> str:
    said = f"there is {flag.help}" if field == "has" else flag.help
    return f"| `{field}:{flag.name}` | {said} |"
