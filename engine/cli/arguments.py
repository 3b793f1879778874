"""What the words of a command line stand for: chains, events, durations, terminals; and the options that several verbs
have, but for those about chains (`chains`).

Globs are expanded here too, for shells that do not, and for patterns in quotes.
"""

import glob
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from chainrun.dsl.literal import DURATION, microseconds

from ..formats.rawpath import RawPath, parse_path
from ..intake.address import Address, AddressError, parse_address
from ..intake.source import STANDARD_INPUT, is_telemetry, is_utf8
from ..report.escape import excerpt
from .exits import UsageError

UnwrapOption = Annotated[
    list[str] | None,
    typer.Option(metavar="PATH", help="Where a shipper of your own puts records, as `a.b`; may be repeated."),
]
WordsArgument = Annotated[
    list[str], typer.Argument(metavar="CHAIN|EVENTS", help="Chains and events, in any order.", show_default=False)
]
FollowOption = Annotated[
    bool, typer.Option("--follow", help="Go on reading files as they grow and are rotated, until told to stop.")
]
HostOption = Annotated[str | None, typer.Option(metavar="NAME", help="The host of records that name none.")]
InventoryOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="Who had which address: CSV with address, host, from, until.")
]
LatenessOption = Annotated[
    str, typer.Option(metavar="DURATION", help="How much out of order a pipe's events may be; files need none.")
]
ListenOption = Annotated[
    list[str] | None,
    typer.Option(metavar="ADDRESS", help="Take lines at unix:PATH, tcp:PORT or http:PORT too; may be repeated."),
]
TelemetryOption = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Read this telemetry format only; may be repeated.")
]
TelemetryFileOption = Annotated[
    list[str] | None, typer.Option(metavar="FILE", help="A telemetry format of your own; may be repeated.")
]
UnprovenOption = Annotated[
    bool, typer.Option("--allow-unproven", help="Let what was never seen, in too short a past, count as not happened.")
]
BaselineOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="What was seen before, by `chainrun baseline`; may be repeated."),
]
MustKeepOption = Annotated[
    list[str] | None,
    typer.Option("--must-keep", metavar="FILE", help="Alerts (jsonl) that must stay; may be repeated."),
]


def split(words: Sequence[str], follow: bool = False) -> tuple[list[str], list[str]]:
    """The chain files and folders among the words, and the inputs, each in the order given. With `follow` globs that
    name no chains stay what they are: they may come to stand for more."""
    chains: list[str] = []
    inputs: list[str] = []
    for word in words:
        paths = [(path, chains_of(path)) for path in expand(word)]
        if follow and not any(found for _, found in paths):
            paths = [(word, [])]
        for path, found in paths:
            chains += found
            inputs += [] if found else [path]
    return chains, inputs


def chains_again(words: Sequence[str]) -> Callable[[], list[str]]:
    """What of the words names chains, to be expanded again later; a folder that has lost its chains stays one."""
    naming = [word for word in words if any(map(chains_of, expand(word)))]
    return lambda: [chain for word in naming for path in expand(word) for chain in chains_of(path) or [path]]


def chains_of(path: str) -> list[str]:
    """The chain files that a word names: itself, or those directly in a folder; none, where it names events.

    What lies deeper has no say: whoever can drop a file below a folder of events must not turn that into chains.
    """
    if path.endswith(".chain") or path == STANDARD_INPUT:
        return [path] if path != STANDARD_INPUT else []
    try:
        files = sorted(p for p in Path(path).iterdir() if p.is_file()) if Path(path).is_dir() else []
    except (OSError, ValueError):  # `intake` tells of it
        return []
    chains = [str(p) for p in files if p.suffix == ".chain"]
    telemetry = next((p.name for p in files if is_telemetry(p.name)), None)
    if chains and telemetry is not None:
        shown, chain, event = excerpt(path, 200), excerpt(Path(chains[0]).name, 100), excerpt(telemetry, 100)
        raise UsageError(
            f"the folder `{shown}` holds both chains (`{chain}`) and events (`{event}`)",
            "name the files, or give each a folder of its own",
        )
    return chains


def expand(word: str) -> list[str]:
    """The paths that a word with wildcards stands for, sorted; else, and where nothing fits, the word itself."""
    if word == STANDARD_INPUT or not glob.has_magic(word) or Path(word).exists():
        return [word]
    return sorted(glob.glob(word, recursive=True)) or [word]  # noqa: PTH207  (keeps the name as typed)


def needs_chain(chains: Sequence[str], verb: str) -> None:
    """Refuses a command line that names no chain."""
    if not chains:
        raise UsageError("no chain is named", f"a chain file ends in `.chain`: `chainrun {verb} my.chain …`")


def addresses(said: Sequence[str] | None) -> tuple[Address, ...]:
    """Where `--listen` listens."""
    try:
        return tuple(dict.fromkeys(map(parse_address, said or ())))
    except AddressError as error:
        raise UsageError(str(error), error.hint) from error


def needs_events(inputs: Sequence[str], command: str, *, follow: bool = False, listen: bool = False) -> None:
    """Refuses to wait for events that a person at a terminal would have to type, and to follow nothing."""
    if follow and not inputs:
        raise UsageError("no file is named that could be followed", f"`{command} --follow events.jsonl`")
    if follow and set(inputs) == {STANDARD_INPUT}:
        message = "--follow is for files, and standard input is read as it comes, to its end"
        raise UsageError(message, f"`{command} --follow events.jsonl`, or leave it out")
    if not inputs and not listen and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError(
            "no events are named, and standard input is a terminal",
            f"`{command} events.jsonl`, or pipe them in: `… | {command}`; `-` reads what is typed",
        )
    for name in inputs:
        if not is_utf8(name):
            message = f"the name `{_bytes_shown(name)}` is not UTF-8, and alerts could not tell of it"
            raise UsageError(message, "rename the file, or pipe it in")


def needs_files(inputs: Sequence[str], command: str) -> None:
    """Refuses events that can be read only once."""
    needs_events(inputs, command)
    if not inputs or any(name == STANDARD_INPUT or Path(name).is_fifo() for name in inputs):
        raise UsageError(
            "events are read more than once, so they cannot come through a pipe", "write them to a file first"
        )


def places(said: Sequence[str] | None) -> tuple[RawPath, ...]:
    """Where `--unwrap` says that records stand."""
    found = []
    for text in said or ():
        path = parse_path(text)
        if path is None:
            raise UsageError(f"`{excerpt(text, 100)}` is no path", "write the keys with dots between them: `a.b`")
        found.append(path)
    return tuple(found)


def host_name(name: str | None) -> str | None:
    """What `--host` says, where an alert can say it too."""
    if name is not None and not is_utf8(name):
        raise UsageError(f"the host `{_bytes_shown(name)}` is not UTF-8, and alerts could not tell of it")
    return name


def _bytes_shown(name: str) -> str:
    return excerpt(os.fsencode(name).decode("utf-8", "backslashreplace"), 200)


def duration(text: str) -> int:
    """A duration as the language writes them, in microseconds."""
    if text == "0":
        return 0
    if DURATION.fullmatch(text) is None:
        raise UsageError(f"`{excerpt(text, 50)}` is not a duration", "write it with its unit: `90s`, `1h30m`")
    return microseconds(text)
