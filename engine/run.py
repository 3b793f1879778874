"""A run: analytics over inputs, alerts out; what happened on the way is told afterwards.

    run = Run(analytics, ["events.jsonl"])
    for alert in run: ...
    run.tally, run.funnels, run.is_complete

Everything that the command line decides about a run is an option here, so that a library user can decide it too.
Nothing is printed, and no exit code is chosen.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec
from chainrun.dsl.model import Analytic
from chainrun.dsl.nearest import nearest

from .baseline import load_baseline
from .chains import load_all
from .checkpoint.stamp import Stamp
from .engine import Engine
from .event import Event, Origin
from .formats import Format, FormatError, load_formats
from .formats.rawpath import RawPath
from .formats.spec import Fault
from .intake.address import Address
from .intake.demand import EVERYTHING
from .intake.hearing import ListenError
from .intake.intake import Intake
from .intake.inventory import Inventory, InventoryError, load_inventory
from .intake.normalise import Normaliser
from .intake.source import Input
from .intake.span import Span
from .intake.tally import Tally
from .intake.tolerance import Tolerance
from .report.alert import Alert
from .report.alert import stamp as said
from .report.balance import Balance, group_balances, line_balance
from .report.funnel import Funnel, funnels
from .report.phrase import FIELDS as SHOWN
from .restart import Keeper, stamp


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to run.

    evidence        how many events of a step an alert lists in full
    raw             whether an alert's witnesses carry the record as it came
    host            the host of records that name none; without it, the input's name
    lateness        microseconds that a pipe's events may be out of order
    updates         an alert is given once more when its window has closed, if something was added
    show_suppressed what an exception suppresses is given too, and says so
    allow_unproven  what did not happen as far as is known completes a chain, and the alert says so
    baselines       files of what was seen before
    inventory       a file of hosts' addresses
    telemetry       names of the formats that may be read; none: all
    telemetry_files format files of one's own, tried before the shipped ones
    max_state       bytes that partial matches may take, of all hosts together
    unwrap          places of envelopes where records stand, besides those that are known
    whole           events that can matter to no chain are taken too: the same, but slower
    follow          files are followed as they grow and are rotated, without end
    listen          addresses of this machine to which others send lines
    written         files that are written meanwhile, and must not come to be followed
    span            the time that is asked about
    tolerance       how many bad lines are borne, before reading ends
    sieve           a line is looked at as one of the format that is expected, first; without it the same, but slower
    """

    evidence: int = 20
    raw: bool = True
    host: str | None = None
    lateness: int | None = None
    updates: bool = False
    show_suppressed: bool = False
    allow_unproven: bool = False
    baselines: tuple[str, ...] = ()
    inventory: str | None = None
    telemetry: tuple[str, ...] = ()
    telemetry_files: tuple[str, ...] = ()
    max_state: int | None = None
    unwrap: tuple[RawPath, ...] = ()
    whole: bool = False
    follow: bool = False
    listen: tuple[Address, ...] = ()
    written: tuple[str, ...] = ()
    span: Span = Span()
    tolerance: Tolerance = Tolerance()
    sieve: bool = True


