"""The run of a verb that looks at telemetry with chains and raises no alert: `coverage`, `baseline`."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ..chains import Library, chain_files, nearest_site
from ..run import Options, Run
from .arguments import host_name, needs_chain, needs_events, split
from .begin import begin
from .chains import load
from .outputs import needs_spare


def look(
    verb: str,
    words: Sequence[str],
    *,
    settings: Sequence[str] | None,
    site: str | None,
    inventory: str | None,
    host: str | None,
    telemetry: Sequence[str] | None,
    telemetry_file: Sequence[str] | None,
    output: Path | None,
    on_progress: Callable[[int, int], None] | None,
) -> Run | None:
    """The run, whose events are still to be read; None where something is wrong with a chain, which has been shown.
    `output` must be no file that is read."""
    chains, inputs = split(words)
    needs_chain(chains, verb)
    host = host_name(host)
    library = load(chains, settings, site, quiet=True)
    if library is None:
        return None
    needs_events(inputs, f"chainrun {verb} {' '.join(chains[:3])}")
    options = Options(
        host=host,
        inventory=inventory,
        telemetry=tuple(telemetry or ()),
        telemetry_files=tuple(telemetry_file or ()),
        whole=True,
    )
    run = begin(library, inputs, options, on_progress)
    if output is not None:
        needs_unread(output, run, chains, library, site, options)
    return run


def needs_unread(
    output: Path,
    run: Run,
    chains: Sequence[str],
    library: Library,
    site: str | None,
    options: Options,
    others: Sequence[str] = (),
) -> None:
    """Refuses an output that the run reads: events, chains, the site file and its words, what the options name."""
    read = [*run.inputs, *chain_files(chains)[0], *options.telemetry_files, options.inventory, *library.words, *others]
    needs_spare(output, [*read, site or nearest_site(Path.cwd())])
