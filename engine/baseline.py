"""What was seen before, as a file: so that `new(…)` need not wait for thirty days of its own.

A baseline holds, for each question that chains ask with `new`, the combinations of values that occurred and when each
did last, and the time that it covers. `chainrun baseline` makes one of old telemetry; `--baseline FILE` starts a run
with it. One JSON object; docs/baseline.md describes it.
"""

from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path

import msgspec

from .engine import Engine
from .event import Event
from .match.digests import Digest, digested
from .match.fields import from_key, hashable
from .match.novelty import History
from .report.escape import escape_json

VERSION = 1

# From the last record of a baseline to the first one of a run there is always a gap. One so short is taken for quiet.
QUIET = 3_600_000_000

Scalar = str | int | float | bool | Digest
Combination = tuple[Scalar | tuple[Scalar, ...], ...]


class BaselineError(Exception):
    """A baseline that cannot be used; `faults` says why."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Seen(msgspec.Struct, frozen=True):
    """The combinations of some fields' values among events of a kind. Times are microseconds since 1970."""

    kind: str
    fields: tuple[str, ...]
    values: list[tuple[Combination, int]]


class Baseline(msgspec.Struct, frozen=True, tag_field="chainrun", tag="baseline"):
    """What was seen from one moment to another."""

    version: int
    since: int
    until: int
    seen: list[Seen]

    def put(self, engine: Engine) -> None:
        """Let an engine know it, before its first event. What no loaded chain asks for is left out; combinations that
        an earlier baseline knows keep the later time."""
        for seen in self.seen:
            history = engine.novelty.histories.get((seen.kind, seen.fields))
            if history is None:
                continue
            history.covered.append((self.since, self.until + QUIET))
            for found, at in seen.values:
                values = digested(hashable(found))
                history.last[values] = max(at, history.last.get(values, at))


def learn(engine: Engine, events: Iterable[Event]) -> Baseline | None:
    """The baseline of events in order, for the questions of the engine's chains; None of no events."""
    since: int | None = None
    until = 0
    for event in events:
        engine.lineage.place(event)  # a record may name its process by an id alone
        engine.novelty.learn(event)
        if engine.timer.is_due(event.time):
            engine.lineage.forget(event.time - engine.timer.every)
        since = event.time if since is None else min(since, event.time)
        until = max(until, event.time)
    if since is None:
        return None
    return Baseline(VERSION, since, until, [_seen(h) for _, h in sorted(engine.novelty.histories.items())])


def _seen(history: History) -> Seen:
    ordered = sorted(_sayable(history.last))
    return Seen(history.kind, history.fields, [(values, at) for _, values, at in ordered])


def _sayable(last: dict[tuple[Hashable, ...], int]) -> Iterator[tuple[bytes, Combination, int]]:
    """Each combination as JSON and as it is. What JSON cannot say (half of a surrogate pair) stays new for ever."""
    for values, at in last.items():
        try:
            text = msgspec.json.encode(from_key(values))
            yield text, msgspec.json.decode(text, type=Combination), at
        except (UnicodeEncodeError, msgspec.ValidationError):
            continue


def encode(baseline: Baseline) -> bytes:
    """The baseline as a line of JSON."""
    return escape_json(msgspec.json.encode(baseline).decode()).encode() + b"\n"


def load_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises BaselineError."""
    try:
        baseline = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{path}: is no baseline ({error}); `chainrun baseline` makes one") from error
    if baseline.version != VERSION:
        raise BaselineError(f"{path}: is a baseline of version {baseline.version}, and this is {VERSION}; make it anew")
    if baseline.since > baseline.until:
        raise BaselineError(f"{path}: it ends before it begins")
    for seen in baseline.seen:
        wrong = next((values for values, _ in seen.values if len(values) != len(seen.fields)), None)
        if wrong is not None:
            raise BaselineError(f"{path}: {len(wrong)} values stand for {len(seen.fields)} fields of `{seen.kind}`")
    return baseline
