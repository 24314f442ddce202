"""``indelible completion``: the shell's TAB for commands, options, and terms of the grammar.

A term is completed in two steps: its field, then, where the field has few values,
its value. Bash splits words at colons, so its script hands over whole words and cuts
off what stands before the colon; zsh and fish get whole words as they are.
"""

from __future__ import annotations

import os

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
)

from indelible.cli.options import SUMMARIES

VARIABLE = "_INDELIBLE_COMPLETE"
"""Set by the scripts, to ``bash_complete`` and the like, when a TAB is pressed."""

_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}" word reply
    local cur="${line##*[[:space:]]}"
    COMPREPLY=()
    reply=$(env COMP_LINE="$line" COMP_CUR="$cur" %(complete_var)s=bash_complete $1)
    local cut=""
    if [[ "$cur" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
        cut="${cur%%"${cur##*:}"}"
    fi
    for word in $reply; do
        case "$word" in
            plain,*) COMPREPLY+=("${word#*,}") ;;
            open,*) COMPREPLY+=("${word#*,}"); compopt -o nospace ;;
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
        esac
    done
    if [[ -n "$cut" ]]; then
        COMPREPLY=("${COMPREPLY[@]#"$cut"}")
    fi
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _Bash(BashComplete):
    """Bash: whole words in, and no space after what is not finished."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        words = click.shell_completion.split_arg_string(os.getenv("COMP_LINE", ""))
        incomplete = os.getenv("COMP_CUR", "")
        args = words[1:]
        if incomplete and args:
            args.pop()
        return args, incomplete.lstrip("'\"")

    def format_completion(self, item: CompletionItem) -> str:
        return f"{'open' if _is_open(item) else item.type},{item.value}"


class _Zsh(ZshComplete):
    """Zsh: no space after what is not finished."""

    source_template = ZshComplete.source_template.replace(
        '        elif [[ "$type" == "dir" ]]; then\n',
        '        elif [[ "$type" == "open" ]]; then\n'
        "            compadd -U -S '' -V unsorted -- \"$key\"\n"
        '        elif [[ "$type" == "dir" ]]; then\n',
    )

    def format_completion(self, item: CompletionItem) -> str:
        return f"open\n{item.value}\n_" if _is_open(item) else super().format_completion(item)


class _Fish(FishComplete):
    """Fish: a comma in a term or a help text does not end it."""

    source_template = FishComplete.source_template.replace(
        'string split ","', 'string split --max 1 ","'
    )


SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


def _is_open(item: CompletionItem) -> bool:
    """Whether more must follow at once: a value after the name of a field."""
    return bool(item.type == "plain" and item.value.endswith((":", ".", "=")))


@click.command(short_help=SUMMARIES["completion"])
@click.argument("shell", type=click.Choice(list(SHELLS)))
def completion(shell: str) -> None:
    """Print the script that completes commands, options and terms.

    Fields complete, and the values of a field that has few: outcome:<TAB>.

    \b
      source <(indelible completion bash)
      indelible completion fish > ~/.config/fish/completions/indelible.fish
    """  # noqa: D301 — click wants the backspace itself
    root = click.get_current_context().find_root().command
    click.echo(_complete(shell, root).source().rstrip())


def answer(instruction: str, root: click.Command) -> int:
    """Print what a word may become, for the script of a shell.

    Args:
        instruction: ``bash_complete`` and the like.

        root: The command tree.
    """
    shell, _, what = instruction.partition("_")
    if shell not in SHELLS or what != "complete":
        return 1
    try:
        print(_complete(shell, root).complete())
    except Exception:  # noqa: BLE001 — a traceback in the middle of a line that is being typed
        return 1
    return 0


def _complete(shell: str, root: click.Command) -> ShellComplete:
    return SHELLS[shell](root, {}, "indelible", VARIABLE)


def complete_term(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return what a term may become: fields, or the values of a field that has few."""
    from indelible.query.fields import ALIASES, FIELDS, MEMBERS  # noqa: PLC0415 — for TAB
    from indelible.query.flags import FLAGS  # noqa: PLC0415

    sign = incomplete[:1] if incomplete[:1] in ("-", "!") else ""
    field, colon, typed = incomplete.removeprefix(sign).partition(":")
    if not colon:
        ends = {name: "." if name in MEMBERS and name != "client" else ":" for name in FIELDS}
        names = [f"{name}{end}" for name, end in ends.items() if name.startswith(field)]
        return [CompletionItem(f"{sign}{name}") for name in names]
    name = ALIASES.get(field, field)
    known = tuple(FLAGS[name]) if name in FLAGS else FIELDS[name].known if name in FIELDS else ()
    before, comma, last = typed.rpartition(",")
    start = f"{sign}{field}:{before}{comma}"
    return [CompletionItem(f"{start}{value}") for value in known if value.startswith(last)]
