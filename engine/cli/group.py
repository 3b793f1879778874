"""The verbs, and the command without one: `chainrun CHAIN EVENTS` is `chainrun run CHAIN EVENTS`.

A verb's module is imported when the verb is used: `chainrun --version` and `--help` load no parser, no engine and no
drawing library.
"""

import glob
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from chainrun.dsl.nearest import nearest
from typer.core import TyperGroup

from ..report.escape import excerpt
from .exits import UsageError

# verb -> what it does, for the list of `chainrun --help`; the module of the same name has it as `command`
VERBS: dict[str, str] = {
    "run": "Run chains over telemetry and write alerts (the verb may be left out).",
    "check": "Check chain files and show every fault.",
    "fmt": "Bring chain files into the canonical form.",
    "test": "Run the tests of chain files, and the cases beside them.",
    "coverage": "Show whether telemetry can show each step of a chain.",
    "tune": "Show what a change of parameters or exceptions would do.",
    "baseline": "Learn from old telemetry what is not new, or what to except.",
    "why": "Show how far chains got, and why they stopped.",
    "explain": "Say in prose what a chain means, or why an alert came; --dot draws it.",
    "params": "List a chain file's parameters and where their values come from.",
    "normalise": "Print the canonical events of telemetry files.",
    "state": "Show what a run has laid aside with --state, or verify it.",
    "kinds": "List the kinds of event, or explain one.",
    "formats": "List the telemetry formats, or explain one.",
    "help": "Explain a diagnostic's code.",
}

# Options of the command itself; any other option in first place belongs to `run`.
_OWN_OPTIONS = frozenset({"--help", "-h", "--version", "--install-completion", "--show-completion"})


class Verbs(TyperGroup):
    """Finds the verb, or puts `run` in front."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return _command(cmd_name) if cmd_name in VERBS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        if args and means_run(args[0]):
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in VERBS:
            near = nearest(args[0], VERBS)
            hint = f"did you mean `chainrun {near}`?" if near else "`chainrun --help` lists the verbs"
            raise UsageError(f"no verb and no file is called `{excerpt(args[0], 200)}`", hint)
        return super().resolve_command(ctx, args)


def means_run(word: str) -> bool:
    """Whether the first word of a command line belongs to a run whose verb was left out."""
    if word in VERBS or word in _OWN_OPTIONS:
        return False
    if word.startswith("-") or word.endswith(".chain"):
        return True
    try:
        return Path(word).exists() or (glob.has_magic(word) and any(glob.iglob(word, recursive=True)))  # noqa: PTH207
    except (OSError, ValueError):  # a name that no file system takes
        return False


def _command(verb: str) -> Any:
    module = import_module(f".{verb}", __package__)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(verb, help=module.__doc__, context_settings=CONTEXT)(module.command)
    return typer.main.get_command(app)


CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
