"""The command tree, and how a command's end becomes an exit code.

A command's module is imported when that command is asked for and not before, so
that `--help` is quick.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import difflib
import io
import os
import sys
import traceback
from pathlib import Path

import click

from indelible.cli.failure import INTERRUPTED, failure_of, say, wants_traceback
from indelible.cli.options import HELP_NAMES, SUMMARIES, state_option


class Commands(click.Group):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order a newcomer needs them."""
        return list(SUMMARIES)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the summaries, loading no command for it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return one command, importing no other."""
        if cmd_name == "demo":
            from indelible.cli.demo import demo

            return demo
        if cmd_name == "proxy":
            from indelible.cli.proxy import proxy

            return proxy
        if cmd_name == "collect":
            from indelible.cli.collect import collect

            return collect
        if cmd_name == "query":
            from indelible.cli.query import query

            return query
        if cmd_name == "tail":
            from indelible.cli.tail import tail

            return tail
        if cmd_name == "show":
            from indelible.cli.show import show

            return show
        if cmd_name == "session":
            from indelible.cli.session import session

            return session
        if cmd_name == "export":
            from indelible.cli.export import export

            return export
        return wrap if cmd_name == "wrap" else _upkeep(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that *args* begins with, or say which one was meant."""
        name = args[0]
        if name not in SUMMARIES:
            near = difflib.get_close_matches(name, SUMMARIES, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"no command {name!r}{meant}", ctx)
        return super().resolve_command(ctx, args)


def _upkeep(name: str) -> click.Command | None:
    """Return one of the commands that look after the trail, importing no other."""
    if name == "verify":
        from indelible.cli.verify import verify

        return verify
    if name == "status":
        from indelible.cli.status import status

        return status
    if name == "index":
        from indelible.cli.index import index

        return index
    if name == "config":
        from indelible.cli.config import config

        return config
    if name == "completion":
        from indelible.cli.completion import completion

        return completion
    return None


@click.group(
    cls=Commands, context_settings={"max_content_width": 100, **HELP_NAMES}, no_args_is_help=False
)
@click.version_option(package_name="indelible", message="%(prog)s %(version)s")
@state_option
def indelible(state: Path | None) -> None:
    """Record what MCP servers were asked to do.

    A rewrite of the record shows, unless the writer has the key.

    Exit codes: 0 ok, 1 failed, 2 usage, 3 tampering found, 5 incomplete, 6 found
    (--fail-on match; 4 is reserved); wrap returns those of the server it runs.
    """


@click.command(
    short_help=SUMMARIES["wrap"],
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    add_help_option=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def wrap(context: click.Context, words: tuple[str, ...]) -> int:
    """Run an MCP server and record its traffic."""
    from indelible.cli.wrap import main as wrapped

    state = context.parent.params.get("state") if context.parent else None
    return wrapped([*(["--state", str(state)] if state else []), *words])


def run(words: list[str]) -> int:
    """Run a command line; every way to fail ends here."""
    has_output = sys.stdout is not None
    _replace_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for terminals that have no UTF-8
    try:
        code = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = INTERRUPTED
    except OSError:  # nowhere to write to: a reader that has seen enough (`| head`), a full disk
        _give_up_output()
        return 1
    return code if has_output else code or 1


def _run(words: list[str]) -> int:
    if instruction := os.environ.get("_INDELIBLE_COMPLETE"):  # a TAB in a shell
        from indelible.cli.completion import answer

        return answer(instruction, indelible)
    try:
        result = indelible.main(
            args=words or ["--help"], prog_name="indelible", standalone_mode=False, obj=words
        )
        sys.stdout.flush()
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 — the last place where it can be said in one line
        if wants_traceback():
            traceback.print_exc()
        failure = failure_of(error)
        say(failure, as_json="--json" in words)
        return failure.exit_code
    return result if isinstance(result, int) else 0


def _replace_closed_streams() -> None:
    """Put something in the place of streams that the caller closed, so that writing is safe."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _give_up_output() -> None:
    """Let what is still to be written go nowhere; Python would complain of it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
