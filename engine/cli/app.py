"""The Typer application: the group of verbs, `--version`, and Typer's complaints in our words and with our codes."""

import os
from typing import Annotated, Any

import typer

from ..report.escape import excerpt
from ..version import VERSION
from .exits import Exit, UsageError
from .group import CONTEXT, Verbs

# Typer keeps its base of all usage errors private (it was click's once); it is what BadParameter is built on.
_TyperUsageError: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(
    cls=Verbs,
    help="Detect causal chains of behaviour in JSONL telemetry.\n\n"
    "`chainrun CHAIN... EVENTS...` runs chains over telemetry; without EVENTS it reads standard input.",
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
    no_args_is_help=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"chainrun {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    shows_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Holds the options that come before a verb."""


def run_app(args: list[str]) -> int:
    """Runs the application; its usage errors become ours."""
    command: Any = typer.main.get_command(app)
    if not args:
        args = ["--help"]
    if "_CHAINRUN_COMPLETE" in os.environ:  # a shell asks what could come next
        command.main(args=args, prog_name="chainrun")
    try:
        # not `command.main`, which turns a closed pipe into an exit code of its own
        with command.make_context("chainrun", args) as context:
            code = command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    except _TyperUsageError as error:
        where = getattr(error, "ctx", None)
        hint = f"`{where.command_path} --help` shows how" if where is not None else ""
        raise UsageError(_sentence(error.format_message()), hint) from error
    except typer.Abort:
        return Exit.INTERRUPTED
    return code if isinstance(code, int) else Exit.OK


def _sentence(message: str) -> str:
    """Typer's message in the form of all the others: lower case at the beginning, no full stop."""
    message = excerpt(message, 300).rstrip(".")
    return message[:1].lower() + message[1:]