class Run:
    """One run, to be iterated once. Raises FormatError, BaselineError, InventoryError or StateError at once where the
    telemetry formats, a baseline, the inventory or a state cannot be had.

    on_wait  called before a stream is waited for: all that came of what was read has been taken
    keep     what makes the keeper of its state, given the stamp of what it rests on
    """

    def __init__(
        self,
        analytics: Sequence[Analytic],
        inputs: Sequence[str],
        options: Options | None = None,
        *,
        stdin: IO[bytes] | int = 0,
        stream: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
        on_wait: Callable[[], None] | None = None,
        keep: Callable[[Stamp], Keeper] | None = None,
        on_bad: Callable[[bytes | None, Origin, str], None] | None = None,
    ) -> None:
        options = options or Options()
        self._options = options
        self._formats = formats = choose_formats(options.telemetry, options.telemetry_files)
        inventory = open_inventory(options.inventory)
        baselines = [load_baseline(Path(name)) for name in options.baselines]
        self.keeper = keep(stamp(analytics, formats, _settings(options))) if keep is not None else None
        begin = self.keeper.beginning(analytics) if self.keeper is not None else analytics
        self.engine = Engine(
            begin,
            evidence=options.evidence,
            raw=options.raw,
            updates=options.updates,
            suppressed=options.show_suppressed,
            allow_unproven=options.allow_unproven,
            sees={format.name: format.sees for format in formats},
            inventory=inventory,
            budget=options.max_state,
        )
        for baseline in baselines:
            baseline.put(self.engine)
        self._intake = Intake(
            inputs,
            self._normaliser(),
            lateness=options.lateness,
            host=options.host,
            inventory=inventory,
            stdin=stdin,
            stream=stream,
            lasts=keep is not None,
            on_progress=on_progress,
            on_wait=self._settle,
            on_read=self._read,
            follow=options.follow,
            listen=options.listen,
            written=options.written,
            span=options.span,
            tolerance=options.tolerance,
            on_bad=on_bad,
        )
        self._raised: Counter[tuple[str, str]] = Counter()
        self._on_wait = on_wait
        self.begun: tuple[str, ...] = ()  # the chains that begin now, where others go on
        if self.keeper is not None:
            self.keeper.resume(self.engine, self._intake, [(self, ("_raised",))])
            if begin is not analytics:
                self.begun = self._load(analytics)
                for baseline in baselines:  # what the new ones ask for
                    baseline.put(self.engine)

    def _normaliser(self) -> Normaliser:
        """What makes events of lines, as the loaded chains need them."""
        demand = EVERYTHING if self._options.whole else self.engine.demand
        options = self._options
        return Normaliser(self._formats, self.engine.fields | SHOWN, demand, sieve=options.sieve, unwrap=options.unwrap)

    def load(self, analytics: Sequence[Analytic]) -> tuple[str, ...]:
        """Goes on with these analytics, from `on_wait`, and returns the names of the chains that begin now: one that
        says what it said keeps its state, and what all chains share is kept in any case."""
        begun = self._load(analytics)
        self.lay_aside()  # else, killed now, it could not go on: what was laid aside is of other chains
        return begun

    def _load(self, analytics: Sequence[Analytic]) -> tuple[str, ...]:
        begun = self.engine.load(analytics)
        self._intake.use(self._normaliser())
        if self.keeper is not None:
            self.keeper.stamp = self._stamp()
        return tuple(f"{running.analytic.id}/{running.automaton.chain.name}" for running in begun)

    def lay_aside(self) -> None:
        """Writes a checkpoint, where state is kept; from `on_wait`."""
        if self.keeper is not None:
            self.keeper.commit()

    def _stamp(self) -> Stamp:
        return stamp(self.engine.analytics, self._formats, _settings(self._options))

    def events(self) -> Iterator[Event]:
        """The events alone, in order; none is matched. For `baseline.learn`."""
        return iter(self._intake)

    def __iter__(self) -> Iterator[Alert]:
        if self.keeper is None:
            yield from self._found()
        else:
            yield from self.keeper.kept(self._found())

    def _found(self) -> Iterator[Alert]:
        for event in self._intake:
            if alerts := self.engine.feed(event):
                yield from self._counted(alerts)
        if self.keeper is None or not self._intake.is_stream:  # what is kept of a stream is never at its end
            yield from self._counted(self.engine.end())

    def _settle(self) -> None:
        """Nothing is under way: what was read has been matched, and its alerts have been taken."""
        if self.keeper is not None:
            self.keeper.settle()
        if self._on_wait is not None:
            self._on_wait()

    def _read(self, input: Input, data: bytes, arrived: int | None) -> None:
        if self.keeper is not None:
            self.keeper.read(input, data, arrived)

    def _counted(self, alerts: list[Alert]) -> Iterator[Alert]:
        for alert in alerts:
            if alert.revision == 0 and alert.suppressed is msgspec.UNSET:
                self._raised[alert.analytic, alert.chain] += 1
            yield alert

    def listen(self) -> None:
        """Begins to listen where others are to send, if alerts are not asked for at once. Raises ListenError."""
        try:
            self._intake.opening.listen()
        except ListenError:
            if self.keeper is not None:
                self.keeper.close()
            raise

    def stop(self) -> None:
        """Reads no further; what has been read is finished. May be called from a signal handler."""
        self._intake.stop()

    def drain(self) -> None:
        """As `stop`, but reads what pipes still hold, for some seconds at most."""
        self._intake.drain()

    @property
    def is_stream(self) -> bool:
        """Whether events are taken as they come."""
        return self._intake.is_stream

    @property
    def inputs(self) -> tuple[str, ...]:
        """The files and pipes that were found, by name."""
        return tuple(input.name for input in self._intake.inputs)

    @property
    def alerts(self) -> int:
        """How many alerts there have been."""
        return self._raised.total()

    @property
    def tally(self) -> Tally:
        return self._intake.tally

    @property
    def funnels(self) -> tuple[Funnel, ...]:
        return funnels(self.engine, self._raised, self._intake.tally.by_format)

    @property
    def given_up(self) -> Counter[str]:
        """How many partial matches of each host were given up for lack of room."""
        return _by_host(self.engine.pressure.given_up)

    @property
    def forgotten(self) -> Counter[str]:
        """How many things that were remembered beside them, of each host, were forgotten for lack of room."""
        return _by_host(self.engine.pressure.forgotten)

    @property
    def balances(self) -> tuple[Balance, ...]:
        """What became of the lines, and of each chain's groups; they are even once the run has ended."""
        return line_balance(self.tally), *group_balances(self.engine)

    @property
    def is_complete(self) -> bool:
        """Whether every input was read to its end, and no more lines were bad than was to be borne."""
        return not self.tally.errors and not self.tally.is_intolerable and not self.tally.unread


