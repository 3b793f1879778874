"""What was seen before, as a file: so that `new(…)` need not wait for thirty days of its own.

A baseline holds, for each question that chains ask with `new`, the combinations of values that occurred and when each
did last, and the time that it covers. `chainrun baseline` makes one of old telemetry; `--baseline FILE` starts a run
with it. One JSON object; docs/baseline.md describes it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from .engine import Engine
from .event import Event
from .match.novelty import History

VERSION = 1


class BaselineError(Exception):
    """A baseline that cannot be used; `faults` says why."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Seen(msgspec.Struct, frozen=True):
    """The combinations of some fields' values among events of a kind. Times are microseconds since 1970."""

    kind: str
    fields: tuple[str, ...]
    values: list[tuple[list[Any], int]]


class Baseline(msgspec.Struct, frozen=True, tag_field="chainrun", tag="baseline"):
    """What was seen from one moment to another."""

    version: int
    since: int
    until: int
    seen: list[Seen]

    def put(self, engine: Engine) -> None:
        """Let an engine know it, before its first event. What no loaded chain asks for is left out; combinations that
        an earlier baseline knows keep the later time."""
        held = {(s.kind, s.fields): s for s in self.seen}
        for question, history in engine.novelty.histories.items():
            seen = held.get(question)
            if seen is None:
                continue
            history.covered.append((self.since, self.until))
            for values, at in seen.values:
                key = tuple(map(_hashable, values))
                history.last[key] = max(at, history.last.get(key, at))


def learn(engine: Engine, events: Iterable[Event]) -> Baseline | None:
    """The baseline of events in order, for the questions of the engine's chains; None of no events."""
    since: int | None = None
    until = 0
    for event in events:
        engine.novelty.learn(event)
        since = event.time if since is None else min(since, event.time)
        until = max(until, event.time)
    if since is None:
        return None
    return Baseline(VERSION, since, until, [_seen(h) for _, h in sorted(engine.novelty.histories.items())])


def _seen(history: History) -> Seen:
    values = [([_plain(v) for v in key], at) for key, at in history.last.items()]
    values.sort(key=lambda item: (msgspec.json.encode(item[0]), item[1]))
    return Seen(history.kind, history.fields, values)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def encode(baseline: Baseline) -> bytes:
    """The baseline as a line of JSON."""
    return msgspec.json.encode(baseline) + b"\n"


def load_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises BaselineError."""
    try:
        baseline = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BaselineError(f"{path}: is no baseline ({error}); `chainrun baseline` makes one") from error
    if baseline.version != VERSION:
        raise BaselineError(f"{path}: is a baseline of version {baseline.version}, and this is {VERSION}; make it anew")
    if baseline.since > baseline.until:
        raise BaselineError(f"{path}: it ends before it begins")
    return baseline