def _by_host(counts: Mapping[tuple[str, str], int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (host, _), count in counts.items():
        found[host] += count
    return found


def _settings(options: Options) -> dict[str, object]:
    """The options that a state rests on, by their names on the command line."""
    return {
        "evidence": options.evidence,
        "no-raw": not options.raw,
        "updates": options.updates,
        "show-suppressed": options.show_suppressed,
        "allow-unproven": options.allow_unproven,
        "host": options.host,
        "lateness": f"{options.lateness / 1_000_000:g}s" if options.lateness else None,
        "telemetry": options.telemetry,
        "baseline": tuple(map(Path, options.baselines)),
        "inventory": Path(options.inventory) if options.inventory is not None else None,
        "max-state": options.max_state,
        "whole": options.whole,
        "unwrap": tuple(".".join(path) for path in options.unwrap),
        "from": said(options.span.since) if options.span.since is not None else None,
        "to": said(options.span.until) if options.span.until is not None else None,
    }


def open_inventory(path: str | None) -> Inventory | None:
    """What a file knows of hosts' addresses, if one is named; raises InventoryError with what is wrong in it."""
    if path is None:
        return None
    inventory, faults = load_inventory(Path(path))
    if faults:
        raise InventoryError(faults)
    return inventory


def run(
    chains: Analytic | str | Path | Sequence[Analytic | str | Path],
    inputs: str | Path | Sequence[str | Path],
    options: Options | None = None,
) -> Run:
    """A run of chains, loaded or named, over files, folders and globs of telemetry; iterate it for its alerts.

    Raises `ChainError` where a named chain does not check, `FormatError` where a telemetry format cannot be had.
    """
    given = [chains] if isinstance(chains, Analytic | str | Path) else list(chains)
    named = [c for c in given if not isinstance(c, Analytic)]
    loaded = [c for c in given if isinstance(c, Analytic)]
    analytics = [*loaded, *(load_all(named) if named else ())]
    names = [inputs] if isinstance(inputs, str | Path) else inputs
    return Run(analytics, [str(name) for name in names], options)


def choose_formats(names: Sequence[str] = (), files: Sequence[str] = ()) -> tuple[Format, ...]:
    """The telemetry formats to read: one's own from files, and the shipped ones, or those of them that are named."""
    formats = load_formats(tuple(Path(f) for f in files))
    known = {f.name for f in formats}
    faults = []
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = f"; did you mean `{near}`?" if near else "; `chainrun formats` lists them"
            faults.append(Fault("--telemetry", name, f"no telemetry format has this name{hint}"))
    if faults:
        raise FormatError(faults)
    return tuple(f for f in formats if not names or f.name in names)
